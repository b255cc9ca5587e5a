"""Random networks as a memory planner sees them: shapes and wiring, without numbers.

Chains, residuals, inverted bottlenecks, branches with concat, dense blocks, squeeze-and-excite,
U shapes and random wiring, of any size; few sizes are multiples of the alignment.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from codegen.inputs import Input
from codegen.nets import Architecture, Layer, QuantNet
from codegen.ops.add import Add
from codegen.ops.base import Op, Quantity, QuantLayer, Shape
from codegen.ops.concat import Concat
from codegen.ops.conv2d import Conv2d
from codegen.ops.dense import Dense
from codegen.ops.depthwise import Depthwise
from codegen.ops.global_pool import GlobalPool
from codegen.ops.lookup import Lookup
from codegen.ops.max_pool import MaxPool
from codegen.ops.mul import Mul
from codegen.ops.pointwise import Pointwise
from codegen.ops.reshape import Reshape
from codegen.ops.resize import Resize
from codegen.ops.softmax import Softmax
from codegen.ops.sub import Sub

FEWEST_PIXELS = 16  # of an image that is still made smaller
MOST_BYTES = 2**17  # of one tensor
UNKNOWN = Quantity(scale=1.0, zero_point=0)


def random_net(seed: int) -> QuantNet:
    """The network of a seed: 3 to about 120 layers."""
    graph = _Graph(random.Random(seed))
    x = graph.conv("input", graph.channels(), stride=graph.chance.choice((1, 2)))
    for _ in range(graph.chance.choice((1, 2, 3, 4, 6, 8, 12))):
        x = graph.chance.choice(PARTS)(graph, x)
    graph.end(x)
    return graph.net(f"graph-{seed}")


class _Graph:
    """A network that grows; every method adds layers and returns the last one's name."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        size = chance.randint(9, 96)
        self.given = Input(
            name="input", shape=(size, chance.randint(9, size + 9), chance.choice((1, 2, 3)))
        )
        self.shapes: dict[str, Shape] = {"input": self.given.shape}
        self.layers: list[Layer] = []
        self.outputs: list[str] = []

    def add(self, op: Op, *inputs: str) -> str:
        name = f"l{len(self.layers)}"
        self.shapes[name] = op.output_shape(tuple(self.shapes[i] for i in inputs))
        self.layers.append(Layer(name=name, op=op, inputs=inputs))
        return name

    def channels(self) -> int:
        return self.chance.choice((self.chance.randint(1, 48), 8, 16, 24, 32))

    def conv(self, x: str, channels: int, stride: int = 1) -> str:
        height, width, _ = self.shapes[x]
        channels = max(1, min(channels, MOST_BYTES // (height * width)))
        kernel = self.chance.choice((1, 3, 3, 3, 5))
        if kernel == 1 and stride == 1:
            y = self.add(Pointwise(channels=channels), x)
        else:
            y = self.add(Conv2d(channels=channels, **_same(kernel, stride)), x)
        return self.add(Lookup(function=("tanh", ("x",))), y) if self.chance.random() < 0.3 else y

    def smaller(self, x: str) -> str:
        """Half the rows and columns, while there are enough."""
        height, width, channels = self.shapes[x]
        if height * width < FEWEST_PIXELS or min(height, width) < 2:
            return x
        if self.chance.random() < 0.5:
            return self.add(MaxPool(kernel=(2, 2), stride=(2, 2)), x)
        return self.conv(x, self.chance.choice((channels, 2 * channels)), stride=2)

    def end(self, x: str) -> None:
        """A classifier, or the tensor itself, and perhaps one from the middle."""
        if self.chance.random() < 0.8:
            x = self.add(Dense(channels=self.chance.randint(2, 100)), self.add(GlobalPool(), x))
            x = self.add(Softmax(axis=0), x)
        self.outputs.append(x)
        if self.chance.random() < 0.2:
            self.outputs.append(self.chance.choice(self.layers).name)

    def net(self, name: str) -> QuantNet:
        arch = Architecture(
            name=name,
            inputs=(self.given,),
            layers=tuple(self.layers),
            outputs=tuple(dict.fromkeys(self.outputs)),
        )
        return QuantNet(
            arch=arch,
            layers=tuple(self._quant_layer(layer) for layer in self.layers),
            input_quantities={"input": UNKNOWN},
        )

    def _quant_layer(self, layer: Layer) -> QuantLayer:
        return QuantLayer(
            name=layer.name,
            op=layer.op,
            inputs=layer.inputs,
            input_shapes=tuple(self.shapes[name] for name in layer.inputs),
            output_shape=self.shapes[layer.name],
            input_quantities=(UNKNOWN,) * len(layer.inputs),
            quantity=UNKNOWN,
            constants={},
            tensors={},
        )


def _chain(graph: _Graph, x: str) -> str:
    for _ in range(graph.chance.randint(1, 5)):
        x = graph.conv(x, graph.channels())
    return graph.smaller(x)


def _residual(graph: _Graph, x: str) -> str:
    channels = graph.shapes[x][2]
    for _ in range(graph.chance.randint(1, 3)):
        y = graph.conv(graph.conv(x, channels), channels)
        if graph.shapes[y] == graph.shapes[x]:
            op = graph.chance.choice((Add(), Add(), Sub(), Mul()))
            y = graph.add(op, *graph.chance.sample((x, y), 2))
        x = y
    return graph.smaller(x)


def _bottleneck(graph: _Graph, x: str) -> str:
    for _ in range(graph.chance.randint(1, 3)):
        channels = graph.shapes[x][2]
        y = graph.conv(x, channels * graph.chance.randint(2, 6))
        y = graph.add(Depthwise(**_same(3, 1)), y)
        y = graph.add(Pointwise(channels=channels), y)
        x = graph.add(Add(), x, y)
    return graph.smaller(x)


def _branches(graph: _Graph, x: str) -> str:
    ends = []
    for _ in range(graph.chance.randint(2, 4)):
        y = x
        for _ in range(graph.chance.randint(1, 3)):
            y = graph.conv(y, graph.channels() // 2 + 1)
        ends.append(y)
    return graph.smaller(graph.conv(graph.add(Concat(axis=2), *ends), graph.channels()))


def _dense_block(graph: _Graph, x: str) -> str:
    growth = graph.chance.randint(4, 12)
    for _ in range(graph.chance.randint(2, 5)):
        x = graph.add(Concat(axis=2), x, graph.conv(x, growth))
    return graph.smaller(graph.conv(x, graph.channels()))


def _excite(graph: _Graph, x: str) -> str:
    channels = graph.shapes[x][2]
    y = graph.add(Reshape(shape=(1, 1, channels)), graph.add(GlobalPool(), x))
    y = graph.add(Pointwise(channels=channels // 4 + 1), y)
    y = graph.add(Lookup(function=("sigmoid", ("x",))), graph.add(Pointwise(channels=channels), y))
    return graph.add(Mul(), x, y)


def _u_shape(graph: _Graph, x: str) -> str:
    kept = []
    for _ in range(graph.chance.randint(1, 3)):
        x = graph.conv(x, graph.channels())
        kept.append(x)
        x = graph.conv(graph.smaller(x), graph.channels())
    for skip in reversed(kept):
        (rows, columns, _), (height, width, _) = graph.shapes[skip], graph.shapes[x]
        larger = Resize(rows=_nearest(rows, height), columns=_nearest(columns, width))
        x = graph.conv(graph.add(Concat(axis=2), skip, graph.add(larger, x)), graph.channels())
    return x


def _wild(graph: _Graph, x: str) -> str:
    """Layers that read whatever is there, of one shape."""
    channels = graph.shapes[x][2]
    there = [x]
    for _ in range(graph.chance.randint(4, 16)):
        recent = there[-graph.chance.randint(2, 7) :]
        if graph.chance.random() < 0.4:
            one, two = graph.chance.choice(recent), graph.chance.choice(recent)
            there.append(graph.add(Add(), one, two))
        else:
            y = graph.conv(graph.chance.choice(recent), channels)
            there.append(y if graph.shapes[y] == graph.shapes[x] else x)
    return graph.add(Concat(axis=2), *dict.fromkeys(there[-3:]))


def _tangle(graph: _Graph, x: str) -> str:
    """Tensors of all sizes that wait for readers far away, and no step that is the largest."""
    there = [x]
    for _ in range(graph.chance.randint(6, 30)):
        read = graph.chance.sample(there, min(len(there), graph.chance.choice((1, 1, 2, 3))))
        y = read[0] if len(read) == 1 else graph.add(Concat(axis=2), *read)
        there.append(graph.add(Pointwise(channels=graph.chance.randint(1, 40)), y))
        if len(there) > graph.chance.randint(3, 12):
            there.remove(graph.chance.choice(there))
    return graph.add(Concat(axis=2), *there)


PARTS: tuple[Callable[[_Graph, str], str], ...] = (
    _chain,
    _residual,
    _bottleneck,
    _branches,
    _dense_block,
    _excite,
    _u_shape,
    _wild,
    _tangle,
)


def _same(kernel: int, stride: int) -> dict[str, tuple[int, ...]]:
    half = kernel // 2
    return {"kernel": (kernel, kernel), "stride": (stride, stride), "padding": (half,) * 4}


def _nearest(extent: int, source: int) -> tuple[int, ...]:
    return tuple(at * source // extent for at in range(extent))
