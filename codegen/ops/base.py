"""What an operator is to the compiler: one class with its fields, shapes, meaning and kernel."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from array_api_compat import array_namespace

from codegen.arith import INT8_MAX, INT8_MIN, Array, quantise_real, round_half_up
from codegen.errors import HvError

if TYPE_CHECKING:
    import torch

Shape = tuple[int, ...]
Axis = int  # of a tensor without its batch, from 0
DType = Literal["int8", "int32"]


def element_bytes(dtype: DType) -> int:
    """Size of one element."""
    return 1 if dtype == "int8" else 4


@dataclass(frozen=True, kw_only=True)
class TensorSpec:
    """A tensor of weights as the kernel reads it: element type, shape, meaning."""

    dtype: DType
    shape: Shape
    meaning: str

    @property
    def elements(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))

    @property
    def size_bytes(self) -> int:
        """Size in bytes."""
        return self.elements * element_bytes(self.dtype)


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """How integers of a tensor stand for real numbers: scale * (q - zero_point)."""

    scale: float
    zero_point: int

    @classmethod
    def from_range(cls, lo: float, hi: float) -> Self:
        """The int8 quantity that covers [lo, hi] and represents 0 exactly."""
        lo, hi = min(lo, 0.0), max(hi, 0.0)
        scale = max(hi - lo, 1e-9) / (INT8_MAX - INT8_MIN)
        return cls(scale=scale, zero_point=quantise_real(-lo, scale, INT8_MIN))

    def integers(self, real: np.ndarray) -> np.ndarray:
        """The int8 nearest to each real number, clamped; half rounds up."""
        q = round_half_up(np.asarray(real, np.float64) / self.scale) + self.zero_point
        return q.clip(INT8_MIN, INT8_MAX).astype(np.int8)

    def reals(self, integers: np.ndarray) -> np.ndarray:
        """What integers stand for, float64."""
        return self.scale * (integers.astype(np.float64) - self.zero_point)


@dataclass(frozen=True, kw_only=True)
class QuantLayer:
    """One layer in integers. `tensors` may differ from person to person, `constants` never do."""

    name: str
    op: Op
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output_shape: Shape
    input_quantities: tuple[Quantity, ...]
    quantity: Quantity
    constants: Mapping[str, int]
    tensors: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class QuantiseRequest:
    """What an operator needs to turn its real numbers into integers."""

    name: str
    input_shapes: tuple[Shape, ...]
    input_quantities: tuple[Quantity, ...]
    output_range: tuple[float, float] | None  # observed; None where nothing was observed
    own_quantity: Quantity | None  # given with the network: no range is asked
    weight_scales: np.ndarray | None  # float64 [C], given with the network; None: from the weights
    left_shift: int
    tensors: Mapping[str, np.ndarray]  # float32
    producers: tuple[QuantLayer | None, ...]  # the layers that made the inputs; None: the image
    threshold: float  # real, of the decision

    def output_quantity(self, lo: float | None = None, hi: float | None = None) -> Quantity:
        """The output's quantity: its own, or one for the observed range within [lo, hi].

        Raises:
            HvError: there is neither.
        """
        if self.own_quantity is not None:
            return self.own_quantity
        if self.output_range is None:
            raise HvError(
                "no observed output range",
                where=f"layer {self.name}",
                hint="calibrate the network on some images first",
            )
        least, largest = self.output_range
        return Quantity.from_range(
            least if lo is None else max(lo, least), largest if hi is None else min(hi, largest)
        )


@dataclass(frozen=True, kw_only=True)
class Quantised:
    """An operator's answer to a QuantiseRequest."""

    quantity: Quantity
    constants: Mapping[str, int]
    tensors: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class KernelContext:
    """The template's whole world; each operator's subclass adds the holes of its template."""

    layer: str
    function: str  # the C function's name
    summary: str  # what it computes, one line
    note: str = ""  # what is proved about it; the lowering step knows


class Op(ABC):
    """An operator. Subclasses are frozen dataclasses whose fields are the JSON fields."""

    kind: ClassVar[str]
    input_count: ClassVar[int | None] = 1  # None: one or more; 0: results are [1, ...]
    accumulator_inputs: ClassVar[int] = 0  # how many inputs, the first ones, are int32
    reads_image: ClassVar[bool] = False  # its kernel can take camera bytes
    is_alias: ClassVar[bool] = False  # its output is its input's bytes; no code runs
    is_decision: ClassVar[bool] = False
    always_shared: ClassVar[bool] = False  # its tables address memory or divide: never a bundle's
    keeps_quantity: ClassVar[bool] = False  # its output's scale is its input's, whatever is asked

    @property
    def output_dtype(self) -> DType:
        """Element type of the output."""
        return "int8"

    @abstractmethod
    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Shape of the output without the batch. Raises HvError if the inputs do not fit."""

    def float_tensors(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """Names and shapes of the real-valued parameters."""
        return {}

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """Names and layouts of the integer tensors that the kernel reads."""
        return {}

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """Multiply-accumulates for one image."""
        return 0

    def scratch_bytes(self, inputs: tuple[Shape, ...]) -> int:
        """Working memory the kernel needs while it runs."""
        return 0

    def overwrites(self, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
        """Inputs, by index, at whose first byte the output may begin if nobody reads them later.

        The operator's own kernel must have read an element of such an input for the last time
        before it writes a byte of the output there. The output is not larger than the input.
        """
        return ()

    @abstractmethod
    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """The operator on real numbers, batched, channels last, differentiable."""

    @abstractmethod
    def quantise(self, request: QuantiseRequest) -> Quantised:
        """Turns the real parameters into the integers of the contract."""

    @abstractmethod
    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The operator on integers: the meaning that every kernel has to reproduce bit by bit."""

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """Everything that could overflow or is out of the contract's range, from actual weights."""
        return []

    @abstractmethod
    def kernel_context(self, layer: QuantLayer, function: str) -> KernelContext:
        """The context of `templates/kernels/<kind>.c.j2`."""

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Builds the operator from its JSON fields; unknown or missing ones are an error."""
        known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        unknown = sorted(set(fields) - set(known))
        if unknown:
            raise HvError(
                f"{cls.kind} has no field {', '.join(unknown)}",
                hint=f"its fields are: {', '.join(sorted(known)) or 'none'}",
            )
        try:
            values = {name: _value(value) for name, value in fields.items()}
            for name, value in values.items():
                _check_field(cls.kind, name, value, str(known[name].type))
            return cls(**values)
        except TypeError as error:
            raise HvError(f"{cls.kind}: {error}") from error

    def to_json(self) -> dict[str, Any]:
        """The JSON fields, without the operator's kind."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]


