"""resize: an image drawn larger or smaller, each pixel copied from its nearest neighbour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import (
    KernelContext,
    Quantised,
    QuantiseRequest,
    QuantityKeeper,
    QuantLayer,
    Shape,
    TensorSpec,
    image_shape,
    shape_text,
)
from codegen.ops.gather import take

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ResizeContext(KernelContext):
    """Holes of resize.c.j2."""

    input_height: int
    input_width: int
    output_height: int
    output_width: int
    channels: int


@dataclass(frozen=True, kw_only=True)
class Resize(QuantityKeeper):
    """Output pixel (y, x) is input pixel (rows[y], columns[x]).

    Which neighbour is the nearest is settled by whoever builds the layer: formats differ in it.
    """

    kind: ClassVar[str] = "resize"
    always_shared: ClassVar[bool] = True

    rows: Shape
    columns: Shape

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[OH, OW, C]; HvError if a pixel that is read lies outside."""
        height, width, channels = image_shape(inputs, self.kind)
        for name, indices, extent in (
            ("rows", self.rows, height),
            ("columns", self.columns, width),
        ):
            if not indices:
                raise HvError(f"resize to an image without {name}")
            if min(indices) < 0 or max(indices) >= extent:
                raise HvError(
                    f"resize reads {name} {min(indices)} to {max(indices)} of {extent}",
                    hint=f"{name} are counted from 0 to {extent - 1}",
                )
        return len(self.rows), len(self.columns), channels

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """The two tables that the kernel reads."""
        return {
            name: TensorSpec(dtype="int32", shape=(len(indices),), meaning=meaning)
            for name, indices, meaning in (
                ("rows", self.rows, "source row of every output row"),
                ("columns", self.columns, "source column of every output column"),
            )
        }

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, OH, OW, C]."""
        resized: torch.Tensor = self._take(inputs[0])
        return resized

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """The same integers, and the fields as tables."""
        return Quantised(quantity=request.input_quantities[0], constants={}, tensors=self._tables())

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """The tables must be the fields, which lie inside: the kernel trusts them."""
        return [
            HvError(
                f"{name} are not those of the architecture",
                where=f"layer {layer.name}",
                hint="the store is damaged",
            )
            for name, table in self._tables().items()
            if not np.array_equal(layer.tensors[name], table)
        ]

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The same integers."""
        return self._take(inputs[0])

    def kernel_context(self, layer: QuantLayer, function: str) -> ResizeContext:
        """See templates/kernels/resize.c.j2."""
        height, width, channels = layer.input_shapes[0]
        return ResizeContext(
            layer=layer.name,
            function=function,
            summary=f"resize, nearest, {shape_text(layer.input_shapes[0])} -> "
            f"{shape_text(layer.output_shape)}",
            input_height=height,
            input_width=width,
            output_height=len(self.rows),
            output_width=len(self.columns),
            channels=channels,
        )

    def _tables(self) -> dict[str, np.ndarray]:
        return {
            "rows": np.array(self.rows, np.int32),
            "columns": np.array(self.columns, np.int32),
        }

    def _take(self, x: Array) -> Array:
        return take(take(x, self.rows, axis=0), self.columns, axis=1)
