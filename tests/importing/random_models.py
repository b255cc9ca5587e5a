"""Random valid models of 3 to 12 nodes, the same from the same seed.

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


def random_model(seed: int, *, longest: int = 12, quantisable: bool = False) -> RandomModel:
    """A model from a seed.

    Args:
        seed: fewer nodes (`longest`) of the same seed are the beginning of the same graph.
        longest: most nodes, at least 3.
        quantisable: only what ONNX Runtime's quantiser takes at any place.
    """
    while True:
        model = _Maker(seed, quantisable=quantisable).model(longest)
        try:
            session_of(model.proto)
        except REFUSALS:  # it finds other shapes before it runs a model than when it does
            seed += NEXT_SEED
            continue
        return model


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


class _Maker:
    """The graph in the making."""

    def __init__(self, seed: int, *, quantisable: bool) -> None:
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng([seed, 7])
        self.opset = 17 if quantisable else self.random.choice(OPSETS)
        self.quantisable = quantisable
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
            lambda: (1, self._size(1, 4), self._size(3, 7), self._size(3, 7)),
            lambda: (1, self._size(1, 4), self._size(3, 7), self._size(3, 7)),
            lambda: (1, self._size(3, 6), self._size(3, 6), self._size(1, 4)),  # channels last
            lambda: (1, self._size(1, 4), self._size(5, 12)),
            lambda: (1, self._size(2, 16)),
            lambda: (self._size(2, 6), self._size(2, 6)),
            lambda: (self._size(2, 3), self._size(1, 3), self._size(2, 4), self._size(2, 4)),
        )
        for number in range(self.random.choice((1, 1, 1, 2, 3))):
            shape = self.random.choice(shapes)()
            if number and self.random.random() < 0.5:
                shape = self.inputs["x0"]
            self.inputs[f"x{number}"] = shape
            self.values[f"x{number}"] = _noise(self.numbers, shape)

    def _grow(self) -> None:
        kinds = QUANTISABLE if self.quantisable else MAKERS
        for _ in range(200):
            before = len(self.nodes), dict(self.values), dict(self.constants), set(self.read)
            ends = list(self.ends)
            try:
                self.random.choice(kinds)(self)
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

    def _size(self, least: int, most: int) -> int:
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


def _is_image(shape: Shape) -> bool:
    return len(shape) in (3, 4) and shape[0] == 1


def _long(shape: Shape) -> bool:
    return int(np.prod(shape)) > 1


def _pads(maker: _Maker, kernel: Sequence[int]) -> list[int]:
    """All beginnings, then all ends; narrower than the window."""
    return [maker.random.choice((0, 0, 1, k - 1)) if k > 1 else 0 for k in (*kernel, *kernel)]


def _window(maker: _Maker, name: str, *, dilated: bool) -> dict[str, object]:
    """Attributes of a window that fits the image."""
    sizes = maker.shape(name)[2:]
    dilations = [maker.random.choice((1, 1, 2)) if dilated else 1 for _ in sizes]
    kernel = [maker.random.choice((1, 2, 3)) for _ in sizes]
    made: dict[str, object] = {
        "kernel_shape": kernel,
        "strides": [maker.random.choice((1, 1, 2, 3)) for _ in sizes],
    }
    if dilated:
        made["dilations"] = dilations
    if maker.coin(0.2):
        made["auto_pad"] = maker.random.choice(("SAME_UPPER", "SAME_LOWER", "VALID"))
        if any(d > 1 for d in dilations):
            raise NotHere  # ONNX Runtime refuses some of these
    elif maker.coin(0.6):
        made["pads"] = _pads(maker, kernel)
    pads = made.get("pads", [0] * 2 * len(sizes))
    for at, size in enumerate(sizes):
        if size + pads[at] + pads[at + len(sizes)] < dilations[at] * (kernel[at] - 1) + 1:
            raise NotHere
    return made


def _conv(maker: _Maker) -> None:
    name = maker.pick(_is_image)
    channels = maker.shape(name)[1]
    group = maker.random.choice([g for g in range(1, channels + 1) if channels % g == 0])
    outputs = group * maker._size(1, 3)
    window = _window(maker, name, dilated=True)
    kernel = window["kernel_shape"]
    fan = channels // group * int(np.prod(kernel))
    weight = maker.uniform(outputs, channels // group, *kernel, reach=2 / np.sqrt(fan))
    inputs = [name, maker.constant(weight)]
    if maker.coin():
        inputs.append(maker.constant(maker.uniform(outputs, reach=0.5)))
    if maker.coin(0.3):
        del window["kernel_shape"]
    maker.add("Conv", inputs, group=group, **window)


def _conv_transpose(maker: _Maker) -> None:
    name = maker.pick(_is_image)
    channels = maker.shape(name)[1]
    group = maker.random.choice([g for g in range(1, channels + 1) if channels % g == 0])
    outputs = maker._size(1, 3)
    sizes = maker.shape(name)[2:]
    kernel = [maker._size(1, 3) for _ in sizes]
    strides = [maker._size(1, 3) for _ in sizes]
    made: dict[str, object] = {"kernel_shape": kernel, "strides": strides, "group": group}
    if maker.coin(0.3):
        made["dilations"] = [maker._size(1, 2) for _ in sizes]
    if maker.coin(0.3):
        made["output_padding"] = [maker._size(0, s - 1) for s in strides]
    if maker.coin(0.5):
        made["pads"] = _pads(maker, kernel)
    elif maker.coin(0.3) and "output_padding" not in made:
        made["auto_pad"] = maker.random.choice(("SAME_UPPER", "SAME_LOWER", "VALID"))
    fan = channels // group * int(np.prod(kernel))
    weight = maker.uniform(channels, outputs, *kernel, reach=2.5 / np.sqrt(fan))
    inputs = [name, maker.constant(weight)]
    if maker.coin():
        inputs.append(maker.constant(maker.uniform(outputs * group, reach=0.5)))
    maker.add("ConvTranspose", inputs, **made)


def _batch_norm(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2)
    channels = maker.shape(name)[1]
    numbers = [
        maker.uniform(channels, reach=0.5) + np.float32(1),
        maker.uniform(channels, reach=0.5),
        maker.uniform(channels, reach=0.5),
        np.abs(maker.uniform(channels)) + np.float32(0.4),
    ]
    maker.add("BatchNormalization", [name, *map(maker.constant, numbers)], epsilon=1e-3)


def _activation(maker: _Maker) -> None:
    choices = [
        *(("Relu", {}), ("Relu", {}), ("Sigmoid", {}), ("Tanh", {}), ("Abs", {}), ("Neg", {})),
        ("LeakyRelu", {"alpha": maker.random.choice((0.1, 0.01, -0.3, 1.5))}),
        ("LeakyRelu", {}),
        *(("Elu", {"alpha": 0.7}), ("Selu", {}), ("Softplus", {}), ("Softsign", {})),
        *(("HardSigmoid", {}), ("HardSigmoid", {"alpha": 1 / 6}), ("Erf", {}), ("Exp", {})),
        *(("ThresholdedRelu", {"alpha": 0.3}), ("Celu", {"alpha": 1.2})),
        *(("Cos", {}), ("Sin", {}), ("Atan", {})),
    ]
    if maker.opset >= 14:
        choices += [("HardSwish", {})] * 2
    if maker.opset >= 20:
        choices += [("Gelu", {}), ("Gelu", {"approximate": "tanh"}), ("Mish", {})]
    if maker.opset == 11:
        choices = [c for c in choices if c[0] != "Celu"]
    op, attributes = maker.random.choice(choices)
    if op == "ThresholdedRelu" and (maker.quantisable or maker.coin(0.7)):
        raise NotHere  # a step: rounding shows
    maker.add(op, [maker.pick()], **attributes)


def _clip(maker: _Maker) -> None:
    ends = [("lo", "hi"), ("lo", ""), ("", "hi"), ("zero", "six"), ("zero", "")]
    numbers = {"lo": -0.7, "hi": 0.9, "zero": 0.0, "six": 6.0}
    inputs = [maker.pick()]
    inputs += [maker.constant(numbers[e]) if e else "" for e in maker.random.choice(ends)]
    maker.add("Clip", inputs if inputs[-1] else inputs[:2])


def _prelu(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2)
    shape = maker.shape(name)
    rank = len(shape)
    slopes = [(shape[1], *(1,) * (rank - 2)), (1, shape[1], *(1,) * (rank - 2)), (shape[-1],)]
    slopes += [(1,), shape]
    maker.add("PRelu", [name, maker.constant(maker.uniform(*maker.random.choice(slopes)))])


def _sqrt(maker: _Maker) -> None:
    if maker.quantisable:
        raise NotHere
    square = maker.add("Abs", [maker.pick()])
    shifted = maker.add("Add", [square, maker.constant(0.5)])
    maker.add(maker.random.choice(("Sqrt", "Log", "Reciprocal")), [shifted])


def _constant_operand(maker: _Maker, shape: Shape) -> np.ndarray:
    """Of the same shape, per channel, per column, one number, of lower or of higher rank."""
    kind = maker._size(0, 6)
    rank = len(shape)
    if kind == 0:
        return maker.uniform(*shape)
    if kind == 1:
        return maker.uniform(*(s if maker.coin() else 1 for s in shape))
    if kind == 2:
        return maker.uniform(*shape[maker._size(0, rank - 1) :]) if rank else maker.uniform()
    if kind == 3 and rank >= 2:
        return maker.uniform(shape[1], *(1,) * (rank - 2))
    if kind == 4 and maker.coin(0.4):
        grown = tuple(maker._size(2, 3) if s == 1 and maker.coin() else s for s in shape)
        return maker.uniform(*grown)
    if kind == 5 and maker.coin(0.4):
        return maker.uniform(*(1,) * maker._size(1, 2), *shape)
    return maker.uniform(*maker.random.choice(((), (1,))))


def _with_constant(maker: _Maker) -> None:
    name = maker.pick()
    values = _constant_operand(maker, maker.shape(name))
    op = maker.random.choice(("Add", "Sub", "Mul", "Div"))
    inputs = [name]
    if op in ("Mul", "Div"):
        values = np.where(values < 0, values - np.float32(0.4), values + np.float32(0.4))
    inputs.insert(maker._size(0, 1) if op != "Div" else 1, maker.constant(values))
    maker.add(op, inputs)


def _broadcasts(one: Shape, other: Shape) -> bool:
    try:
        np.broadcast_shapes(one, other)
    except ValueError:
        return False
    return True


def _between(maker: _Maker) -> None:
    first = maker.pick()
    shape = maker.shape(first)
    if maker.coin():
        second = maker.pick(lambda s: s == shape)
    else:
        second = maker.pick(lambda s: _broadcasts(s, shape))
    op = maker.random.choice(("Add", "Add", "Sub", "Mul", "Div"))
    pair = [first, second]
    if op == "Div":
        if maker.quantisable:
            raise NotHere
        positive = maker.add("Sigmoid", [second])
        pair = [first, maker.add("Add", [positive, maker.constant(0.5)])]
    elif maker.coin():
        pair.reverse()
    maker.add(op, pair)


def _extremes(maker: _Maker) -> None:
    first = maker.pick()
    second = maker.pick(lambda s: s == maker.shape(first))
    inputs = [first, maker.constant(0.2) if maker.coin(0.3) else second]
    if maker.coin(0.2):
        inputs.append(maker.constant(maker.uniform(*maker.shape(first))))
    maker.add(maker.random.choice(("Max", "Min")), inputs)


def _dense(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) == 2)
    rows, width = maker.shape(name)
    turned = maker.coin(0.2)
    width = rows if turned else width
    outputs = maker._size(1, 8)
    weight = maker.uniform(width, outputs, reach=2 / np.sqrt(width))
    attributes: dict[str, object] = {"transA": 1} if turned else {}
    if maker.coin():
        weight, attributes["transB"] = np.ascontiguousarray(weight.T), 1
    if maker.coin(0.2):
        attributes |= {"alpha": 0.7, "beta": 1.3}
    inputs = [name, maker.constant(weight)]
    made = maker.shape(name)[1] if turned else rows
    biases = [(outputs,), (1, outputs), (1,), (made, 1), (made, outputs), ()]
    if maker.coin(0.7):
        inputs.append(maker.constant(maker.uniform(*maker.random.choice(biases), reach=0.5)))
    maker.add("Gemm", inputs, **attributes)


def _matmul(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1 and _long(s))
    shape = maker.shape(name)
    width, outputs = shape[-1], maker._size(1, 6)
    kind = maker._size(0, 5)
    reach = 2 / np.sqrt(width)
    if kind == 0:
        weight = maker.uniform(width, reach=reach)
    elif kind == 1 and len(shape) >= 2:
        rows = maker._size(1, 5)
        weight = maker.uniform(rows, shape[-2], reach=2 / np.sqrt(shape[-2]))
        maker.add("MatMul", [maker.constant(weight), name])
        return
    elif kind == 2 and len(shape) >= 3:
        weight = maker.uniform(*shape[:-2], width, outputs, reach=reach)
    else:
        weight = maker.uniform(width, outputs, reach=reach)
    maker.add("MatMul", [name, maker.constant(weight)])


def _concat(maker: _Maker) -> None:
    first = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(first)
    axis = maker._size(0, len(shape) - 1)

    def suits(other: Shape) -> bool:
        return len(other) == len(shape) and all(
            a == b or at == axis for at, (a, b) in enumerate(zip(shape, other, strict=True))
        )

    inputs = [first] + [maker.pick(suits) for _ in range(maker._size(1, 2))]
    if maker.coin(0.2):
        extended = tuple(maker._size(1, 2) if at == axis else s for at, s in enumerate(shape))
        inputs.append(maker.constant(maker.uniform(*extended)))
    maker.random.shuffle(inputs)
    maker.add("Concat", inputs, axis=axis - len(shape) * maker.coin(0.3))


def _split(maker: _Maker) -> None:
    name = maker.pick(_long)
    shape = maker.shape(name)
    axis = maker.random.choice([a for a, size in enumerate(shape) if size > 1])
    cut = maker._size(1, shape[axis] - 1)
    sizes = [cut, shape[axis] - cut]
    if maker.opset < 13:
        maker.add("Split", [name], 2, axis=axis, split=sizes)
    else:
        maker.add("Split", [name, maker.longs(sizes)], 2, axis=axis)


def _slice(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    axes = maker.random.sample(range(len(shape)), maker._size(1, min(2, len(shape))))
    starts, ends, steps = [], [], []
    for axis in axes:
        start = maker._size(0, shape[axis] - 1)
        end = maker._size(start + 1, shape[axis])
        step = maker.random.choice((1, 1, 2))
        if maker.coin(0.2):
            start, end, step = end - 1, start - 1 if start else -(2**31), -step
        elif maker.coin(0.3):
            start, end = start - shape[axis], 2**31
        starts.append(start), ends.append(end), steps.append(step)
    maker.add("Slice", [name, *map(maker.longs, (starts, ends, axes, steps))])


def _gather(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    axis = maker._size(0, len(shape) - 1)
    forms: Sequence[Shape] = ((), (1,), (2,), (3,), (2, 2))
    form = maker.random.choice(forms)
    indices = maker.numbers.integers(-shape[axis], shape[axis], form)
    maker.add("Gather", [name, maker.constant(indices, np.int64)], axis=axis)


def _pad(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    mode = maker.random.choice(("constant", "constant", "reflect", "edge"))
    widths = [
        maker.random.choice((0, 0, 1, 2)) if mode != "reflect" or size > 2 else 0
        for size in (*shape, *shape)
    ]
    inputs = [name, maker.longs(widths)]
    if mode == "constant" and maker.coin(0.4):
        inputs.append(maker.constant(maker.random.choice((0.0, 0.3, -0.8, 2.5))))
    maker.add("Pad", inputs, mode=mode)


def _pool(maker: _Maker) -> None:
    name = maker.pick(_is_image)
    op = maker.random.choice(("MaxPool", "AveragePool"))
    dilated = op == "MaxPool" and maker.coin(0.3)
    window = _window(maker, name, dilated=dilated)
    if maker.coin(0.4) and "auto_pad" not in window:
        window["ceil_mode"] = 1
    if op == "AveragePool" and maker.coin():
        window["count_include_pad"] = 1
    maker.add(op, [name], **window)


def _global_pool(maker: _Maker) -> None:
    op = maker.random.choice(("GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"))
    maker.add(op, [maker.pick(_is_image)])


def _reduce(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    rank = len(maker.shape(name))
    op = maker.random.choice(("ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax"))
    axes = sorted(maker.random.sample(range(rank), maker._size(1, rank)))
    axes = [axis - rank * maker.coin(0.4) for axis in axes]
    keep = {"keepdims": maker._size(0, 1)}
    as_input = maker.opset >= 13 if op == "ReduceSum" else maker.opset >= 18
    if maker.coin(0.1):
        maker.add(op, [name], **keep)
    elif as_input:
        maker.add(op, [name, maker.longs(axes)], **keep)
    else:
        maker.add(op, [name], axes=axes, **keep)


def _reshape(maker: _Maker) -> None:
    name = maker.pick(_long)
    count, sizes = int(np.prod(maker.shape(name))), []
    while count > 1 and len(sizes) < 3:
        size = maker.random.choice([d for d in range(1, count + 1) if count % d == 0])
        sizes.append(size)
        count //= size
    sizes.append(count)
    if maker.coin(0.6) or len(sizes) == 1:
        sizes.insert(0, 1)
    if maker.coin(0.3):
        sizes[maker._size(0, len(sizes) - 1)] = -1
    maker.add("Reshape", [name, maker.longs(sizes)])


def _flatten(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2)
    axis = 1 if maker.coin(0.7) else maker._size(0, len(maker.shape(name)))
    maker.add("Flatten", [name], axis=axis)


def _squeeze(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2 and 1 in s)
    shape = maker.shape(name)
    axis = maker.random.choice([a for a, size in enumerate(shape) if size == 1])
    _moved_axes(maker, "Squeeze", name, [axis - len(shape) * maker.coin(0.3)])


def _unsqueeze(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) <= 3)
    _moved_axes(maker, "Unsqueeze", name, [maker._size(0, len(maker.shape(name)))])


def _moved_axes(maker: _Maker, op: str, name: str, axes: list[int]) -> None:
    if maker.opset < 13:
        maker.add(op, [name], axes=axes)
    else:
        maker.add(op, [name, maker.longs(axes)])


def _transpose(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2)
    rank = len(maker.shape(name))
    perms = [maker.random.sample(range(rank), rank)]
    if rank == 4:
        perms += [[0, 2, 3, 1], [0, 3, 1, 2]]
    if rank == 3:
        perms += [[0, 2, 1]]
    maker.add("Transpose", [name], perm=maker.random.choice(perms))


def _resize(maker: _Maker) -> None:
    name = maker.pick(_is_image)
    shape = maker.shape(name)
    modes = ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"]
    roundings = ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]
    roi = maker.constant([]) if maker.opset < 13 else ""
    if maker.coin():
        scales = [1.0, 1.0, *(maker.random.choice((0.5, 1.0, 2.0, 3.0)) for _ in shape[2:])]
        inputs = [name, roi, maker.constant(scales)]
    else:
        sizes = [*shape[:2], *(maker._size(1, 8) for _ in shape[2:])]
        none = maker.constant([]) if maker.opset < 13 else ""
        inputs = [name, roi, none, maker.longs(sizes)]
    maker.add(
        "Resize",
        inputs,
        mode="nearest",
        coordinate_transformation_mode=maker.random.choice(modes),
        nearest_mode=maker.random.choice(roundings),
    )


def _blocks(maker: _Maker) -> None:
    if maker.coin():
        name = maker.pick(lambda s: len(s) == 4 and s[1] % 4 == 0)
        mode = maker.random.choice(("DCR", "CRD"))
        maker.add("DepthToSpace", [name], blocksize=2, mode=mode)
        return
    name = maker.pick(lambda s: len(s) == 4 and s[2] % 2 == s[3] % 2 == 0)
    maker.add("SpaceToDepth", [name], blocksize=2)


def _softmax(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    axis = maker._size(0, len(shape) - 1)
    if shape[axis] == 1:
        raise NotHere
    maker.add("Softmax", [name], axis=axis)


def _argmax(maker: _Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    axis = maker._size(0, len(shape) - 1)
    if shape[axis] == 1 or maker.coin(0.5):
        raise NotHere
    attributes = {"keepdims": maker._size(0, 1)}
    if maker.opset >= 12 and maker.coin(0.3):
        attributes["select_last_index"] = 1
    maker.add("ArgMax", [name], axis=axis, **attributes)


_COMMON = (
    *(_conv, _conv, _conv, _conv_transpose, _activation, _activation, _clip),
    *(_with_constant, _with_constant, _between, _between, _dense, _matmul, _concat, _split),
    *(_slice, _gather, _pad, _pool, _pool, _global_pool, _reduce, _reshape, _flatten),
    *(_squeeze, _unsqueeze, _transpose, _transpose, _resize, _softmax),
)
MAKERS: tuple[Callable[[_Maker], None], ...] = (
    *(*_COMMON, _batch_norm, _batch_norm, _prelu, _extremes, _sqrt, _blocks, _argmax),
)
QUANTISABLE: tuple[Callable[[_Maker], None], ...] = (*_COMMON, _batch_norm)
