"""The network in the making: layers of the house, their tensors, their shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from codegen.importing.names import c_name
from codegen.nets import Architecture, FloatNet, Input, Layer
from codegen.ops.base import Op, Quantity, Shape
from codegen.ops.reshape import Reshape
from codegen.ops.transpose import Transpose

T = TypeVar("T")


class NetworkBuilder:
    """Collects layers; knows every layer's shape, so that faults are found where they are."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._inputs: dict[str, Shape] = {}
        self._read_inputs: set[str] = set()
        self._layers: list[Layer] = []
        self._shapes: dict[str, Shape] = {}
        self._tensors: dict[str, np.ndarray] = {}
        self._quantities: dict[str, Quantity] = {}
        self._weight_scales: dict[str, np.ndarray] = {}
        self._moved: dict[tuple[object, ...], str] = {}

    def add_input(self, text: str, shape: Shape, quantity: Quantity | None) -> str:
        """Adds an input; returns its name."""
        name = c_name(text, self._taken, "input")
        self._inputs[name] = self._shapes[name] = shape
        if quantity is not None:
            self._quantities[name] = quantity
        return name

    def placeholder(self, text: str, shape: Shape) -> str:
        """A tensor that nobody makes, in place of what could not be imported."""
        name = c_name(text, self._taken)
        self._shapes[name] = shape
        return name

    def add(
        self,
        text: str,
        op: Op,
        inputs: Sequence[str],
        tensors: Mapping[str, np.ndarray] | None = None,
        *,
        quantity: Quantity | None = None,
        weight_scales: np.ndarray | None = None,
    ) -> str:
        """Adds a layer named like `text`; returns its name.

        Raises:
            HvError: the operator does not take these shapes.
        """
        shape = op.output_shape(tuple(self._shapes[name] for name in inputs))
        name = c_name(text, self._taken)
        self._layers.append(Layer(name=name, op=op, inputs=tuple(inputs)))
        self._shapes[name] = shape
        self._read_inputs.update(source for source in inputs if source in self._inputs)
        for tensor, values in (tensors or {}).items():
            self._tensors[f"{name}.{tensor}"] = np.asarray(values)
        if op.keeps_quantity:
            quantity = self._quantities.get(inputs[0])
        if quantity is not None:
            self._quantities[name] = quantity
        if weight_scales is not None:
            self._weight_scales[name] = weight_scales
        return name

    def shape(self, name: str) -> Shape:
        """Shape of a layer or input."""
        return self._shapes[name]

    def is_input(self, name: str) -> bool:
        """Whether the caller gives it."""
        return name in self._inputs

    def quantity(self, name: str) -> Quantity | None:
        """What a layer's or input's integers stand for, if the model says so."""
        return self._quantities.get(name)

    def reshaped(self, name: str, shape: Shape) -> str:
        """The same bytes under another shape: the name of whatever holds them."""
        if self._shapes[name] == shape:
            return name
        if name in self._inputs and name not in self._read_inputs:
            self._inputs[name] = self._shapes[name] = shape  # how the caller sees its bytes
            return name
        source = self.copied(name) if name in self._inputs else name
        key = (source, "reshape", shape)
        if key not in self._moved:
            self._moved[key] = self.add(f"{name}_view", Reshape(shape=shape), [source])
        return self._moved[key]

    def pin(self, name: str) -> str:
        """Says that somebody is about to read it in the shape that it has now; returns `name`."""
        if name in self._inputs:
            self._read_inputs.add(name)
        return name

    def transposed(self, name: str, axes: tuple[int, ...]) -> str:
        """The bytes in another order."""
        key = (name, "transpose", axes)
        if key not in self._moved:
            self._moved[key] = self.add(f"{name}_turned", Transpose(axes=axes), [name])
        return self._moved[key]

    def copied(self, name: str, *, again: bool = False) -> str:
        """A copy in the arena; `again`: one more, even if there is one."""
        axes = tuple(range(len(self._shapes[name])))
        if again:
            return self.add(f"{name}_copy", Transpose(axes=axes), [name])
        return self.transposed(name, axes)

    def finish(self, name: str, outputs: Mapping[str, str]) -> FloatNet:
        """The network, without what no output needs; not calibrated yet.

        Args:
            name: of the architecture.
            outputs: layers that the caller gets, in order, and what they should be called.

        Raises:
            GateBreach: a bug of the import, named by Architecture.validate.
        """
        needed, given = set(outputs), set(self._inputs)
        for layer in reversed(self._layers):
            if layer.name in needed:
                needed.update(layer.inputs)
        names = self._final_names(outputs)
        arch = Architecture(
            name=name,
            inputs=tuple(Input(name=n, shape=shape) for n, shape in self._inputs.items()),
            layers=tuple(
                Layer(
                    name=names.get(layer.name, layer.name),
                    op=layer.op,
                    inputs=tuple(names.get(source, source) for source in layer.inputs),
                )
                for layer in self._layers
                if layer.name in needed
            ),
            outputs=tuple(names.get(layer, layer) for layer in outputs),
        )
        arch.validate()
        tensors = {tuple(key.split(".", 1)): values for key, values in self._tensors.items()}
        return FloatNet(
            arch=arch,
            tensors={
                f"{names.get(layer, layer)}.{tensor}": values
                for (layer, tensor), values in tensors.items()
                if layer in needed
            },
            ranges={},
            quantities=_renamed(self._quantities, names, needed | given),
            weight_scales=_renamed(self._weight_scales, names, needed),
        )

    def _final_names(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """What is renamed: outputs are called as in the model; who had that name gets theirs."""
        names: dict[str, str] = {}
        for layer, text in outputs.items():
            wanted = c_name(text, set(), "output")
            if wanted in self._inputs or wanted in outputs or wanted in names or layer in names:
                continue
            names[layer] = wanted
            if wanted in self._shapes:
                names[wanted] = layer
        return names


def _renamed(values: Mapping[str, T], names: Mapping[str, str], kept: set[str]) -> dict[str, T]:
    return {names.get(key, key): value for key, value in values.items() if key in kept}
