"""What the handlers of ONNX operators work with."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from codegen.errors import HvError
from codegen.importing.graph import Graph, Node, OwnIntegers
from codegen.importing.network import NetworkBuilder
from codegen.importing.values import Axes, Value, default_axes, house_shape, moving_axes
from codegen.ops.base import Op, Quantity, Shape
from codegen.ops.constant import Constant
from codegen.ops.expressions import Expression, X, substituted
from codegen.ops.lookup import Lookup
from codegen.ops.windows import Padding


class Unsupported(Exception):
    """A node cannot be imported: why, and what to do about it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


class Context:
    """The graph on one side, the network in the making on the other."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.network = NetworkBuilder()
        self.remarks = list(graph.remarks)
        self._values: dict[str, Value] = {}
        self._done: set[str] = set()
        self._materialised: dict[tuple[str, object, Quantity | None], str] = {}
        self._readers: dict[str, list[Node]] = {}
        for node in graph.nodes:
            for tensor in {name for name in node.inputs if name}:
                self._readers.setdefault(tensor, []).append(node)
        self.flattened: dict[str, Value] = {}  # read by layers with weights only: they turn these
        self.framed: dict[str, tuple[str, Padding]] = {}  # zeros around a tensor, for a Conv alone
        self._answers = {output.tensor for output in graph.outputs}

    def remark(self, text: str) -> None:
        """Notes something that a person should know; once."""
        if text not in self.remarks:
            self.remarks.append(text)

    def shape(self, tensor: str) -> Shape:
        """The model's shape of a tensor."""
        return self.graph.shapes[tensor]

    def constant(self, node: Node, index: int) -> np.ndarray | None:
        """A node's input as a constant; None where it is absent or computed."""
        if index >= len(node.inputs) or not node.inputs[index]:
            return None
        return self.graph.constants.get(node.inputs[index])

    def required_constant(self, node: Node, index: int, what: str) -> np.ndarray:
        """The same; Unsupported where the model computes it."""
        values = self.constant(node, index)
        if values is None:
            raise Unsupported(
                f"its {what} is computed by the model",
                "it must be a constant of the file: weights cannot change at run time",
            )
        return values

    def has_input(self, node: Node, index: int) -> bool:
        """Whether an optional input is there."""
        return index < len(node.inputs) and bool(node.inputs[index])

    def own_integers(self, tensor: str) -> OwnIntegers | None:
        """How a constant came quantised."""
        return self.graph.own_integers.get(tensor)

    def value(self, tensor: str) -> Value:
        """A tensor that the network computes, as it is held; an expression may be pending."""
        if tensor in self.graph.constants:
            raise Unsupported(
                "one of its inputs is a constant",
                "only the weights of this operator may be constant",
            )
        return self._values[tensor]

    def hold_input(self, tensor: str, value: Value) -> None:
        """Says which input of the network a tensor is."""
        self._values[tensor] = value

    @property
    def has_signal_operators(self) -> bool:
        """Whether convolutions or pools run over signals [1, C, L]."""
        return any(
            node.op_type in ("Conv", "ConvTranspose", "MaxPool", "AveragePool", "GlobalAveragePool")
            and len(self.graph.shapes.get(node.inputs[0], ())) == 3
            for node in self.graph.nodes
        )

    def set(self, tensor: str, value: Value) -> None:
        """Says how a tensor is held.

        A tensor with a quantity of its own becomes a layer of its own here.
        """
        own = self.graph.quantities.get(tensor)
        if own is not None and not self._has_quantity(value, own):
            layer = self._lookup(tensor, value, own)
            value = Value(layer=layer, shape=value.shape, axes=value.axes)
        self._values[tensor] = value

    def layer(
        self,
        tensor: str,
        op: Op,
        inputs: list[str],
        axes: Axes,
        tensors: Mapping[str, np.ndarray] | None = None,
        *,
        weight_scales: np.ndarray | None = None,
        quantity: Quantity | None = None,
    ) -> None:
        """Adds the layer that makes `tensor`, held in the order `axes`.

        It gets the tensor's own quantity unless the operator needs another `quantity`.
        """
        name = self.network.add(
            self.name_of(tensor),
            op,
            inputs,
            tensors,
            quantity=quantity or self.graph.quantities.get(tensor),
            weight_scales=weight_scales,
        )
        self.hold(tensor, name, axes)

    def hold(self, tensor: str, layer: str, axes: Axes) -> None:
        """Says that a layer holds `tensor` in the order `axes`; its shape may have 1s elsewhere."""
        shape = self.shape(tensor)
        held = self.network.reshaped(layer, house_shape(shape, axes))
        self.set(tensor, Value(layer=held, shape=shape, axes=axes))

    def name_of(self, tensor: str) -> str:
        """What the layer that makes a tensor should be called."""
        for output in self.graph.outputs:
            if output.tensor == tensor:
                return output.name
        for node in self.graph.nodes:
            if tensor in node.outputs:
                return node.name
        return tensor

    def constant_layer(self, text: str, values: np.ndarray, axes: Axes) -> str:
        """Adds a constant in this order of axes; returns its layer."""
        named = [axis for axis in axes if axis is not None]
        rest = [axis for axis in range(values.ndim) if axis not in named]
        shape = house_shape(values.shape, axes)
        ordered = values.transpose(*named, *rest).reshape(shape)
        return self.network.add(text, Constant(shape=shape), [], {"values": ordered})

    def arranged(self, tensor: str, axes: Axes) -> str:
        """The layer that holds `tensor` with exactly these axes; bytes move only if they must."""
        return self.arrange(self.plain(tensor), axes)

    def operand(self, value: Value, axes: Axes) -> str:
        """`arrange` for one of several operands: arranging the next one leaves it as it is."""
        return self.network.pin(self.arrange(value, axes))

    def arrange(self, value: Value, axes: Axes) -> str:
        """The same for a value without a pending expression."""
        have, want = moving_axes(value.shape, value.axes), moving_axes(value.shape, axes)
        wanted = house_shape(value.shape, axes)
        if have == want:
            return self.network.reshaped(value.layer, wanted)
        source = self.network.reshaped(value.layer, tuple(value.shape[axis] for axis in have))
        turned = self.network.transposed(source, tuple(have.index(axis) for axis in want))
        return self.network.reshaped(turned, wanted)

    def plain(self, tensor: str) -> Value:
        """A tensor's value with nothing left to be done to its elements."""
        plain = self.materialised(self.value(tensor), tensor)
        self._values[tensor] = plain
        return plain

    def materialised(self, value: Value, text: str, quantity: Quantity | None = None) -> Value:
        """A value with nothing left to be done; a layer that it needs is named like `text`."""
        if value.expression == X:
            return value
        key = (value.layer, value.expression, quantity)
        if key not in self._materialised:
            self._materialised[key] = self._lookup(text, value, quantity)
        layer = self._materialised[key]
        return Value(layer=layer, shape=value.shape, axes=value.axes)

    def apply(self, node: Node, expression: Expression) -> None:
        """The node does `expression` to each element of its first input: pending, or a layer."""
        value = self.value(node.inputs[0])
        self.set_expression(node.outputs[0], value, substituted(expression, value.expression))

    def set_expression(self, tensor: str, value: Value, expression: Expression) -> None:
        """Says that a tensor is a function of the layer that holds `value`."""
        held = dataclasses.replace(value, expression=expression)
        self.set(tensor, held)

    def only_reader(self, tensor: str) -> Node | None:
        """The one node that reads a tensor, if nobody else sees it: both may become one layer."""
        readers = self._readers.get(tensor, [])
        if tensor in self._answers or tensor in self.graph.quantities or len(readers) != 1:
            return None
        return readers[0]

    def readers(self, tensor: str) -> list[Node]:
        """All nodes that read a tensor."""
        return self._readers.get(tensor, [])

    def is_answer(self, tensor: str) -> bool:
        """Whether the model gives a tensor to its caller."""
        return tensor in self._answers

    def consume(self, node: Node) -> None:
        """The node is part of another node's layer."""
        self._done.add(node.name)

    def is_consumed(self, node: Node) -> bool:
        """Whether it is."""
        return node.name in self._done

    def is_known(self, node: Node) -> bool:
        """Whether all of its inputs have a shape: what a foreign operator makes may have none."""
        return all(
            not name
            or name in self._values
            or name in self.flattened
            or name in self.framed
            or self._is_constant(name)
            for name in node.inputs
        )

    def give_up(self, node: Node) -> None:
        """Puts placeholders where the node's results would be."""
        for tensor in node.outputs:
            shape = self.graph.shapes.get(tensor)
            if shape is not None and tensor not in self._values:
                axes = default_axes(shape)
                name = self.network.placeholder(tensor, house_shape(shape, axes))
                self._values[tensor] = Value(layer=name, shape=shape, axes=axes)

    def _is_constant(self, tensor: str) -> bool:
        return tensor in self.graph.constants

    def _lookup(self, tensor: str, value: Value, quantity: Quantity | None) -> str:
        op = Lookup(function=value.expression)
        return self.network.add(self.name_of(tensor), op, [value.layer], quantity=quantity)

    def _has_quantity(self, value: Value, own: Quantity) -> bool:
        return value.expression == X and self.network.quantity(value.layer) == own


def unsupported(node: Node, error: Unsupported | HvError) -> HvError:
    """What is said about a node: name, operator, reason, hint."""
    if isinstance(error, HvError):
        reason, hint = error.what, error.hint
    else:
        reason, hint = error.reason, error.hint
    return HvError(
        f"node {node.name}, operator {node.operator}: {reason}", where=node.name, hint=hint
    )
