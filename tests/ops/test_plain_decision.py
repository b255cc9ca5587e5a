"""plain_decision: the threshold's exact place, on numpy, torch and C."""

from __future__ import annotations

import math

import numpy as np
import pytest
from harness import Json, bench, check_everywhere
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import compiled, seeds

from codegen import reference
from codegen.arith import accept_plain
from codegen.errors import HvError
from tests.networks import extreme, images, quant_net, with_tensor

_INT32 = st.integers(-(2**31), 2**31 - 1)
_EDGES = (-(2**31), 1 - 2**31, -1, 0, 1, 2**31 - 1)


@compiled
@given(seeds)
def test_same_bits_everywhere(seed: int) -> None:
    """Thresholds on, one below and one above the score of an image, and at int32's ends."""
    net = extreme(quant_net(bench((4, 3, 2), []), shared_seed=seed), seed)
    score = int(reference.run(net, images(net.arch, 12, seed))["head"][3, 0])
    thresholds = {*_EDGES, *(t for t in (score - 1, score, score + 1) if abs(t) < 2**31)}
    nets = [
        with_tensor(net, "decision.threshold", np.array([t], np.int32)) for t in sorted(thresholds)
    ]
    check_everywhere(nets, seed)


@given(_INT32 | st.sampled_from(_EDGES), _INT32 | st.sampled_from(_EDGES))
def test_accepts_at_and_above_the_threshold(score: int, threshold: int) -> None:
    accepted = accept_plain(np.array([score], np.int32), np.int32(threshold))
    assert accepted.tolist() == [int(score >= threshold)]
    assert accepted.dtype == np.int32


@settings(max_examples=50)
@given(st.floats(-50, 50))
def test_the_integer_threshold_is_the_lowest_score_that_reaches_the_real_one(real: float) -> None:
    net = quant_net(bench((2, 2, 2), []), threshold=real)
    scale = net.layers[-1].quantity.scale
    threshold = int(net.layers[-1].tensors["threshold"][0])
    assert threshold * scale >= real * (1 - 1e-12) - 1e-300
    assert (threshold - 1) * scale < real * (1 - 1e-12) + math.ulp(scale) or real == 0


@pytest.mark.parametrize("threshold", [1e12, -1e12, 1e308])
def test_a_threshold_no_score_can_reach_is_refused(threshold: float) -> None:
    with pytest.raises(HvError, match="beyond any score"):
        quant_net(bench((2, 2, 2), []), threshold=threshold)


@pytest.mark.parametrize(
    "head",
    [
        {"channels": 2, "output": "int32"},  # two accumulators
        {"channels": 1, "output": "int8"},  # not an accumulator
    ],
)
def test_needs_one_int32_accumulator(head: Json) -> None:
    arch = bench((2, 2, 2), []).to_json()
    arch["layers"][-2].update(head)
    from codegen.nets import Architecture

    with pytest.raises(HvError, match="accumulator"):
        Architecture.from_json(arch)
