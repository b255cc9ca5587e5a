"""Several frames, one verdict: the C against its twin, and the twin against plain arithmetic."""

from __future__ import annotations

import dataclasses
import math
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen import reference
from codegen.emit import emit, write_emission
from codegen.errors import HvError
from codegen.frames import frame_facts, window_verdicts
from codegen.nets import QuantNet
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.c_host import CORTEX_M4, HERE, SANITISERS, WARNINGS, compiler, run
from tests.networks import conv_head, depthwise_all, rows, two_inputs

FRAME, MISS, BEGIN = 0, 1, 2
VERIFIERS: tuple[Callable[[], QuantNet], ...] = (conv_head, depthwise_all, rows)


def _images(net: QuantNet, count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, *net.arch.image.shape), dtype=np.uint8)


def _turned(net: QuantNet) -> QuantNet:
    """With the opposite last layer: what had negative scores has positive ones."""
    head = next(layer for layer in net.layers if layer.name == net.layers[-1].inputs[0])
    tensors = {name: -values for name, values in head.tensors.items()}
    turned = dataclasses.replace(head, tensors=tensors)
    layers = tuple(turned if layer is head else layer for layer in net.layers)
    return dataclasses.replace(net, layers=layers)


def _ambiguous(net: QuantNet) -> QuantNet:
    """With a threshold that about half of the windows reach."""
    outputs = reference.run(net, _images(net, 40))
    if (outputs[net.layers[-1].name][:, 0] < 0).mean() > 0.5:
        net = _turned(net)
    verdicts = window_verdicts(net, reference.run(net, _images(net, 40)), 3)
    decision = net.layers[-1]
    if frame_facts(net, 3).normalised:
        squares = verdicts[:, 0].astype(float) ** 2 * 2.0 ** decision.constants["shift"]
        values = (squares / verdicts[:, 1])[verdicts[:, 0] > 0]
    else:
        values = verdicts[2:, 0] / 3
    assert len(values) > 5
    threshold = np.array([int(np.median(values))], np.int32)
    layer = dataclasses.replace(decision, tensors={**decision.tensors, "threshold": threshold})
    return dataclasses.replace(net, layers=(*net.layers[:-1], layer))


def _program(net: QuantNet, folder: Path, frames: int, plan: str = "balanced") -> Path:
    emission = emit(schedule(net, CORTEX_M4, plan), "someone", frames=frames)
    write_emission(emission, folder)
    prefix = emission.program.prefix
    macros = (f'-DFRAMES_HEADER="{prefix}_frames.h"', f"-DFRAMES(x)={prefix}_frames_##x")
    program = folder.parent / "frames"
    sources = (HERE / "codegen" / "c" / "frames.c", *sorted(folder.glob("*.c")))
    run([compiler("gcc"), *WARNINGS, *SANITISERS, *macros, "-I", folder, *sources, "-o", program])
    return program


def _run(program: Path, orders: Sequence[int], images: np.ndarray) -> np.ndarray:
    given_ = b"".join(
        bytes([order]) + image.tobytes() for order, image in zip(orders, images, strict=True)
    )
    done = subprocess.run([program], input=given_, capture_output=True, check=True)
    return np.array([line.split() for line in done.stdout.split(b"\n") if line], np.int32)


@pytest.mark.parametrize("make", VERIFIERS, ids=lambda make: make.__name__)
def test_the_c_decides_as_its_twin(make: Callable[[], QuantNet], tmp_path: Path) -> None:
    net = _ambiguous(make())
    images = _images(net, 40)
    expected = window_verdicts(net, reference.run(net, images), 3)
    assert 0 < expected[:, 2].sum() < 40
    program = _program(net, tmp_path / "emitted", 3)
    np.testing.assert_array_equal(_run(program, [FRAME] * 40, images), expected)


def test_frames_that_miss_or_forget(tmp_path: Path) -> None:
    """Two misses leave a window of three as it is, the third empties it; so does begin."""
    net = _ambiguous(conv_head())
    program = _program(net, tmp_path / "emitted", 3)
    images = _images(net, 16)
    orders = [0, 0, 1, 1, 0, 0, 1, 1, 1, 0, 0, 2, 0, 0, 0, 0]
    outputs = reference.run(net, images)
    expected = []
    for part in ((0, 1, 4, 5), (9, 10), (12, 13, 14, 15)):
        own = {name: values[list(part)] for name, values in outputs.items()}
        expected.append(window_verdicts(net, own, 3))
    np.testing.assert_array_equal(_run(program, orders, images), np.concatenate(expected))


