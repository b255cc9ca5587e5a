"""The chooser: the usual way unless another is clearly better, the same every time, faults told."""

from __future__ import annotations

import dataclasses
import itertools
import math

import numpy as np
import pytest

from codegen.calibration.choose import CLEAR_GAIN_DB, Calibration, Options, Samples, calibrate
from codegen.calibration.observers import OBSERVERS
from codegen.calibration.signal_to_noise import SNR_LIMIT_DB
from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import Architecture, FloatNet
from codegen.quantise import quantise
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL
from tests.calibration.samples import chain, samples, unbalanced
from tests.networks import float_net

NAMES = [observer.name for observer in OBSERVERS]


def house_net(data: dict[str, object]) -> FloatNet:
    return dataclasses.replace(float_net(Architecture.from_json(data)), ranges={})


def worst(found: Calibration) -> float:
    return min(found.report.outputs.values())


NETS = {
    "chain": lambda: chain(5),
    "unbalanced": lambda: unbalanced(chain(3), {"stem": "dw", "mixed": "hidden"}),
    "conv-head": lambda: house_net(CONV_HEAD),
    "depthwise-all": lambda: house_net(DEPTHWISE_ALL),
}


def _made() -> list[FloatNet]:
    return [make() for make in NETS.values()]


@pytest.mark.parametrize("name", NETS)
def test_auto_is_never_clearly_worse_than_any_single_choice(name: str) -> None:
    net = NETS[name]()
    shown = samples(net)
    best = calibrate(net, shown, Options(), ["head"])
    single = {}
    for observer, even, correct in itertools.product(NAMES, (False, True), (False, True)):
        options = Options(observer=observer, equalise=even, bias_correction=correct)
        single[options] = worst(calibrate(net, shown, options, ["head"]))
    assert worst(best) >= max(single.values()) - CLEAR_GAIN_DB
    assert len(best.report.candidates) == 4 * len(NAMES)
    for options, value in single.items():  # more that is allowed is never clearly worse
        for field in ("equalise", "bias_correction"):
            more = single[dataclasses.replace(options, **{field: True})]
            assert value <= more + CLEAR_GAIN_DB


@pytest.mark.parametrize("name", NETS)
def test_others_than_the_usual_way_are_clearly_better(name: str) -> None:
    net = NETS[name]()
    report = calibrate(net, samples(net), Options(), ["head"]).report
    found = {each.name: each.snr_db for each in report.candidates if each.snr_db is not None}
    usual = ("minmax", "minmax + bias corrected")
    best, plain = max(found.values()), found["minmax"]
    if best > plain + CLEAR_GAIN_DB:
        assert found[report.chosen] == best
    else:
        assert report.chosen in usual
        assert found[report.chosen] == max(found[each] for each in usual)


def test_both_verdicts_occur() -> None:
    """Of the networks of the test above: some gain clearly, some do not."""
    chosen = {calibrate(n, samples(n), Options(), ["head"]).report.chosen for n in _made()}
    assert len(chosen - {"minmax", "minmax + bias corrected"}) > 0
    assert len(chosen & {"minmax", "minmax + bias corrected"}) > 0


@pytest.mark.parametrize("name", NETS)
def test_the_result_is_what_the_report_says(name: str) -> None:
    net = NETS[name]()
    found = calibrate(net, samples(net), Options(), ["head"])
    report = found.report
    by_name = {each.name: each.snr_db for each in report.candidates}
    assert by_name[report.chosen] == worst(found) >= max(by_name.values()) - CLEAR_GAIN_DB
    assert worst(found) > 20
    assert all(math.isfinite(value) for value in by_name.values())
    check_network(found.quantised)
    again = quantise(found.net).tensors()
    for tensor, values in found.quantised.tensors().items():
        np.testing.assert_array_equal(values, again[tensor])


