"""One step: an ONNX graph becomes a real-valued network of the house, not calibrated yet."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from codegen.errors import GateBreach, HvError
from codegen.importing.context import Context, Unsupported, unsupported
from codegen.importing.graph import Graph, GraphTensor, Node
from codegen.importing.handlers import HANDLERS
from codegen.importing.names import architecture_name
from codegen.importing.own_scales import REQUANTISE
from codegen.importing.values import (
    Axes,
    Value,
    channels_last,
    default_axes,
    house_shape,
    natural_axes,
)
from codegen.nets import FloatNet
from codegen.ops.base import Shape

# Operators that people ask for, and what to do instead; any other gets the list of what there is.
HINTS = {
    "GRU": "recurrent layers are not supported: use convolutions over time",
    "LSTM": "recurrent layers are not supported: use convolutions over time",
    "RNN": "recurrent layers are not supported: use convolutions over time",
    "LayerNormalization": "use BatchNormalization, which folds into the layer before it",
    "InstanceNormalization": "use BatchNormalization, which folds into the layer before it",
    "GroupNormalization": "use BatchNormalization, which folds into the layer before it",
    "Dropout": "it is in training form, or its mask is used: export the model after model.eval()",
    "LogSoftmax": "export the model without it: the order of its outputs is the same",
    "QLinearConv": "use the QDQ form: QuantizeLinear and DequantizeLinear around Conv",
    "QLinearMatMul": "use the QDQ form: QuantizeLinear and DequantizeLinear around MatMul",
}

# These move or choose numbers; all others compute, and integers round and wrap around as they do.
SAFE_FOR_INTEGERS = frozenset(
    {
        *("ArgMax", "Concat", "DepthToSpace", "Flatten", "Gather", "GlobalMaxPool", "Max"),
        *("MaxPool", "Min", "Pad", "ReduceMax", "Requantise", "Reshape", "Resize", "Slice"),
        *("SpaceToDepth", "Split", "Squeeze", "Transpose", "Unsqueeze", "Upsample"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """An input or output, in the model's terms and in the house's.

    Attributes:
        model_name: as the model calls it.
        model_shape: with the batch.
        name: the house's input or layer.
        axes: in which order the house holds the model's axes; None: an axis of size 1 of the house.
        shape: the house's; adjacent axes may be one.
    """

    model_name: str
    model_shape: Shape
    name: str
    axes: Axes
    shape: Shape

    def to_house(self, samples: np.ndarray) -> np.ndarray:
        """[N, *model_shape without a batch of 1] -> [N, *shape]."""
        full = samples.reshape(len(samples), *self.model_shape)
        named = [axis + 1 for axis in self.axes if axis is not None]
        rest = [axis for axis in range(1, full.ndim) if axis not in named]
        return full.transpose(0, *named, *rest).reshape(len(samples), *self.shape)

    def to_model(self, samples: np.ndarray) -> np.ndarray:
        """[N, *shape] -> [N, *model_shape without a batch of 1]."""
        named = [axis for axis in self.axes if axis is not None]
        rest = [axis for axis in range(len(self.model_shape)) if axis not in named]
        order = (*named, *rest)
        turned = samples.reshape(len(samples), *(self.model_shape[axis] for axis in order))
        back = [order.index(axis) + 1 for axis in range(len(order))]
        return turned.transpose(0, *back).reshape(len(samples), *self.sample_shape)

    @property
    def sample_shape(self) -> Shape:
        """The model's shape of one sample: without a batch of 1."""
        is_batched = len(self.model_shape) > 1 and self.model_shape[0] == 1
        return self.model_shape[1:] if is_batched else self.model_shape

    def note(self) -> str:
        """For comments: how the caller's order differs from the model's; empty if it does not."""
        moving = [a for a in self.axes if a is not None and self.model_shape[a] != 1]
        if moving == sorted(moving):
            return ""
        axes = ", ".join("-" if axis is None else str(axis) for axis in self.axes)
        return f", axes {axes} of the model's {list(self.model_shape)}"


@dataclass(frozen=True, kw_only=True)
class ImportedNet:
    """A model as the house sees it.

    Attributes:
        net: real-valued; has no ranges yet, but the quantities that came with the model.
        inputs: in the model's order.
        outputs: in the model's order.
        remarks: what was changed on the way, for people.
    """

    net: FloatNet
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    remarks: tuple[str, ...]

    def notes(self) -> dict[str, str]:
        """A remark about each input and output for the generated C, by the house's name."""
        return {tensor.name: tensor.note() for tensor in (*self.inputs, *self.outputs)}