@pytest.mark.parametrize("make", VERIFIERS, ids=lambda make: make.__name__)
def test_a_window_of_one_is_the_frame(make: Callable[[], QuantNet]) -> None:
    net = make()
    outputs = reference.run(net, _images(net, 9))
    np.testing.assert_array_equal(
        window_verdicts(net, outputs, 1), outputs[net.layers[-1].name].astype(np.int32)
    )


@settings(max_examples=30, deadline=None)
@given(capacity=st.integers(1, 8), count=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_the_sum_is_the_cosine_of_the_mean_feature_vector(
    capacity: int, count: int, seed: int
) -> None:
    """In floating point, from the definition: the frames themselves, one by one."""
    net = _NET
    facts = frame_facts(net, capacity)
    rng = np.random.default_rng(seed)
    head = next(layer for layer in net.layers if layer.name == net.layers[-1].inputs[0])
    features = rng.integers(-128, 128, (count, facts.features)).astype(np.int8)
    weight = head.tensors["weight"].reshape(-1).astype(np.int64)
    h = features.astype(np.int64) - facts.zero_point
    decision = np.stack([h @ weight] * 3, axis=1).astype(np.int32)
    verdicts = window_verdicts(
        net, {facts.feature_layer: features, net.layers[-1].name: decision}, capacity
    )
    least = math.sqrt(net.layers[-1].tensors["threshold"][0] / 2.0**facts.shift)
    for last in range(count):
        mean = h[max(0, last + 1 - capacity) : last + 1].mean(axis=0)
        expected = mean @ weight / np.linalg.norm(mean)
        assert verdicts[last, 0] / math.sqrt(verdicts[last, 1]) == pytest.approx(expected)
        if abs(expected - least) > 1e-6:
            assert verdicts[last, 2] == (expected >= least)


_NET = conv_head()


def test_the_largest_window_does_not_overflow() -> None:
    """Every feature at the end of int8, in as many frames as are allowed."""
    most = math.isqrt((2**31 - 1) // (frame_facts(_NET, 1).features * 255**2))
    facts = frame_facts(_NET, most)
    decision = dict(_NET.layers[-1].constants) | {"feature_zero_point": -128}
    layer = dataclasses.replace(_NET.layers[-1], constants=decision)
    net = dataclasses.replace(_NET, layers=(*_NET.layers[:-1], layer))
    features = np.full((most, facts.features), 127, np.int8)
    scores = np.full((most, 3), 255 * 127 * facts.features, np.int32)
    verdict = window_verdicts(net, {facts.feature_layer: features, layer.name: scores}, most)[-1]
    assert verdict[0] == 255 * 127 * facts.features * most
    assert verdict[1] == facts.features * (255 * most) ** 2
    with pytest.raises(HvError, match=f"1 to {most}"):
        frame_facts(_NET, most + 1)


@pytest.mark.parametrize("frames", [0, -1, 10**9])
@pytest.mark.parametrize("make", [conv_head, depthwise_all], ids=lambda make: make.__name__)
def test_windows_that_cannot_be_proved_are_refused(
    frames: int, make: Callable[[], QuantNet]
) -> None:
    net = make()
    with pytest.raises(HvError, match="cannot be added up"):
        emit(schedule(net, CORTEX_M4), "someone", frames=frames)


def test_a_network_without_a_decision_has_no_frames() -> None:
    with pytest.raises(HvError, match="only a verifier"):
        frame_facts(two_inputs(), 3)


def test_without_frames_the_folder_is_as_ever() -> None:
    net = schedule(conv_head(), find_target("cortex-m3"))
    plain, pooled = emit(net, "someone").files, emit(net, "someone", frames=4).files
    added = {"hv_conv_head_frames.h", "hv_frames.h", "hv_frames.c"}
    assert set(pooled) - set(plain) == added
    differing = {name for name, content in plain.items() if pooled[name] != content}
    assert differing == {"CMakeLists.txt", "manifest.json"}
