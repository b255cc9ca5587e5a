"""A random valid graph in the making, node by node.

Each node is run as soon as it is made, so that the next one knows its numbers: what would divide by
almost nothing, overflow or have thousands of elements is not made. Weights are scaled by the number
of products they enter, so that numbers stay near 1.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.capi import onnxruntime_pybind11_state as runtime_state

OPSETS = (11, 13, 17, 17, 17, 20)
LARGEST = 500  # elements of a tensor
NEXT_SEED = 1_000_003
FARTHEST = 30.0  # from 0

# what ONNX Runtime says of attributes that it does not take together
REFUSALS = (
    runtime_state.Fail,
    runtime_state.InvalidArgument,
    runtime_state.NotImplemented,
    runtime_state.RuntimeException,
)

Shape = tuple[int, ...]


class NotHere(Exception):
    """The node that was thought of has no place in this model."""


@dataclass(frozen=True, kw_only=True)
class RandomModel:
    """A model, and what its inputs are like.

    Attributes:
        proto: the model.
        inputs: full shapes by name.
        operators: of its nodes, in order.
    """

    proto: onnx.ModelProto
    inputs: dict[str, Shape]
    operators: tuple[str, ...]

    def samples(self, count: int, seed: int) -> dict[str, np.ndarray]:
        """float32 [count, *shape] by input."""
        generator = np.random.default_rng(seed)
        return {name: _noise(generator, (count, *shape)) for name, shape in self.inputs.items()}


def session_of(proto: onnx.ModelProto, *, optimised: bool = False) -> onnxruntime.InferenceSession:
    """ONNX Runtime on a model; quantised numbers as the model says, not as 8-bit kernels round."""
    options = onnxruntime.SessionOptions()
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimised else level.ORT_DISABLE_ALL
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def _noise(generator: np.random.Generator, shape: Shape) -> np.ndarray:
    return generator.uniform(-1.5, 1.5, shape).astype(np.float32)


Kinds = tuple[Callable[["Maker"], None], ...]  # each adds a node or two, or raises NotHere


class Maker:
    """The graph in the making."""

    def __init__(self, seed: int, kinds: Kinds, *, quantisable: bool) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng([seed, 7])
        self.opset = 17 if quantisable else self.random.choice(OPSETS)
        self.quantisable = quantisable
        self.kinds = kinds
        self.inputs: dict[str, Shape] = {}
        self.values: dict[str, np.ndarray] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.read: set[str] = set()
        self.ends: list[str] = []  # of type int64: nothing reads them

    # what models are made of

    def model(self, longest: int) -> RandomModel:
        self._start()
        wanted = self.random.randint(3, 12)
        while len(self.nodes) < min(wanted, longest):
            self._grow()
        outputs = self._outputs()
        graph = helper.make_graph(
            self.nodes,
            "g",
            [helper.make_tensor_value_info(n, 1, s) for n, s in self.inputs.items()],
            [
                helper.make_tensor_value_info(
                    name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
                )
                for name, value in outputs.items()
            ],
            [numpy_helper.from_array(value, name) for name, value in self.constants.items()],
        )
        imports = [helper.make_opsetid("", self.opset)]
        return RandomModel(
            proto=helper.make_model(graph, opset_imports=imports, ir_version=8),
            inputs=self.inputs,
            operators=tuple(node.op_type for node in self.nodes),
        )

    def _start(self) -> None:
        shapes: Sequence[Callable[[], Shape]] = (
            lambda: (1, self.size(1, 4), self.size(3, 7), self.size(3, 7)),
            lambda: (1, self.size(1, 4), self.size(3, 7), self.size(3, 7)),
            lambda: (1, self.size(3, 6), self.size(3, 6), self.size(1, 4)),  # channels last
            lambda: (1, self.size(1, 4), self.size(5, 12)),
            lambda: (1, self.size(2, 16)),
            lambda: (self.size(2, 6), self.size(2, 6)),
            lambda: (self.size(2, 3), self.size(1, 3), self.size(2, 4), self.size(2, 4)),
        )
        for number in range(self.random.choice((1, 1, 1, 2, 3))):
            shape = self.random.choice(shapes)()
            if number and self.random.random() < 0.5:
                shape = self.inputs["x0"]
            self.inputs[f"x{number}"] = shape
            self.values[f"x{number}"] = _noise(self.numbers, shape)

    def _grow(self) -> None:
        for _ in range(200):
            before = len(self.nodes), dict(self.values), dict(self.constants), set(self.read)
            ends = list(self.ends)
            try:
                self.random.choice(self.kinds)(self)
            except NotHere:
                del self.nodes[before[0] :]
                _, self.values, self.constants, self.read = before
                self.ends = ends
                continue
            return
        raise AssertionError("no node fits anywhere")

    def _outputs(self) -> dict[str, np.ndarray]:
        """What nobody reads; sometimes more: what is read too, and an input as it is."""
        made = [name for node in self.nodes for name in node.output if name]
        names = [name for name in made if name not in self.read]
        if self.random.random() < 0.3:
            names.append(self.random.choice(made))
        if self.random.random() < 0.08:
            names.append(self.random.choice(list(self.inputs)))
        names = list(dict.fromkeys(names))
        self.random.shuffle(names)
        return {name: self.values[name] for name in names}

    # choosing

    def size(self, least: int, most: int) -> int:
        return self.random.randint(least, most)

    def coin(self, chance: float = 0.5) -> bool:
        return self.random.random() < chance

    def pick(self, suits: Callable[[Shape], bool] = lambda _: True) -> str:
        """A tensor of a suitable shape, mostly one of the last."""
        names = [n for n, v in self.values.items() if v.dtype == np.float32 and suits(v.shape)]
        if not names:
            raise NotHere
        unread = [name for name in names if name not in self.read]
        if unread and self.coin(0.5):
            return self.random.choice(unread)
        return self.random.choice(names[-2:] if self.coin(0.7) else names)

    def shape(self, name: str) -> Shape:
        return self.values[name].shape

    def uniform(self, *shape: int, reach: float = 1.0) -> np.ndarray:
        return self.numbers.uniform(-reach, reach, shape).astype(np.float32)

    def constant(self, value: object, dtype: type = np.float32) -> str:
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype)
        return name

    def longs(self, values: Sequence[int]) -> str:
        return self.constant(list(values), np.int64)

    # adding

    def add(self, op: str, inputs: Sequence[str], outputs: int = 1, **attributes: object) -> str:
        """A node; its results are computed at once. Returns the first result's name."""
        names = [f"t{len(self.nodes)}" + "abcdef"[i] * (outputs > 1) for i in range(outputs)]
        node = helper.make_node(op, inputs, names, name=f"n{len(self.nodes)}", **attributes)
        results = self._run(node)
        for value in results:
            if value.size == 0 or value.size > LARGEST:
                raise NotHere
            if value.dtype == np.float32:
                reach = np.abs(value).max()
                if not np.isfinite(value).all() or reach > FARTHEST or reach < 1e-2:
                    raise NotHere
        self.nodes.append(node)
        self.read.update(inputs)
        self.values.update(zip(names, results, strict=True))
        return names[0]

    def _run(self, node: onnx.NodeProto) -> list[np.ndarray]:
        feeds = {n: self.values[n] for n in dict.fromkeys(node.input) if n in self.values}
        given = [helper.make_tensor_value_info(n, 1, v.shape) for n, v in feeds.items()]
        made = [onnx.ValueInfoProto(name=name) for name in node.output]
        fixed = [
            numpy_helper.from_array(self.constants[n], n)
            for n in dict.fromkeys(node.input)
            if n in self.constants
        ]
        graph = helper.make_graph([node], "one", given, made, fixed)
        imports = [helper.make_opsetid("", self.opset)]
        proto = helper.make_model(graph, opset_imports=imports, ir_version=8)
        try:
            return session_of(proto).run(None, feeds)
        except REFUSALS as error:
            raise NotHere from error


def is_image(shape: Shape) -> bool:
    return len(shape) in (3, 4) and shape[0] == 1


def is_long(shape: Shape) -> bool:
    return int(np.prod(shape)) > 1