class QuantityKeeper(Op):
    """An operator whose output means what its input means: integers are moved or compared."""

    keeps_quantity: ClassVar[bool] = True

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """Nothing to choose."""
        return Quantised(quantity=request.input_quantities[0], constants={}, tensors={})


@dataclass(frozen=True, kw_only=True)
class Activation:
    """A function fused into the layer that feeds it."""

    kind: Literal["none", "relu", "relu6", "clip", "prelu"] = "none"
    lo: float | None = None  # clip only
    hi: float | None = None  # clip only

    def __post_init__(self) -> None:
        """Refuses what is no activation."""
        if self.kind not in ("none", "relu", "relu6", "clip", "prelu"):
            raise HvError(
                f"unknown activation {self.kind!r}",
                hint="one of none, relu, relu6, clip (with lo, hi), prelu",
            )
        has_bounds = self.lo is not None and self.hi is not None
        if (self.kind == "clip") != has_bounds:
            raise HvError(
                f"activation {self.kind!r}: lo and hi belong to clip, and clip needs both"
            )
        if not all(isinstance(end, int | float | None) for end in (self.lo, self.hi)):
            raise HvError(f"clip needs numbers, got {self.lo!r} and {self.hi!r}")
        if has_bounds and not self.lo < self.hi:  # type: ignore[operator]
            raise HvError(f"clip needs lo < hi, got {self.lo} and {self.hi}")

    def bounds(self) -> tuple[float | None, float | None]:
        """The real interval that the output is clamped to; None where it is open."""
        return {"relu": (0.0, None), "relu6": (0.0, 6.0), "clip": (self.lo, self.hi)}.get(
            self.kind, (None, None)
        )

    def clamp(self, quantity: Quantity) -> tuple[int, int]:
        """The same interval in the output's integers: `lo` and `hi` of requantise."""
        lo, hi = self.bounds()
        scale, zero_point = quantity.scale, quantity.zero_point
        return (
            INT8_MIN if lo is None else quantise_real(lo, scale, zero_point),
            INT8_MAX if hi is None else quantise_real(hi, scale, zero_point),
        )

    def float_forward(self, x: torch.Tensor, slope: torch.Tensor | None) -> torch.Tensor:
        """The function on real numbers; `slope` [C] for prelu."""
        if self.kind == "prelu" and slope is not None:
            return x.clamp(min=0) + slope * x.clamp(max=0)
        lo, hi = self.bounds()
        return x if lo is None and hi is None else x.clamp(min=lo, max=hi)

    def describe(self) -> str:
        """For comments and reports: ", ReLU6", or nothing."""
        names = {"none": "", "relu": ", ReLU", "relu6": ", ReLU6", "prelu": ", PReLU"}
        return names.get(self.kind, f", clip [{self.lo}, {self.hi}]")


def for_every_sample(values: Array, count: int) -> Array:
    """[1, ...], the result of a layer that reads nothing -> [count, ...]."""
    return array_namespace(values).broadcast_to(values, (count, *values.shape[1:]))


def image_shape(inputs: tuple[Shape, ...], kind: str) -> tuple[int, int, int]:
    """The one input as (height, width, channels), or an error."""
    if len(inputs[0]) != 3:
        raise HvError(f"{kind} needs an image of height, width and channels, not shape {inputs[0]}")
    height, width, channels = inputs[0]
    return height, width, channels


def shape_text(shape: Shape) -> str:
    """For comments and reports: "4x4x3"."""
    return "x".join(map(str, shape))


def _check_field(kind: str, name: str, value: Any, annotation: str) -> None:  # noqa: ANN401
    """Fields are int, Axis, Pair, Padding, Shape, Activation; the operator checks all others."""
    numbers = {"int": 1, "Axis": 1, "Pair": 2, "Padding": 4}.get(annotation)
    if annotation == "Shape":
        fits = isinstance(value, tuple) and all(type(part) is int for part in value)
    elif numbers is None:
        fits = isinstance(value, Activation) if annotation == "Activation" else True
    else:
        parts = value if numbers > 1 and isinstance(value, tuple) else (value,)
        # window_output has words for pairs and paddings
        lowest = {"int": 1, "Axis": 0}.get(annotation, -(2**31))
        fits = len(parts) == numbers and all(type(p) is int and p >= lowest for p in parts)
    if not fits:
        raise HvError(f"{kind}: {name} cannot be {value!r}")


def _value(value: Any) -> Any:  # noqa: ANN401 - JSON is dynamically typed
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, Mapping):
        return Activation(**value)
    return value
