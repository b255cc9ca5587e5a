"""What a kernel is: one way to compute an operator on some targets, bit for bit its reference."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self

import numpy as np

from codegen.errors import HvError
from codegen.ops.base import KernelContext, QuantLayer, TensorSpec
from codegen.plans import PlanName
from codegen.targets import Target

ScratchView = Literal["int8", "int16", "int32", "uint32"]


class Kernel(ABC):
    """A way to compute a layer. Subclasses are frozen dataclasses whose fields are its blocking.

    A kernel may store a layer's tensors as it reads them best: interleaved, widened, transformed.
    That is done once, when the weights are packed for a target.
    """

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()  # features that the target must have
    headers: ClassVar[tuple[str, ...]] = ()  # of firmware/runtime, beyond those of every kernel
    sources: ClassVar[tuple[str, ...]] = ()  # likewise
    library_frames: ClassVar[Mapping[str, int]] = MappingProxyType({})  # stack of their assembly
    scratch_view: ClassVar[ScratchView] = "int16"  # how its C sees its working memory

    @classmethod
    @abstractmethod
    def candidates(cls, layer: QuantLayer, target: Target) -> tuple[Self, ...]:
        """Every blocking of this kernel that computes the layer on the target; none: not at all.

        Features are checked by the caller.
        """

    def suits(self, plan: PlanName) -> bool:
        """Whether a plan takes this blocking where nothing was measured."""
        return True

    @abstractmethod
    def template(self, layer: QuantLayer) -> str:
        """Its C: templates/kernels/<this>.c.j2."""

    def assembly(self, layer: QuantLayer) -> str | None:
        """Its assembly, templates/kernels/<this>.S.j2; None: it has none."""
        return None

    def frames(self, layer: QuantLayer) -> Mapping[str, int]:
        """Stack of each function in its assembly, bytes, by what follows the layer's function."""
        return {}

    def scratch_bytes(self, layer: QuantLayer) -> int:
        """Working memory it needs while it runs."""
        return 0

    def overwrites(self, layer: QuantLayer) -> tuple[int, ...]:
        """Inputs, by index, at whose first byte the output may begin if nobody reads them later.

        It has read an element of such an input for the last time before it writes a byte of the
        output there. The output is not larger than the input.
        """
        return ()

    def stored_specs(self, layer: QuantLayer) -> dict[str, TensorSpec]:
        """Names and layouts of the tensors as it reads them, in the order of its parameters."""
        return layer.op.tensor_specs(layer.input_shapes)

    def stored(self, layer: QuantLayer) -> dict[str, np.ndarray]:
        """The layer's tensors in that layout; unless a kernel says more, as they are."""
        return dict(layer.tensors)

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """What this kernel needs to be exact and the actual weights do not grant."""
        return []

    @abstractmethod
    def context(self, layer: QuantLayer, function: str) -> KernelContext:
        """What its templates see."""

    def options(self) -> Mapping[str, Any]:
        """Its blocking, as a schedule file says it."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    def describe(self) -> str:
        """For comments and reports: "portable", "conv_tile weight_bits=8 steps=24"."""
        return " ".join((self.name, *(f"{key}={value}" for key, value in self.options().items())))