def import_graph(graph: Graph, name: str | None = None) -> ImportedNet:
    """Imports a model.

    Args:
        graph: from codegen.importing.reading.
        name: of the architecture; None takes the graph's.

    Raises:
        GateBreach: what is not supported, all nodes at once: name, operator, reason, hint.
    """
    context = Context(graph)
    inputs = [_add_input(context, given) for given in graph.inputs]
    faults = [fault for node in graph.nodes if (fault := _handle(context, node)) is not None]
    if faults:
        is_known = all(node.op_type in HANDLERS for node in graph.nodes)
        known = ", ".join(sorted(set(HANDLERS) - {REQUANTISE}))
        raise GateBreach(
            f"model {graph.name}",
            tuple(faults),
            what_failed="nodes cannot be imported",
            hint="" if is_known else f"supported operators: {known}",
        )
    outputs = _outputs(context)
    net = context.network.finish(
        architecture_name(name or graph.name),
        {tensor.name: tensor.model_name for tensor in outputs},
    )
    declared = {given.name: given.shape for given in net.arch.inputs}
    return ImportedNet(
        net=net,
        inputs=tuple(dataclasses.replace(i, shape=declared[i.name]) for i in inputs),
        outputs=tuple(
            dataclasses.replace(tensor, name=layer)
            for tensor, layer in zip(outputs, net.arch.outputs, strict=True)
        ),
        remarks=tuple(context.remarks),
    )


def _handle(context: Context, node: Node) -> HvError | None:
    if context.is_consumed(node):
        return None
    handler = HANDLERS.get(node.op_type)
    try:
        if node.is_unknown:
            raise Unsupported(
                f"ONNX has no such operator in opset {context.graph.opset}",
                "export the model with another opset, or replace it",
            )
        if handler is None:
            raise Unsupported(
                "this operator is not supported",
                HINTS.get(node.op_type, "replace it, or compute it outside of the network"),
            )
        _refuse_integers(context, node)
        if context.is_known(node):
            handler(context, node)
        else:
            context.give_up(node)
    except (Unsupported, HvError) as error:
        context.give_up(node)
        return unsupported(node, error)
    return None


def _refuse_integers(context: Context, node: Node) -> None:
    kinds = [context.graph.integers[t] for t in node.inputs if t in context.graph.integers]
    if kinds and node.op_type not in SAFE_FOR_INTEGERS:
        raise Unsupported(
            f"it computes with integers, {kinds[0]}",
            "cast to float before it: what is quantised neither wraps around nor stays whole",
        )


def _add_input(context: Context, given: GraphTensor) -> Tensor:
    axes = _input_axes(context, given)
    quantity = context.graph.quantities.get(given.tensor)
    shape = house_shape(given.shape, axes)
    name = context.network.add_input(given.name, shape, quantity)
    context.hold_input(given.tensor, Value(layer=name, shape=given.shape, axes=axes))
    return Tensor(model_name=given.name, model_shape=given.shape, name=name, axes=axes, shape=shape)


def _input_axes(context: Context, given: GraphTensor) -> Axes:
    """The order in which the caller gives an input: the one that its first reader needs."""
    readers = context.readers(given.tensor)
    first = readers[0] if readers else None
    if first is not None and first.op_type == "Transpose" and len(given.shape) > 2:
        perm = first.attribute("perm", range(len(given.shape) - 1, -1, -1))
        turned = tuple(given.shape[axis] for axis in perm)
        return tuple(None if a is None else int(perm[a]) for a in default_axes(turned))
    if first is not None and first.op_type in ("Flatten", "Gemm", "MatMul", "Reshape"):
        return natural_axes(given.shape)
    is_signal = len(given.shape) == 3 and given.shape[0] == 1
    if is_signal and context.has_signal_operators:
        return channels_last(given.shape)
    return default_axes(given.shape)


def _outputs(context: Context) -> list[Tensor]:
    tensors: list[Tensor] = []
    taken: set[str] = set()
    for output in context.graph.outputs:
        value = context.plain(output.tensor)
        layer = value.layer
        if context.network.is_input(layer) or layer in taken:
            layer = context.network.copied(layer, again=True)
        taken.add(layer)
        tensors.append(
            Tensor(
                model_name=output.name,
                model_shape=value.shape,
                name=layer,
                axes=value.axes,
                shape=context.network.shape(layer),
            )
        )
    return tensors