def test_the_names_say_what_was_done() -> None:
    net = unbalanced(chain(1), {"stem": "dw", "dw": "mixed", "mixed": "hidden", "hidden": "head"})
    found = calibrate(net, samples(net), Options(observer="mse"), ["head"])
    assert [each.name for each in found.report.candidates] == [
        "mse",
        "mse + bias corrected",
        "mse + equalised",
        "mse + equalised + bias corrected",
    ]
    assert "equalised" in found.report.chosen
    plain = found.report.candidates[0].snr_db
    assert plain is not None
    assert worst(found) > plain + 15


def test_it_is_the_same_every_time() -> None:
    net = chain(2)
    one, two = (calibrate(net, samples(net), Options(), ["head", "mixed"]) for _ in range(2))
    assert one.report == two.report
    assert one.net.ranges == two.net.ranges
    for name, values in one.net.tensors.items():
        np.testing.assert_array_equal(values, two.net.tensors[name])


def test_the_worst_output_counts() -> None:
    net = chain(2)
    found = calibrate(net, samples(net), Options(), ["head", "mixed"])
    assert set(found.report.outputs) == {"head", "mixed"}
    chosen = next(c for c in found.report.candidates if c.name == found.report.chosen)
    assert chosen.snr_db == min(found.report.outputs.values())


def test_of_equals_the_simplest() -> None:
    """An output that int8 holds exactly, always zero: nothing to gain, so nothing is done."""
    made = float_net(Architecture.from_json(DEPTHWISE_ALL))
    tensors = {name: np.zeros_like(values) for name, values in made.tensors.items()}
    for name in tensors:
        if name.endswith(".weight"):
            tensors[name].flat[:] = 1.0
    tensors["head.weight"][:] = 0.0
    net = dataclasses.replace(made, tensors=tensors, ranges={})
    found = calibrate(net, samples(net), Options(), ["head"])
    assert worst(found) == SNR_LIMIT_DB
    assert found.report.chosen == "minmax"


def test_what_is_not_allowed_is_not_tried() -> None:
    net = chain()
    options = Options(observer="percentile", equalise=False, bias_correction=False)
    found = calibrate(net, samples(net), options, ["head"])
    assert [each.name for each in found.report.candidates] == ["percentile"]
    for name, values in net.tensors.items():
        np.testing.assert_array_equal(values, found.net.tensors[name])


@pytest.mark.parametrize(
    ("options", "outputs", "message"),
    [
        (Options(observer="entropy"), ["head"], "unknown observer 'entropy'"),
        (Options(), [], "no outputs"),
        (Options(observer="minmax"), ["tail"], "no such output"),
    ],
)
def test_faults_are_refused(options: Options, outputs: list[str], message: str) -> None:
    net = chain()
    with pytest.raises(HvError, match=message):
        calibrate(net, samples(net), options, outputs)


def test_samples_that_say_nothing_are_refused() -> None:
    net = chain()
    biasless = {k: v * 0 if k.endswith("bias") else v for k, v in net.tensors.items()}
    still = dataclasses.replace(net, tensors=biasless)
    shown = samples(still)
    grey = Samples(
        run_real=lambda any_net: {
            name: values * 0 for name, values in shown.run_real(any_net).items()
        },
        inputs=shown.inputs,
    )
    with pytest.raises(GateBreach, match="is 0 everywhere"):
        calibrate(still, grey, Options(), ["head"])


def test_a_candidate_that_breaks_the_contract_is_reported_and_passed_over() -> None:
    """An observer that makes a range so narrow that no left shift helps, beside the good ones."""
    net = chain()
    shown = samples(net)
    calls = itertools.count()

    def run_real(any_net: FloatNet) -> dict[str, np.ndarray]:
        real = dict(shown.run_real(any_net))
        if next(calls):  # the equalised network's activations
            real["mixed"] = real["mixed"] * 1e-9
        return real

    odd = Samples(run_real=run_real, inputs=shown.inputs)
    found = calibrate(net, odd, Options(observer="minmax"), ["head"])
    refused = {each.name: each.refused for each in found.report.candidates if each.refused}
    assert set(refused) == {"minmax + equalised", "minmax + equalised + bias corrected"}
    assert all("network small" in text for text in refused.values())
    assert "equalised" not in found.report.chosen
