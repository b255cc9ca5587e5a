"""Networks as data: architecture, real-valued network, integer network."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from codegen.architecture_rules import (
    IMAGE,
    check_json,
    check_layer_json,
    check_network_json,
    input_faults,
    name_faults,
    output_faults,
    wiring_faults,
)
from codegen.arith import INT8_MAX, INT8_MIN
from codegen.errors import GateBreach, HvError
from codegen.inputs import Image, Input
from codegen.ops import find_op
from codegen.ops.base import DType, Op, Quantity, QuantLayer, Shape, TensorSpec, for_every_sample

if TYPE_CHECKING:
    import torch

__all__ = [
    "IMAGE",
    "Architecture",
    "FloatNet",
    "Image",
    "Input",
    "Layer",
    "QuantNet",
    "float_forward",
]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A named operator and the layers or inputs it reads."""

    name: str
    op: Op
    inputs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """The graph of a network. Layers are in an order in which they can run.

    A *verifier* is given the camera's image and ends with a decision about a person. Any other
    network is given `inputs` and leaves `outputs`, and nothing in it is personal.

    Attributes:
        name: becomes part of C names and file names.
        inputs: the one Image of a verifier, or named tensors.
        layers: operators by name.
        personal: patterns over "layer.tensor" (fnmatch): tensors that the hypernetwork makes for
            each person. All others are shared: emitted once, with the kernel.
        outputs: names of the layers whose results the caller gets; a verifier's decision.
    """

    name: str
    inputs: tuple[Image | Input, ...]
    layers: tuple[Layer, ...]
    personal: tuple[str, ...] = ()
    outputs: tuple[str, ...]

    @property
    def is_verifier(self) -> bool:
        """Whether the camera's image goes in and a decision comes out."""
        return isinstance(self.inputs[0], Image)

    @property
    def image(self) -> Image:
        """The camera's crop; TypeError unless this is a verifier."""
        image = self.inputs[0]
        if not isinstance(image, Image):
            raise TypeError(f"{self.name} is no verifier: it is given {image.name}, no image")
        return image

    @property
    def input_names(self) -> tuple[str, ...]:
        """What layers call the inputs."""
        return tuple(given.name for given in self.inputs)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Architecture:
        """Builds and validates an architecture; every fault is reported at once.

        "image" and "personal" make a verifier, "inputs" and "outputs" any other network.
        """
        is_verifier = "inputs" not in data
        (check_json if is_verifier else check_network_json)(data)
        faults: list[HvError] = []
        layers = []
        for index, entry in enumerate(data["layers"]):
            try:
                layers.append(_layer_from_json(entry))
            except HvError as error:
                faults.append(_located(error, f"layer {entry.get('name', index)}"))
        if faults:
            raise GateBreach("architecture", tuple(faults))
        given: tuple[Image | Input, ...]
        if is_verifier:
            given = (Image(**data["image"]),)
            outputs = (layers[-1].name,) if layers else ()
        else:
            given = tuple(Input(name=i["name"], shape=tuple(i["shape"])) for i in data["inputs"])
            outputs = tuple(data["outputs"])
        architecture = cls(
            name=data["name"],
            inputs=given,
            layers=tuple(layers),
            personal=tuple(data["personal"]) if is_verifier else (),
            outputs=outputs,
        )
        architecture.validate()
        return architecture

    def to_json(self) -> dict[str, Any]:
        """The inverse of from_json."""
        layers = [
            {
                "name": layer.name,
                "op": layer.op.kind,
                "inputs": list(layer.inputs),
                **layer.op.to_json(),
            }
            for layer in self.layers
        ]
        given: dict[str, Any]
        if self.is_verifier:
            given = {"image": vars(self.image).copy(), "personal": list(self.personal)}
        else:
            given = {
                "inputs": [{"name": i.name, "shape": list(i.shape)} for i in self.inputs],
                "outputs": list(self.outputs),
            }
        return {"name": self.name, "layers": layers, **given}

    @property
    def prefix(self) -> str:
        """What every C name of this architecture begins with."""
        return "hv_" + self.name.replace("-", "_")

    def shapes(self) -> dict[str, Shape]:
        """Shape of every input and of every layer's output, without the batch."""
        shapes: dict[str, Shape] = {given.name: given.shape for given in self.inputs}
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
        """Whether "layer.tensor" belongs to a person.

        A decision's threshold always does; tables that must be right for the kernel to stay within
        its memory never do.
        """
        layer = tensor.partition(".")[0]
        op = next(entry.op for entry in self.layers if entry.name == layer)
        if op.is_decision or op.always_shared:
            return op.is_decision
        return any(fnmatchcase(tensor, pattern) for pattern in self.personal)

    def is_personal_layer(self, layer: str) -> bool:
        """Whether a layer's tensors belong to a person: all of them do, or none."""
        entry = next(entry for entry in self.layers if entry.name == layer)
        names = entry.op.tensor_specs(self.input_shapes(entry))
        return any(self.is_personal(f"{layer}.{name}") for name in names)

    def macs(self) -> int:
        """Multiply-accumulates of one inference."""
        return sum(layer.op.macs(self.input_shapes(layer)) for layer in self.layers)

    def parameters(self) -> int:
        """Real-valued parameters, PReLU slopes included."""
        return sum(int(np.prod(shape)) for shape in self.float_tensor_shapes().values())

    def validate(self) -> None:
        """Raises one GateBreach with everything that is wrong."""
        faults = name_faults(self.name)
        faults += input_faults({given.name: given.shape for given in self.inputs})
        if self.is_verifier and not 0 < self.image.scale < math.inf:
            faults.append(HvError(f"no image with the scale {self.image.scale}", where="image"))
        shapes: dict[str, Shape] = {given.name: given.shape for given in self.inputs}
        dtypes: dict[str, DType] = dict.fromkeys(shapes, "int8")
        for layer in self.layers:
            where = f"layer {layer.name}"
            wiring = wiring_faults(layer.name, layer.op, layer.inputs, dtypes)
            if layer.op.is_alias and any(name in self.input_names for name in layer.inputs):
                wiring.append(HvError(f"{layer.op.kind} cannot read an input of the network"))
            faults += [_located(fault, where) for fault in wiring]
            dtypes[layer.name] = layer.op.output_dtype
            if wiring or any(name not in shapes for name in layer.inputs):
                continue
            try:
                shapes[layer.name] = layer.op.output_shape(tuple(shapes[i] for i in layer.inputs))
            except HvError as error:
                faults.append(_located(error, where))
        ops = [layer.op for layer in self.layers]
        faults += output_faults(self.outputs, dtypes, ops, is_verifier=self.is_verifier)
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
    """A network in real numbers.

    Attributes:
        arch: the architecture.
        tensors: by "layer.tensor", shapes as Architecture.float_tensor_shapes.
        ranges: observed (min, max) of each layer's output, and of each input but an image; shared
            by all persons, so that the kernel's constants are the same for all.
        threshold: real, of a verifier. Plain: on w.h + b. Normalised: a cosine,
            on w.h / (|w| |h|).
        left_shifts: of layers whose multipliers need one; shared, like the ranges.
        quantities: of layers and inputs that came with a scale and zero point of their own: no
            range is asked.
        weight_scales: float64 [C], of layers whose weights came with scales of their own.
    """

    arch: Architecture
    tensors: Mapping[str, np.ndarray]
    ranges: Mapping[str, tuple[float, float]]
    threshold: float = 0.0
    left_shifts: Mapping[str, int] = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    weight_scales: Mapping[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class QuantNet:
    """A network in integers: all that a kernel and a person's header are made from."""

    arch: Architecture
    layers: tuple[QuantLayer, ...]
    input_quantities: Mapping[str, Quantity]

    def tensors(self) -> dict[str, np.ndarray]:
        """Every integer tensor by "layer.tensor", in the order of the layers."""
        return {
            f"{layer.name}.{name}": values
            for layer in self.layers
            for name, values in layer.tensors.items()
        }


def float_forward(
    arch: Architecture,
    tensors: Mapping[str, torch.Tensor],
    inputs: torch.Tensor | Mapping[str, torch.Tensor],
    quantities: Mapping[str, Quantity] = MappingProxyType({}),
) -> dict[str, torch.Tensor]:
    """Runs the real-valued network, differentiable in tensors and inputs.

    Args:
        arch: the architecture.
        tensors: by "layer.tensor".
        inputs: of a verifier float [N, H, W, C], already (u - 128) * scale; of any other network
            float [N, *shape] by name.
        quantities: of layers and inputs that came with one: what lies beyond its ends is clamped,
            and may be meant to be, for quantisers drop a Relu where a range begins at 0.

    Returns:
        Every layer's output by name, batched, channels last.
    """
    values = dict(inputs) if isinstance(inputs, Mapping) else {IMAGE: inputs}
    values = {name: _clamped(x, quantities.get(name)) for name, x in values.items()}
    count = len(values[arch.inputs[0].name])
    shapes = arch.shapes()
    for layer in arch.layers:
        own = {
            name: tensors[f"{layer.name}.{name}"]
            for name in layer.op.float_tensors(tuple(shapes[i] for i in layer.inputs))
        }
        result = layer.op.float_forward(own, tuple(values[i] for i in layer.inputs))
        result = result if layer.inputs else for_every_sample(result, count)
        values[layer.name] = _clamped(result, quantities.get(layer.name))
    return {layer.name: values[layer.name] for layer in arch.layers}


def _clamped(values: torch.Tensor, quantity: Quantity | None) -> torch.Tensor:
    if quantity is None:
        return values
    lowest, highest = quantity.reals(np.array([INT8_MIN, INT8_MAX]))
    return values.clamp(float(lowest), float(highest))


def _layer_from_json(entry: Mapping[str, Any]) -> Layer:
    check_layer_json(entry)
    fields = dict(entry)
    name, kind, inputs = fields.pop("name"), fields.pop("op"), tuple(fields.pop("inputs"))
    return Layer(name=name, op=find_op(kind).from_json(fields), inputs=inputs)


def _located(error: HvError, where: str) -> HvError:
    return HvError(error.what, where=error.where or where, hint=error.hint)
