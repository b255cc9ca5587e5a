"""Geometry of sliding windows: ONNX's attributes as the house's kernel, stride and padding."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from codegen.importing.context import Context, Unsupported
from codegen.importing.graph import Node
from codegen.importing.values import image_axes
from codegen.ops.pad import Pad
from codegen.ops.windows import Padding, Pair


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """A window over an image; padding is top, left, bottom, right."""

    kernel: Pair
    stride: Pair
    padding: Padding
    dilation: Pair
    output_padding: Pair = (0, 0)

    @property
    def span(self) -> Pair:
        """Height and width from the first tap to the last."""
        rows, columns = (
            step * (taps - 1) + 1 for step, taps in zip(self.dilation, self.kernel, strict=True)
        )
        return rows, columns


def require_image(context: Context, node: Node) -> tuple[int, int, int]:
    """Height, width and channels of the node's first input [1, C, H, W] or [1, C, L].

    Raises:
        Unsupported: it is no image, or a batch of several.
    """
    shape = context.shape(node.inputs[0])
    if len(shape) not in (3, 4):
        raise Unsupported(
            f"its input has the shape {list(shape)}", "one and two dimensions are supported"
        )
    if shape[0] != 1:
        raise Unsupported(
            f"its input is a batch of {shape[0]}",
            "export with a batch of 1: the C runs one at a time",
        )
    height = shape[2] if len(shape) == 4 else 1
    return height, shape[-1], shape[1]


def conv_geometry(
    node: Node,
    kernel: Sequence[int],
    image: tuple[int, int, int],
    *,
    transposed: bool = False,
    pads: Sequence[int] | None = None,
) -> Geometry:
    """Attributes of Conv, ConvTranspose and pools; auto_pad resolved for an image [H, W, C].

    `pads` take the place of the node's.
    """
    stride = _pair(node.attribute("strides"), len(kernel), 1)
    dilation = _pair(node.attribute("dilations"), len(kernel), 1)
    geometry = Geometry(
        kernel=_pair(kernel, len(kernel), 1),
        stride=stride,
        dilation=dilation,
        padding=_padding(pads or node.attribute("pads"), len(kernel)),
        output_padding=_pair(node.attribute("output_padding"), len(kernel), 0),
    )
    if transposed and node.attribute("output_shape"):
        wanted = _pair(list(node.attribute("output_shape"))[-len(kernel) :], len(kernel), 1)
        return _for_output(node, geometry, image, wanted)
    mode = node.attribute("auto_pad", "NOTSET")
    if mode in ("NOTSET", "", "VALID"):
        return geometry
    if transposed:
        wanted = _same_transposed(geometry, image)
        return _for_output(node, geometry, image, wanted)
    return dataclasses.replace(geometry, padding=_same(geometry, image, mode))


def padded_image(context: Context, node: Node, geometry: Geometry) -> tuple[str, Geometry]:
    """The layer to slide over: padding as wide as the window becomes a layer of its own."""
    tensor, frame = context.framed.get(node.inputs[0], (node.inputs[0], (0, 0, 0, 0)))
    source = context.arranged(tensor, image_axes(context.shape(tensor)))
    top, left, bottom, right = map(sum, zip(geometry.padding, frame, strict=True))
    geometry = dataclasses.replace(geometry, padding=(top, left, bottom, right))
    if min(geometry.padding) < 0:
        raise Unsupported("its padding is negative", "crop with a Slice before it")
    if max(top, bottom) < geometry.span[0] and max(left, right) < geometry.span[1]:
        return source, geometry
    padded = Pad(before=(top, left, 0), after=(bottom, right, 0), mode="constant", value=0.0)
    layer = context.network.add(f"{node.name}_padded", padded, [source])
    return layer, dataclasses.replace(geometry, padding=(0, 0, 0, 0))


def _for_output(
    node: Node, geometry: Geometry, image: tuple[int, int, int], wanted: Pair
) -> Geometry:
    """Padding of a transposed convolution whose output size is given (ONNX, ConvTranspose)."""
    sides = []
    for axis in range(2):
        full = geometry.stride[axis] * (image[axis] - 1) + geometry.span[axis]
        total = full + geometry.output_padding[axis] - wanted[axis]
        upper = node.attribute("auto_pad") == "SAME_UPPER"
        before = total // 2 if upper else total - total // 2
        sides.append((before, total - before))
    (top, bottom), (left, right) = sides
    if min(top, bottom, left, right) >= 0:
        return dataclasses.replace(geometry, padding=(top, left, bottom, right))
    extra = (-min(top + bottom, 0), -min(left + right, 0))
    rows, columns = geometry.output_padding
    return dataclasses.replace(
        geometry,
        padding=(max(top, 0), max(left, 0), max(bottom, 0), max(right, 0)),
        output_padding=(rows + extra[0], columns + extra[1]),
    )


def _same(geometry: Geometry, image: tuple[int, int, int], mode: str) -> Padding:
    """SAME_UPPER and SAME_LOWER: as many windows as strides begin in the image."""
    sides = []
    for axis in range(2):
        outputs = -(-image[axis] // geometry.stride[axis])
        covered = (outputs - 1) * geometry.stride[axis] + geometry.span[axis]
        total = max(covered - image[axis], 0)
        less, more = total // 2, total - total // 2
        sides.append((less, more) if mode == "SAME_UPPER" else (more, less))
    (top, bottom), (left, right) = sides
    return top, left, bottom, right


def _same_transposed(geometry: Geometry, image: tuple[int, int, int]) -> Pair:
    """A stride for each input; less where the windows do not reach as far: nothing is added."""
    rows, columns = (
        min(size * stride, stride * (size - 1) + span + more)
        for size, stride, span, more in zip(
            image[:2], geometry.stride, geometry.span, geometry.output_padding, strict=True
        )
    )
    return rows, columns


def _pair(values: Sequence[int] | None, dimensions: int, default: int) -> Pair:
    numbers = [int(value) for value in values] if values is not None else [default] * dimensions
    first, second = [default] * (2 - len(numbers)) + numbers
    return first, second


def _padding(values: Sequence[int] | None, dimensions: int) -> Padding:
    """ONNX gives all beginnings, then all ends."""
    numbers = [int(value) for value in values] if values is not None else [0] * (2 * dimensions)
    if dimensions == 1:
        return 0, numbers[0], 0, numbers[1]
    top, left, bottom, right = numbers
    return top, left, bottom, right
