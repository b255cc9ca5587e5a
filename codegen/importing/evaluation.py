"""One node run on constants, by ONNX's own reference."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator

AXES_ARE_AN_INPUT = 13  # opset in which the axes of Squeeze and Unsqueeze stopped being attributes


def evaluate(
    node: onnx.NodeProto, feeds: Mapping[str, np.ndarray], opset: int
) -> dict[str, np.ndarray] | None:
    """What a standard node answers, by output; None where the reference cannot say.

    Args:
        node: of the standard domain, without graphs in it.
        feeds: all its inputs.
        opset: of the standard operators.
    """
    alone = onnx.NodeProto()
    alone.CopyFrom(node)
    given = dict(feeds)
    if node.op_type in ("Squeeze", "Unsqueeze") and opset < AXES_ARE_AN_INPUT:
        _modernise(alone, given)
        opset = AXES_ARE_AN_INPUT
    try:
        results = ReferenceEvaluator(alone, opsets={"": opset}).run(None, given)
    except Exception:  # whatever its many operators raise: the node stays a node
        return None
    arrays = {name: x for name, x in zip(node.output, results, strict=False) if name}
    if not all(isinstance(x, np.ndarray | np.generic) for x in arrays.values()):
        return None  # a sequence
    if any(x.dtype == object for x in arrays.values()):
        return None  # strings
    return {name: np.asarray(x) for name, x in arrays.items()}


def _modernise(node: onnx.NodeProto, feeds: dict[str, np.ndarray]) -> None:
    """Gives axes as an input, in place: the reference's older Unsqueeze fails at scalars."""
    axes = [list(a.ints) for a in node.attribute if a.name == "axes"]
    del node.attribute[:]
    if axes:
        node.input.append("axes of " + node.output[0])
        feeds[node.input[-1]] = np.array(axes[0], np.int64)
