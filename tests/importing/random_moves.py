"""Random nodes that move elements, or choose some."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.importing.random_graphs import Maker, Shape, is_image, is_long


def concat(maker: Maker) -> None:
    first = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(first)
    axis = maker.size(0, len(shape) - 1)

    def suits(other: Shape) -> bool:
        return len(other) == len(shape) and all(
            a == b or at == axis for at, (a, b) in enumerate(zip(shape, other, strict=True))
        )

    inputs = [first] + [maker.pick(suits) for _ in range(maker.size(1, 2))]
    if maker.coin(0.2):
        extended = tuple(maker.size(1, 2) if at == axis else s for at, s in enumerate(shape))
        inputs.append(maker.constant(maker.uniform(*extended)))
    maker.random.shuffle(inputs)
    maker.add("Concat", inputs, axis=axis - len(shape) * maker.coin(0.3))


def split(maker: Maker) -> None:
    name = maker.pick(is_long)
    shape = maker.shape(name)
    axis = maker.random.choice([a for a, size in enumerate(shape) if size > 1])
    cut = maker.size(1, shape[axis] - 1)
    sizes = [cut, shape[axis] - cut]
    if maker.opset < 13:
        maker.add("Split", [name], 2, axis=axis, split=sizes)
    else:
        maker.add("Split", [name, maker.longs(sizes)], 2, axis=axis)


def slice_(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    axes = maker.random.sample(range(len(shape)), maker.size(1, min(2, len(shape))))
    starts, ends, steps = [], [], []
    for axis in axes:
        start = maker.size(0, shape[axis] - 1)
        end = maker.size(start + 1, shape[axis])
        step = maker.random.choice((1, 1, 2))
        if maker.coin(0.2):
            start, end, step = end - 1, start - 1 if start else -(2**31), -step
        elif maker.coin(0.3):
            start, end = start - shape[axis], 2**31
        starts.append(start), ends.append(end), steps.append(step)
    maker.add("Slice", [name, *map(maker.longs, (starts, ends, axes, steps))])


def gather(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 1)
    shape = maker.shape(name)
    axis = maker.size(0, len(shape) - 1)
    forms: Sequence[Shape] = ((), (1,), (2,), (3,), (2, 2))
    form = maker.random.choice(forms)
    indices = maker.numbers.integers(-shape[axis], shape[axis], form)
    maker.add("Gather", [name, maker.constant(indices, np.int64)], axis=axis)


def pad(maker: Maker) -> None:
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


def reshape(maker: Maker) -> None:
    name = maker.pick(is_long)
    count, sizes = int(np.prod(maker.shape(name))), []
    while count > 1 and len(sizes) < 3:
        size = maker.random.choice([d for d in range(1, count + 1) if count % d == 0])
        sizes.append(size)
        count //= size
    sizes.append(count)
    if maker.coin(0.6) or len(sizes) == 1:
        sizes.insert(0, 1)
    if maker.coin(0.3):
        sizes[maker.size(0, len(sizes) - 1)] = -1
    maker.add("Reshape", [name, maker.longs(sizes)])


def flatten(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2)
    axis = 1 if maker.coin(0.7) else maker.size(0, len(maker.shape(name)))
    maker.add("Flatten", [name], axis=axis)


def squeeze(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2 and 1 in s)
    shape = maker.shape(name)
    axis = maker.random.choice([a for a, size in enumerate(shape) if size == 1])
    _moved_axes(maker, "Squeeze", name, [axis - len(shape) * maker.coin(0.3)])


def unsqueeze(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) <= 3)
    _moved_axes(maker, "Unsqueeze", name, [maker.size(0, len(maker.shape(name)))])


def _moved_axes(maker: Maker, op: str, name: str, axes: list[int]) -> None:
    if maker.opset < 13:
        maker.add(op, [name], axes=axes)
    else:
        maker.add(op, [name, maker.longs(axes)])


def transpose(maker: Maker) -> None:
    name = maker.pick(lambda s: len(s) >= 2)
    rank = len(maker.shape(name))
    perms = [maker.random.sample(range(rank), rank)]
    if rank == 4:
        perms += [[0, 2, 3, 1], [0, 3, 1, 2]]
    if rank == 3:
        perms += [[0, 2, 1]]
    maker.add("Transpose", [name], perm=maker.random.choice(perms))


def resize(maker: Maker) -> None:
    name = maker.pick(is_image)
    shape = maker.shape(name)
    modes = ["asymmetric", "half_pixel", "pytorch_half_pixel", "align_corners"]
    roundings = ["floor", "ceil", "round_prefer_floor", "round_prefer_ceil"]
    roi = maker.constant([]) if maker.opset < 13 else ""
    if maker.coin():
        scales = [1.0, 1.0, *(maker.random.choice((0.5, 1.0, 2.0, 3.0)) for _ in shape[2:])]
        inputs = [name, roi, maker.constant(scales)]
    else:
        sizes = [*shape[:2], *(maker.size(1, 8) for _ in shape[2:])]
        none = maker.constant([]) if maker.opset < 13 else ""
        inputs = [name, roi, none, maker.longs(sizes)]
    maker.add(
        "Resize",
        inputs,
        mode="nearest",
        coordinate_transformation_mode=maker.random.choice(modes),
        nearest_mode=maker.random.choice(roundings),
    )


def blocks(maker: Maker) -> None:
    if maker.coin():
        name = maker.pick(lambda s: len(s) == 4 and s[1] % 4 == 0)
        mode = maker.random.choice(("DCR", "CRD"))
        maker.add("DepthToSpace", [name], blocksize=2, mode=mode)
        return
    name = maker.pick(lambda s: len(s) == 4 and s[2] % 2 == s[3] % 2 == 0)
    maker.add("SpaceToDepth", [name], blocksize=2)
