"""normalised_decision: a cosine without root or division, on numpy, torch and C."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

import numpy as np
import pytest
from harness import bench, check_everywhere
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import compiled, seeds

from codegen import reference
from codegen.arith import accept_normalised
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import Architecture, QuantNet
from codegen.ops.normalised_decision import decision_shift
from codegen.quantise import quantise
from tests.networks import float_net, images, quant_net, with_tensor

DECISION = "normalised_decision"


@compiled
@given(seeds)
def test_same_bits_everywhere(seed: int) -> None:
    """Thresholds just at, below and above the value of an image, and the extremes."""
    net = quant_net(bench((4, 3, 2), [], decision=DECISION), shared_seed=seed, person_seed=seed)
    verdicts = reference.run(net, images(net.arch, 12, seed))["decision"]
    shift = net.layers[-1].constants["shift"]
    thresholds = {1, 2**31 - 1}
    for score, norm_squared, _ in verdicts.tolist():
        if norm_squared:
            exact = score * score * 2**shift // norm_squared
            thresholds |= {t for t in (exact - 1, exact, exact + 1) if 0 < t < 2**31}
    nets = [_with_threshold(net, t) for t in sorted(thresholds)]
    check_everywhere(nets, seed)


@settings(max_examples=200)
@given(
    st.integers(-(2**24), 2**24),
    st.integers(0, 2**31 - 1),
    st.integers(1, 2**31 - 1),
    st.integers(0, 14),
)
def test_equals_exact_rational_comparison(
    score: int, norm_squared: int, threshold: int, shift: int
) -> None:
    accepted = accept_normalised(
        np.array([score], np.int32),
        np.array([norm_squared], np.int32),
        np.int32(threshold),
        shift=shift,
    )
    exact = score > 0 and (
        norm_squared == 0 or Fraction(score * score * 2**shift, norm_squared) >= threshold
    )
    assert accepted.tolist() == [int(exact)]


@settings(max_examples=30)
@given(st.floats(0.01, 1.0), seeds)
def test_the_integer_threshold_is_the_cosine(cosine: float, seed: int) -> None:
    """Accepted exactly where the integer cosine reaches the real one, but for the last bits."""
    net = quant_net(
        bench((4, 3, 2), [], decision=DECISION),
        shared_seed=seed,
        person_seed=seed,
        threshold=cosine,
    )
    head = next(layer for layer in net.layers if layer.name == "head")
    norm_w = float(np.sqrt((head.tensors["weight"].astype(np.float64) ** 2).sum()))
    verdicts = reference.run(net, images(net.arch, 40, seed))["decision"]
    for score, norm_squared, accepted in verdicts.tolist():
        reached = score / (norm_w * max(norm_squared, 1) ** 0.5)
        if abs(reached - cosine) > 1e-6:
            assert accepted == int(reached > cosine), (reached, cosine)


def test_an_image_without_features_is_never_accepted() -> None:
    assert accept_normalised(
        np.zeros(1, np.int32), np.zeros(1, np.int32), np.int32(1), shift=10
    ).tolist() == [0]
    assert accept_normalised(
        np.array([-5]), np.zeros(1, np.int32), np.int32(1), shift=10
    ).tolist() == [0]


@pytest.mark.parametrize("features", [1, 2, 63, 192, 1024, 33_025])
def test_both_sides_fit_64_bits(features: int) -> None:
    shift = decision_shift(features)
    assert features * 127**2 * 2**shift < 2**31
    assert (255 * 127 * features) ** 2 * 2**shift < 2**63
    assert features * 127**2 * 2 ** (shift + 1) >= 2**31 or shift == 0


def test_too_many_features_are_refused() -> None:
    net = quant_net(bench((260, 128, 1), [], decision=DECISION))
    with pytest.raises(GateBreach, match="33280 features are too many"):
        check_network(net)


@pytest.mark.parametrize("threshold", [0.0, -0.5, 1.0001])
def test_a_threshold_that_is_no_cosine_is_refused(threshold: float) -> None:
    with pytest.raises(HvError, match="lies in"):
        quant_net(bench((2, 2, 2), [], decision=DECISION), threshold=threshold)


def test_a_head_with_bias_is_refused() -> None:
    net = float_net(bench((2, 2, 2), [], decision=DECISION))
    tensors = {**net.tensors, "head.bias": np.array([0.25], np.float32)}
    with pytest.raises(HvError, match="without bias"):
        quantise(dataclasses.replace(net, tensors=tensors))


def test_a_head_of_zeros_is_refused() -> None:
    net = float_net(bench((2, 2, 2), [], decision=DECISION))
    tensors = {**net.tensors, "head.weight": np.zeros((1, 8), np.float32)}
    quant = quantise(dataclasses.replace(net, tensors=tensors))
    with pytest.raises(GateBreach, match="everything would be accepted"):
        check_network(quant)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (["vector", "vector"], "one int32 accumulator, and vector is int8"),
        (["head", "head"], "int8 values, and head is int32"),
        (["head", "first"], "one accumulator and a feature vector"),
        (["head"], "takes 2 inputs"),
    ],
)
def test_other_inputs_are_refused(inputs: list[str], message: str) -> None:
    arch = bench((2, 2, 2), [], decision=DECISION).to_json()
    arch["layers"][-1]["inputs"] = inputs
    with pytest.raises(HvError, match=message):
        Architecture.from_json(arch)


def test_features_must_be_what_the_head_reads() -> None:
    """Otherwise score / (|w| |h|) is no cosine, and the threshold means nothing."""
    arch = bench((2, 2, 2), [{"op": "flatten", "inputs": ["second"]}], decision=DECISION).to_json()
    arch["layers"][-1]["inputs"] = ["head", "case0"]
    with pytest.raises(HvError, match="features"):
        quant_net(Architecture.from_json(arch))


def _with_threshold(net: QuantNet, threshold: int) -> QuantNet:
    return with_tensor(net, "decision.threshold", np.array([threshold], np.int32))
