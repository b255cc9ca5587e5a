"""Pools that round their size up: a last window that would begin in the padding does not count.

ONNX Runtime and PyTorch leave such a window out; ONNX's own inference of shapes counts it. The
node is written anew without rounding, so that everybody finds the same size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import onnx

from codegen.importing.own_constants import attributes_of
from codegen.ops.base import Shape

COUNTED_PADS = "counted_pads"  # the house's own attribute: the padding that an average may count
_POOLS = ("AveragePool", "MaxPool")


def settle_sizes(nodes: Iterable[onnx.NodeProto], shapes: Mapping[str, Shape]) -> bool:
    """Writes pools anew whose last windows begin in the padding; whether there was any."""
    changed = False
    for node in nodes:
        if node.op_type in _POOLS and not node.domain and node.input[0] in shapes:
            changed |= _settle(node, shapes[node.input[0]])
    return changed


def _settle(node: onnx.NodeProto, shape: Shape) -> bool:
    attributes = attributes_of(node)
    if not attributes.get("ceil_mode") or attributes.get("auto_pad", b"NOTSET") != b"NOTSET":
        return False
    kernel = _numbers(attributes, "kernel_shape")
    sizes, ones = shape[2:], [1] * len(kernel)
    strides = _numbers(attributes, "strides") or ones
    dilations = _numbers(attributes, "dilations") or ones
    pads = _numbers(attributes, "pads") or [0, 0] * len(kernel)
    begins, ends = pads[: len(kernel)], pads[len(kernel) :]
    spans = [step * (taps - 1) + 1 for step, taps in zip(dilations, kernel, strict=True)]
    sides = list(zip(sizes, spans, strides, begins, ends, strict=True))
    if not any(_counts_one_too_many(*side) for side in sides):
        return False
    needed = [_end(*side) for side in sides]
    kept = [a for a in node.attribute if a.name not in ("ceil_mode", "pads")]
    del node.attribute[:]
    node.attribute.extend(
        [
            *kept,
            onnx.helper.make_attribute("pads", [*begins, *needed]),
            onnx.helper.make_attribute(COUNTED_PADS, pads),
        ]
    )
    return True


def _windows(size: int, span: int, stride: int, begin: int, end: int) -> int:
    """How many there are if their number is rounded up."""
    return -(-(size + begin + end - span) // stride) + 1


def _counts_one_too_many(size: int, span: int, stride: int, begin: int, end: int) -> bool:
    return (_windows(size, span, stride, begin, end) - 1) * stride >= size + begin


def _end(size: int, span: int, stride: int, begin: int, end: int) -> int:
    """Padding at the end with which the right number need not be rounded."""
    count = _windows(size, span, stride, begin, end)
    count -= _counts_one_too_many(size, span, stride, begin, end)
    return max(end, (count - 1) * stride + span - size - begin)


def _numbers(attributes: Mapping[str, object], name: str) -> list[int]:
    given = attributes.get(name)
    return [int(number) for number in given] if isinstance(given, Sequence) else []
