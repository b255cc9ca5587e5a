"""Networks as data: architecture, real-valued network, integer network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.architecture_rules import (
    IMAGE,
    check_json,
    check_layer_json,
    image_faults,
    name_faults,
    wiring_faults,
)
from codegen.errors import GateBreach, HvError
from codegen.ops import find_op
from codegen.ops.base import DType, Op, Quantity, QuantLayer, Shape, TensorSpec, for_every_image

if TYPE_CHECKING:
    import torch

__all__ = ["IMAGE", "Architecture", "FloatNet", "Image", "Layer", "QuantNet", "float_forward"]


@dataclass(frozen=True, kw_only=True)
class Image:
    """The camera's crop: bytes [height, width, channels]; a byte u is (u - 128) * scale."""

    height: int
    width: int
    channels: int
    scale: float

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.height, self.width, self.channels

    @property
    def size_bytes(self) -> int:
        """One byte per element."""
        return self.height * self.width * self.channels

    @property
    def quantity(self) -> Quantity:
        """Q = u - 128, so the zero point is 0."""
        return Quantity(scale=self.scale, zero_point=0)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A named operator and the layers (or "image") it reads."""

    name: str
    op: Op
    inputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What everybody's network has in common. Layers are in an order in which they can run.

    `personal` holds patterns over "layer.tensor" (fnmatch): tensors that the hypernetwork makes
    for each person. All others are shared: emitted once, with the kernel.
    """

    name: str
    image: Image
    layers: tuple[Layer, ...]
    personal: tuple[str, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Architecture:
        """Builds and validates an architecture; every fault is reported at once."""
        check_json(data)
        faults: list[HvError] = []
        layers = []
        for index, entry in enumerate(data["layers"]):
            try:
                layers.append(_layer_from_json(entry))
            except HvError as error:
                faults.append(_located(error, f"layer {entry.get('name', index)}"))
        if faults:
            raise GateBreach("architecture", tuple(faults))
        architecture = cls(
            name=data["name"],
            image=Image(**data["image"]),
            layers=tuple(layers),
            personal=tuple(data["personal"]),
        )
        architecture.validate()
        return architecture

    def to_json(self) -> dict[str, Any]:
        """The inverse of from_json."""
        return {
            "name": self.name,
            "image": vars(self.image).copy(),
            "layers": [
                {
                    "name": layer.name,
                    "op": layer.op.kind,
                    "inputs": list(layer.inputs),
                    **layer.op.to_json(),
                }
                for layer in self.layers
            ],
            "personal": list(self.personal),
        }

    @property
    def prefix(self) -> str:
        """What every C name of this architecture begins with."""
        return "hv_" + self.name.replace("-", "_")

    def shapes(self) -> dict[str, Shape]:
        """Shape of the image and of every layer's output, without the batch."""
        shapes: dict[str, Shape] = {IMAGE: self.image.shape}
        for layer in self.layers:
            shapes[layer.name] = layer.op.output_shape(tuple(shapes[i] for i in layer.inputs))
        return shapes

    def input_shapes(self, layer: Layer) -> tuple[Shape, ...]:
        """Shapes of what a layer reads."""
        shapes = self.shapes()
        return tuple(shapes[name] for name in layer.inputs)

    def float_tensor_shapes(self) -> dict[str, Shape]:
        """Shape of every real-valued parameter, by "layer.tensor"."""
        return {
            f"{layer.name}.{name}": shape
            for layer in self.layers
            for name, shape in layer.op.float_tensors(self.input_shapes(layer)).items()
        }

    def tensor_specs(self) -> dict[str, TensorSpec]:
        """Layout of every integer tensor, by "layer.tensor"."""
        return {
            f"{layer.name}.{name}": spec
            for layer in self.layers
            for name, spec in layer.op.tensor_specs(self.input_shapes(layer)).items()
        }

    def is_personal(self, tensor: str) -> bool:
        """Whether "layer.tensor" belongs to a person. A decision's threshold always does."""
        layer = tensor.partition(".")[0]
        always = any(entry.op.is_decision for entry in self.layers if entry.name == layer)
        return always or any(fnmatchcase(tensor, pattern) for pattern in self.personal)

    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.op.macs(self.input_shapes(layer)) for layer in self.layers)

    def parameters(self) -> int:
        """Real-valued parameters, PReLU slopes included."""
        return sum(int(np.prod(shape)) for shape in self.float_tensor_shapes().values())

    def validate(self) -> None:
        """Raises one GateBreach with everything that is wrong."""
        faults = name_faults(self.name) + image_faults(self.image.shape, self.image.scale)
        shapes: dict[str, Shape] = {IMAGE: self.image.shape}
        dtypes: dict[str, DType] = {IMAGE: "int8"}
        for layer in self.layers:
            where = f"layer {layer.name}"
            wiring = wiring_faults(layer.name, layer.op, layer.inputs, dtypes)
            faults += [_located(fault, where) for fault in wiring]
            dtypes[layer.name] = layer.op.output_dtype
            if wiring or any(name not in shapes for name in layer.inputs):
                continue
            try:
                shapes[layer.name] = layer.op.output_shape(tuple(shapes[i] for i in layer.inputs))
            except HvError as error:
                faults.append(_located(error, where))
        if not self.layers or not self.layers[-1].op.is_decision:
            faults.append(HvError("the last layer must be a decision"))
        if sum(layer.op.is_decision for layer in self.layers) > 1:
            faults.append(HvError("there must be one decision, the last layer"))
        if not faults:  # these need shapes
            faults = self._unmatched_patterns() + self._split_layers() + self._c_name_faults()
        if faults:
            raise GateBreach(f"architecture {self.name}", tuple(faults))

    def _unmatched_patterns(self) -> list[HvError]:
        names = list(self.tensor_specs())
        return [
            HvError(f"personal pattern {pattern!r} matches no tensor", hint="e.g. head.*")
            for pattern in self.personal
            if not any(fnmatchcase(name, pattern) for name in names)
        ]

    def _split_layers(self) -> list[HvError]:
        """Bias and multipliers follow from the weights: a layer is one person's, or everybody's."""
        owners: dict[str, set[bool]] = {}
        for name in self.tensor_specs():
            owners.setdefault(name.partition(".")[0], set()).add(self.is_personal(name))
        return [
            HvError(
                "some of its tensors are personal and some are shared",
                where=f"layer {layer}",
                hint=f"write {layer}.* in personal: a layer's integers belong together",
            )
            for layer, kinds in owners.items()
            if len(kinds) > 1
        ]

    def _c_name_faults(self) -> list[HvError]:
        """Two layers whose names make the same name in C."""
        members = [name.replace(".", "_") for name in self.tensor_specs()]
        offsets = [layer.name for layer in self.layers] + [
            f"{layer.name}_scratch"
            for layer in self.layers
            if layer.op.scratch_bytes(self.input_shapes(layer))
        ]
        return [
            HvError(f"two things would be called {name} in C", hint="rename a layer")
            for names in (members, offsets)
            for name, count in Counter(names).items()
            if count > 1
        ]


