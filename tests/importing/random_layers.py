"""Random nodes that compute."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.importing.random_graphs import Maker, NotHere, Shape, is_image, is_long


def _pads(maker: Maker, kernel: Sequence[int]) -> list[int]:
    """All beginnings, then all ends; narrower than the window."""
    return [maker.random.choice((0, 0, 1, k - 1)) if k > 1 else 0 for k in (*kernel, *kernel)]


def _window(maker: Maker, name: str, *, dilated: bool) -> dict[str, object]:
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


def conv(maker: Maker) -> None:
    name = maker.pick(is_image)
    channels = maker.shape(name)[1]
    group = maker.random.choice([g for g in range(1, channels + 1) if channels % g == 0])
    outputs = group * maker.size(1, 3)
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


def conv_transpose(maker: Maker) -> None:
    name = maker.pick(is_image)
    channels = maker.shape(name)[1]
    group = maker.random.choice([g for g in range(1, channels + 1) if channels % g == 0])
    outputs = maker.size(1, 3)
    sizes = maker.shape(name)[2:]
    kernel = [maker.size(1, 3) for _ in sizes]
    strides = [maker.size(1, 3) for _ in sizes]
    made: dict[str, object] = {"kernel_shape": kernel, "strides": strides, "group": group}
    if maker.coin(0.3):
        made["dilations"] = [maker.size(1, 2) for _ in sizes]
    if maker.coin(0.3):
        made["output_padding"] = [maker.size(0, s - 1) for s in strides]
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


def batch_norm(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2)
    channels = maker.shape(name)[1]
    numbers = [
        maker.uniform(channels, reach=0.5) + np.float32(1),
        maker.uniform(channels, reach=0.5),
        maker.uniform(channels, reach=0.5),
        np.abs(maker.uniform(channels)) + np.float32(0.4),
    ]
    maker.add("BatchNormalization", [name, *map(maker.constant, numbers)], epsilon=1e-3)


def activation(maker: Maker) -> None:
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


def clip(maker: Maker) -> None:
    ends = [("lo", "hi"), ("lo", ""), ("", "hi"), ("zero", "six"), ("zero", "")]
    numbers = {"lo": -0.7, "hi": 0.9, "zero": 0.0, "six": 6.0}
    inputs = [maker.pick()]
    inputs += [maker.constant(numbers[e]) if e else "" for e in maker.random.choice(ends)]
    maker.add("Clip", inputs if inputs[-1] else inputs[:2])


def prelu(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2)
    shape = maker.shape(name)
    rank = len(shape)
    slopes = [(shape[1], *(1,) * (rank - 2)), (1, shape[1], *(1,) * (rank - 2)), (shape[-1],)]
    slopes += [(1,), shape]
    maker.add("PRelu", [name, maker.constant(maker.uniform(*maker.random.choice(slopes)))])


def sqrt(maker: Maker) -> None:
    if maker.quantisable:
        raise NotHere
    square = maker.add("Abs", [maker.pick()])
    shifted = maker.add("Add", [square, maker.constant(0.5)])
    maker.add(maker.random.choice(("Sqrt", "Log", "Reciprocal")), [shifted])


def _constant_operand(maker: Maker, shape: Shape) -> np.ndarray:
    """Of the same shape, per channel, per column, one number, of lower or of higher rank."""
    kind = maker.size(0, 6)
    rank = len(shape)
    if kind == 0:
        return maker.uniform(*shape)
    if kind == 1:
        return maker.uniform(*(s if maker.coin() else 1 for s in shape))
    if kind == 2:
        return maker.uniform(*shape[maker.size(0, rank - 1) :]) if rank else maker.uniform()
    if kind == 3 and rank >= 2:
        return maker.uniform(shape[1], *(1,) * (rank - 2))
    if kind == 4 and maker.coin(0.4):
        grown = tuple(maker.size(2, 3) if s == 1 and maker.coin() else s for s in shape)
        return maker.uniform(*grown)
    if kind == 5 and maker.coin(0.4):
        return maker.uniform(*(1,) * maker.size(1, 2), *shape)
    return maker.uniform(*maker.random.choice(((), (1,))))


def with_constant(maker: Maker) -> None:
    name = maker.pick()
    values = _constant_operand(maker, maker.shape(name))
    op = maker.random.choice(("Add", "Sub", "Mul", "Div"))
    inputs = [name]
    if op in ("Mul", "Div"):
        values = np.where(values < 0, values - np.float32(0.4), values + np.float32(0.4))
    inputs.insert(maker.size(0, 1) if op != "Div" else 1, maker.constant(values))
    maker.add(op, inputs)


def _broadcasts(one: Shape, other: Shape) -> bool:
    try:
        np.broadcast_shapes(one, other)
    except ValueError:
        return False
    return True


def between(maker: Maker) -> None:
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


def extremes(maker: Maker) -> None:
    first = maker.pick()
    second = maker.pick(lambda s: s == maker.shape(first))
    inputs = [first, maker.constant(0.2) if maker.coin(0.3) else second]
    if maker.coin(0.2):
        inputs.append(maker.constant(maker.uniform(*maker.shape(first))))
    maker.add(maker.random.choice(("Max", "Min")), inputs)


def dense(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) == 2)
    rows, width = maker.shape(name)
    turned = maker.coin(0.2)
    width = rows if turned else width
    outputs = maker.size(1, 8)
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


def matmul(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1 and is_long(s))
    shape = maker.shape(name)
    width, outputs = shape[-1], maker.size(1, 6)
    kind = maker.size(0, 5)
    reach = 2 / np.sqrt(width)
    if kind == 0:
        weight = maker.uniform(width, reach=reach)
    elif kind == 1 and len(shape) >= 2:
        rows = maker.size(1, 5)
        weight = maker.uniform(rows, shape[-2], reach=2 / np.sqrt(shape[-2]))
        maker.add("MatMul", [maker.constant(weight), name])
        return
    elif kind == 2 and len(shape) >= 3:
        weight = maker.uniform(*shape[:-2], width, outputs, reach=reach)
    else:
        weight = maker.uniform(width, outputs, reach=reach)
    maker.add("MatMul", [name, maker.constant(weight)])


def pool(maker: Maker) -> None:
    name = maker.pick(is_image)
    op = maker.random.choice(("MaxPool", "AveragePool"))
    dilated = op == "MaxPool" and maker.coin(0.3)
    window = _window(maker, name, dilated=dilated)
    if maker.coin(0.4) and "auto_pad" not in window:
        window["ceil_mode"] = 1
    if op == "AveragePool" and maker.coin():
        window["count_include_pad"] = 1
    maker.add(op, [name], **window)


def global_pool(maker: Maker) -> None:
    op = maker.random.choice(("GlobalAveragePool", "GlobalAveragePool", "GlobalMaxPool"))
    maker.add(op, [maker.pick(is_image)])


def reduce(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    rank = len(maker.shape(name))
    op = maker.random.choice(("ReduceMean", "ReduceMean", "ReduceSum", "ReduceMax"))
    axes = sorted(maker.random.sample(range(rank), maker.size(1, rank)))
    axes = [axis - rank * maker.coin(0.4) for axis in axes]
    keep = {"keepdims": maker.size(0, 1)}
    as_input = maker.opset >= 13 if op == "ReduceSum" else maker.opset >= 18
    if maker.coin(0.1):
        maker.add(op, [name], **keep)
    elif as_input:
        maker.add(op, [name, maker.longs(axes)], **keep)
    else:
        maker.add(op, [name], axes=axes, **keep)


def softmax(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    axis = maker.size(0, len(shape) - 1)
    if shape[axis] == 1:
        raise NotHere
    maker.add("Softmax", [name], axis=axis)


def argmax(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    axis = maker.size(0, len(shape) - 1)
    if shape[axis] == 1 or maker.coin(0.5):
        raise NotHere
    attributes = {"keepdims": maker.size(0, 1)}
    if maker.opset >= 12 and maker.coin(0.3):
        attributes["select_last_index"] = 1
    maker.add("ArgMax", [name], axis=axis, **attributes)
