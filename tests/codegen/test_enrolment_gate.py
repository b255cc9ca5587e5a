"""The enrolment gate: what it measures, and that it refuses beyond its limits."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from codegen import enrolment_gate, reference
from codegen.enrolment_gate import check_enrolment, float_scores, integer_scores
from codegen.errors import GateBreach
from codegen.nets import Architecture, FloatNet
from codegen.quantise import quantise
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL
from tests.networks import float_net, images, with_constants, with_tensor


def _conv() -> FloatNet:
    return float_net(Architecture.from_json(CONV_HEAD))


def _probes(net: FloatNet, count: int = 20) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (count, *net.arch.image.shape), dtype=np.uint8)


def test_a_faithful_network_passes() -> None:
    net = _conv()
    quant = quantise(net)
    report = check_enrolment(net, quant, _probes(net))
    assert 0 < report.drift < enrolment_gate.DRIFT_LIMIT
    assert report.saturation < enrolment_gate.SATURATION_LIMIT
    assert report.probes == 20
    assert 0 < report.largest_accumulator < 2**31


def test_scores_are_cosines() -> None:
    net = _conv()
    probes = images(net.arch, 12, 1)
    scores = integer_scores(quantise(net), reference.run(quantise(net), probes))
    assert (np.abs(scores) <= 1).all()
    assert (np.abs(float_scores(net, probes)) <= 1 + 1e-6).all()


def test_plain_scores_are_w_h_plus_b() -> None:
    net = float_net(Architecture.from_json(DEPTHWISE_ALL))
    probes = _probes(net)
    outputs = reference.run(quantise(net), probes)
    quant = quantise(net)
    np.testing.assert_array_equal(
        integer_scores(quant, outputs), outputs["decision"][:, 0] * quant.layers[-1].quantity.scale
    )


def test_plain_drift_is_relative_to_the_largest_score() -> None:
    """A verifier whose scores are all a thousand times as large is not a thousand times worse."""
    net = float_net(Architecture.from_json(DEPTHWISE_ALL))
    tensors = {**net.tensors, "head.weight": net.tensors["head.weight"] * 1024}
    large = dataclasses.replace(net, tensors=tensors, threshold=net.threshold * 1024)
    probes = _probes(net)
    drifts = []
    for one in (net, large):
        try:
            drifts.append(check_enrolment(one, quantise(one), probes).drift)
        except GateBreach as breach:
            pytest.fail(str(breach))
    assert drifts[1] == pytest.approx(drifts[0], rel=1e-3)


def test_drift_is_refused() -> None:
    net = _conv()
    quant = quantise(net)
    flipped = with_tensor(quant, "head.weight", -quant.tensors()["head.weight"])
    zero_point = quant.layers[-2].input_quantities[0].zero_point
    weights = flipped.tensors()["head.weight"].astype(np.int64)
    bias = np.array([-zero_point * weights.sum()], np.int32)
    with pytest.raises(GateBreach, match="differs from the float score"):
        check_enrolment(net, with_tensor(flipped, "head.bias", bias), _probes(net))


def test_saturation_is_refused_and_named() -> None:
    net = _conv()
    narrow = dataclasses.replace(net, ranges={**net.ranges, "conv1": (-0.2, 0.2)})
    with pytest.raises(GateBreach, match="ends of int8") as caught:
        check_enrolment(narrow, quantise(narrow), _probes(net))
    assert "layer conv1" in str(caught.value)


def test_an_activation_s_own_clamp_is_no_saturation() -> None:
    net = float_net(Architecture.from_json(DEPTHWISE_ALL))
    report = check_enrolment(net, quantise(net), _probes(net))
    assert report.saturation <= enrolment_gate.SATURATION_LIMIT


def test_an_unproved_network_is_refused_first() -> None:
    net = _conv()
    with pytest.raises(GateBreach, match="accumulator"):
        check_enrolment(net, with_constants(quantise(net), "conv0", left_shift=20), _probes(net))


def test_a_score_that_is_no_number_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    net = _conv()
    monkeypatch.setattr(
        enrolment_gate, "float_scores", lambda net, probes: np.full(len(probes), np.nan)
    )
    with pytest.raises(GateBreach, match="nan"):
        check_enrolment(net, quantise(net), _probes(net))
