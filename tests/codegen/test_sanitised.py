"""Ten thousand images through the emitted C under ASan and UBSan: no report, the right bits."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np

from codegen import reference
from codegen.emit import vector_image
from codegen.nets import Architecture, QuantNet
from codegen.targets import Target, find_target
from hypernet.architectures import load_architecture
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL, Json
from tests.c_host import CORTEX_M4, SANITISERS, compiler, emitted, run
from tests.networks import extreme, quant_net, with_constants
from tests.ops.harness import bench

SOURCE = Path(__file__).parent / "c" / "checksum.c"
SEED, STEP = 12345, 2654435769 % 100003
_WITHOUT_WEIGHTS: tuple[Json, ...] = (
    {"op": "constant", "inputs": [], "shape": [1, 5, 1]},
    {"op": "lookup", "inputs": ["image"], "function": ["neg", ["x"]]},
    {"op": "sub", "inputs": ["first", "case0"]},
    {"op": "mul", "inputs": ["second", "case0"]},
    {"op": "add", "inputs": ["case2", "case3"]},
    {"op": "softmax", "inputs": ["case4"], "axis": 0},
    {"op": "argmax", "inputs": ["case4"], "axis": 2},
)
TRACED = 64  # images whose every tensor is compared


def _binary(net: QuantNet, folder: Path, target: Target) -> Path:
    emitted(net, folder / "emitted", target=target)
    sources = sorted((folder / "emitted").glob("*.c"))
    binary = folder / "checksum"
    flags = ("-std=c11", *SANITISERS, "-I", folder / "emitted")
    run([compiler("gcc"), *flags, SOURCE, *sources, "-o", binary])
    return binary


def _check(net: QuantNet, folder: Path, count: int, target: Target = CORTEX_M4) -> None:
    binary = _binary(net, folder, target)
    said = run([binary, str(SEED), str(TRACED), str(STEP)])
    assert said.split() == _expected(net), "the first images, tensor by tensor"
    run([binary, str(SEED + 1), str(count), str(STEP)])


def _expected(net: QuantNet) -> list[str]:
    images = _images(net, TRACED)
    outputs = reference.run(net, images)
    tensors = verdicts = 0
    for i in range(TRACED):
        for layer in net.layers:
            tensors = zlib.crc32(outputs[layer.name][i].tobytes(), tensors)
        verdicts = zlib.crc32(outputs[net.layers[-1].name][i].tobytes(), verdicts)
    return [f"{tensors:08x}", f"{verdicts:08x}"]


def _images(net: QuantNet, count: int) -> np.ndarray:
    """The twin of make_image() in checksum.c."""
    image = net.arch.image
    rows = []
    for i in range(count):
        pixels = vector_image(i if i < 2 else (SEED + i * STEP) % 2**32, image.size_bytes)
        rows.append(np.where(pixels < 128, 0, 255).astype(np.uint8) if i % 8 == 7 else pixels)
    return np.stack(rows).reshape(-1, *image.shape)


def test_ten_thousand_images(tmp_path: Path) -> None:
    for index, data in enumerate((CONV_HEAD, DEPTHWISE_ALL)):
        net = quant_net(Architecture.from_json(data))
        (tmp_path / str(index)).mkdir()
        _check(net, tmp_path / str(index), count=5000)


def test_extreme_integers(tmp_path: Path) -> None:
    """Accumulators at the last unit of int32: the proof holds or UBSan reports."""
    for seed in (1, 2):
        net = extreme(quant_net(Architecture.from_json(DEPTHWISE_ALL)), seed)
        (tmp_path / str(seed)).mkdir()
        _check(net, tmp_path / str(seed), count=500)


def test_operators_without_weights(tmp_path: Path) -> None:
    """Indices into tables, unsigned sums, broadcast indices."""
    net = quant_net(bench((7, 5, 3), _WITHOUT_WEIGHTS))
    shifted = with_constants(net, "case3", left_shift=15, multiplier=2**31 - 1)
    for index, variant in enumerate((net, shifted)):
        (tmp_path / str(index)).mkdir()
        _check(variant, tmp_path / str(index), count=500)


def test_kernels_for_helium(tmp_path: Path) -> None:
    """Their twin reads whole vectors, and yet nothing behind the image or the weights."""
    net = quant_net(Architecture.from_json(DEPTHWISE_ALL))
    for index, variant in enumerate((net, extreme(net, 3))):
        (tmp_path / str(index)).mkdir()
        _check(variant, tmp_path / str(index), count=200, target=find_target("cortex-m55"))


def test_the_shipped_architecture(tmp_path: Path) -> None:
    _check(quant_net(load_architecture("pq")), tmp_path, count=100)
