"""The chooser: never worse than what it could have chosen, the same every time, faults told."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from codegen.calibration.choose import (
    ALLOWED_LOSS_DB,
    LEAST_TO_SPLIT,
    Calibration,
    Options,
    Samples,
    calibrate,
)
from codegen.calibration.observers import OBSERVERS
from codegen.calibration.signal_to_noise import SNR_LIMIT_DB
from codegen.errors import HvError
from codegen.gates import check_network
from codegen.nets import Architecture, FloatNet
from codegen.quantise import quantise
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL
from tests.calibration.samples import chain, samples, unbalanced
from tests.networks import float_net

PLAIN = Options(observer="minmax", equalise=False, bias_correction=False)
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


@pytest.mark.parametrize("name", NETS)
def test_auto_is_never_much_worse_than_the_plain_way(name: str) -> None:
    """On the samples it may lose what ALLOWED_LOSS_DB allows, for what it gains on others."""
    net = NETS[name]()
    shown = samples(net)
    plain = calibrate(net, shown, PLAIN, ["head"])
    best = calibrate(net, shown, Options(), ["head"])
    assert worst(best) >= worst(plain) - ALLOWED_LOSS_DB - 1e-9
    assert len(best.report.candidates) == 2 * len(NAMES) + 2
    assert best.report.candidates[0].snr_db == worst(plain)


@pytest.mark.parametrize("name", NETS)
def test_the_result_is_what_the_report_says(name: str) -> None:
    net = NETS[name]()
    found = calibrate(net, samples(net), Options(), ["head"])
    report = found.report
    by_name = {each.name: each for each in report.candidates}
    assert by_name[report.chosen].snr_db == worst(found)
    assert worst(found) > 20
    for each in report.candidates:
        assert each.snr_db is not None
        assert each.unseen_db is not None
        assert math.isfinite(each.snr_db)
        assert math.isfinite(each.unseen_db)
    check_network(found.quantised)
    again = quantise(found.net).tensors()
    for tensor, values in found.quantised.tensors().items():
        np.testing.assert_array_equal(values, again[tensor])


def test_the_names_say_what_was_done() -> None:
    net = unbalanced(chain(1), {"stem": "dw", "dw": "mixed", "mixed": "hidden", "hidden": "head"})
    found = calibrate(net, samples(net), Options(observer="mse"), ["head"])
    assert [each.name for each in found.report.candidates][:2] == ["mse", "mse + equalised"]
    assert "equalised" in found.report.chosen
    plain = found.report.candidates[0].snr_db
    assert plain is not None
    assert worst(found) > plain + 15


def _few_numbers(few: int, many: int) -> tuple[FloatNet, Samples, Samples]:
    """A network with one output, and `few` and `many` samples of it."""
    net = chain(4)
    drawn = samples(net, count=few + many)

    def part(start: int, end: int) -> Samples:
        return Samples(
            run_real=lambda each: {k: v[start:end] for k, v in drawn.run_real(each).items()},
            inputs=lambda each: {k: v[start:end] for k, v in drawn.inputs(each).items()},
        )

    return net, part(0, few), part(few, few + many)


def test_ways_are_measured_on_what_they_have_not_seen() -> None:
    """A range from few values is too narrow for the others: only the halves can show it."""
    net, shown, _ = _few_numbers(24, 8)
    report = calibrate(net, shown, PLAIN, ["head"]).report
    plain = report.candidates[0]
    assert report.is_split
    assert plain.snr_db is not None
    assert plain.unseen_db is not None
    assert plain.unseen_db < plain.snr_db


def test_few_samples_are_not_split() -> None:
    net, shown, _ = _few_numbers(LEAST_TO_SPLIT - 1, 8)
    report = calibrate(net, shown, Options(), ["head"]).report
    assert not report.is_split
    for each in report.candidates:
        assert each.unseen_db == each.snr_db


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


def test_a_layer_that_is_dead_on_the_samples_is_told_and_harmless() -> None:
    """ReLU cuts everything off: what comes after it still works, and by as much as before."""
    net = chain()
    bias = {"mixed.bias": net.tensors["mixed.bias"] - np.float32(1000)}
    dead = dataclasses.replace(net, tensors={**net.tensors, **bias})
    found = calibrate(dead, samples(dead), Options(), ["head", "mixed"])
    assert found.report.still[0] == "mixed"
    assert "stem" not in found.report.still
    assert found.report.outputs["mixed"] == SNR_LIMIT_DB  # 0 is exact
    assert worst(found) > 20
    assert calibrate(net, samples(net), Options(), ["head"]).report.still == ()


def test_the_ways_can_be_watched() -> None:
    seen: list[int] = []

    def watched(numbers: Sequence[int]) -> Iterator[int]:
        for number in numbers:
            seen.append(number)
            yield number

    net = chain()
    found = calibrate(net, samples(net), Options(observer="mse"), ["head"], watched)
    assert seen == [0, 1, 2]
    assert len(found.report.candidates) == 3


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
    assert set(refused) == {"minmax + equalised"}
    assert all("network small" in text for text in refused.values())
    assert "equalised" not in found.report.chosen