@dataclass(frozen=True, kw_only=True)
class FloatNet:
    """A person's network in real numbers.

    Attributes:
        arch: the architecture.
        tensors: float32 by "layer.tensor", shapes as Architecture.float_tensor_shapes.
        ranges: observed (min, max) of each layer's output; shared by all persons, so that the
            kernel's constants are the same for all.
        threshold: real. Plain: on w.h + b. Normalised: a cosine, on w.h / (|w| |h|).
        left_shifts: of layers whose multipliers need one; shared, like the ranges.
        quantities: of layers that came with a scale and zero point of their own: no range is asked.
        weight_scales: float64 [C], of layers whose weights came with scales of their own.
    """

    arch: Architecture
    tensors: Mapping[str, np.ndarray]
    ranges: Mapping[str, tuple[float, float]]
    threshold: float
    left_shifts: Mapping[str, int] = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    weight_scales: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class QuantNet:
    """A person's network in integers: all that a kernel and a header are made from."""

    arch: Architecture
    layers: tuple[QuantLayer, ...]

    def tensors(self) -> dict[str, np.ndarray]:
        """Every integer tensor by "layer.tensor", in the order of the layers."""
        return {
            f"{layer.name}.{name}": values
            for layer in self.layers
            for name, values in layer.tensors.items()
        }


def float_forward(
    arch: Architecture, tensors: Mapping[str, torch.Tensor], image: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Runs the real-valued network, differentiable in tensors and image.

    Args:
        arch: the architecture.
        tensors: by "layer.tensor".
        image: float [N, H, W, C], already (u - 128) * scale.

    Returns:
        Every layer's output by name, batched, channels last.
    """
    values = {IMAGE: image}
    for layer in arch.layers:
        own = {
            name: tensors[f"{layer.name}.{name}"]
            for name in layer.op.float_tensors(arch.input_shapes(layer))
        }
        result = layer.op.float_forward(own, tuple(values[i] for i in layer.inputs))
        values[layer.name] = result if layer.inputs else for_every_image(result, image.shape[0])
    del values[IMAGE]
    return values


def _layer_from_json(entry: Mapping[str, Any]) -> Layer:
    check_layer_json(entry)
    fields = dict(entry)
    name, kind, inputs = fields.pop("name"), fields.pop("op"), tuple(fields.pop("inputs"))
    return Layer(name=name, op=find_op(kind).from_json(fields), inputs=inputs)


def _located(error: HvError, where: str) -> HvError:
    return HvError(error.what, where=error.where or where, hint=error.hint)
