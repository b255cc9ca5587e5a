"""Bias correction: the mean error goes, nothing else changes, and it knows when not to act."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest

from codegen.calibration.bias_correction import correct_biases
from codegen.calibration.ranges import with_ranges
from codegen.calibration.signal_to_noise import snr_db
from codegen.nets import Architecture, FloatNet
from codegen.quantise import quantise
from codegen.reference import run_layer
from tests.architectures import CONV_HEAD
from tests.calibration.samples import CHAIN, Json, Samples, architecture, chain, samples
from tests.networks import float_net


def leaning(net: FloatNet, layer: str) -> FloatNet:
    """Every weight of the layer but one lies 0.45 steps above a step: all are rounded down."""
    name = f"{layer}.weight"
    weight = net.tensors[name].astype(np.float64)
    weight = (np.floor(weight / np.abs(weight).max() * 120) + 0.45) / 127
    weight.reshape(len(weight), -1)[:, 0] = 1.0  # the scale is 1 / 127
    return dataclasses.replace(net, tensors={**net.tensors, name: weight.astype(np.float32)})


def prepared(net: FloatNet) -> tuple[FloatNet, Samples]:
    shown = samples(net)
    return with_ranges(net, shown.run_real(net), "minmax"), shown


def correct(net: FloatNet, shown: Samples) -> FloatNet:
    return correct_biases(net, shown.run_real(net), shown.inputs(quantise(net)))


def mean_errors(net: FloatNet, shown: Samples, real: dict[str, np.ndarray]) -> dict[str, float]:
    """Largest |mean error of a channel| of every layer, in steps of its output."""
    values = dict(shown.inputs(quantise(net)))
    found = {}
    for layer in quantise(net).layers[:-1]:
        values[layer.name] = run_layer(layer, values)
        error = real[layer.name] - layer.quantity.reals(values[layer.name])
        means = error.reshape(-1, error.shape[-1]).mean(axis=0)
        found[layer.name] = float(np.abs(means).max()) / layer.quantity.scale
    return found


@pytest.mark.parametrize("layer", ["mixed", "hidden"])
def test_a_planted_shift_goes(layer: str) -> None:
    net, shown = prepared(leaning(chain(), layer))
    real = dict(shown.run_real(net))
    corrected = correct(net, shown)
    before, after = mean_errors(net, shown, real), mean_errors(corrected, shown, real)
    assert before[layer] > 0.3  # of a step: planted
    assert after[layer] < before[layer] / 3


def test_the_output_gains_by_it() -> None:
    net, shown = prepared(leaning(leaning(chain(), "mixed"), "hidden"))
    real = dict(shown.run_real(net))

    def head_db(of: FloatNet) -> float:
        values = dict(shown.inputs(quantise(net)))
        for layer in quantise(of).layers[:-1]:
            values[layer.name] = run_layer(layer, values)
        return snr_db(real["head"], layer.quantity.reals(values["head"]))

    assert head_db(correct(net, shown)) > head_db(net) + 3


def test_nothing_but_biases_changes() -> None:
    net, shown = prepared(leaning(chain(), "mixed"))
    corrected = correct(net, shown)
    assert dataclasses.replace(corrected, tensors=net.tensors) == net
    assert list(corrected.tensors) == list(net.tensors)
    for name, values in net.tensors.items():
        same = np.array_equal(values, corrected.tensors[name])
        assert same != name.endswith(".bias"), name
        assert corrected.tensors[name].dtype == np.float32


def test_it_is_the_same_every_time() -> None:
    net, shown = prepared(chain())
    one, two = (correct(net, shown) for _ in range(2))
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(values, two.tensors[name])


def test_a_normalised_decision_keeps_its_layer_without_bias() -> None:
    net, shown = prepared(float_net(Architecture.from_json(CONV_HEAD)))
    corrected = correct(net, shown)
    assert not corrected.tensors["head.bias"].any()
    assert not np.array_equal(corrected.tensors["conv1.bias"], net.tensors["conv1.bias"])
    quantise(corrected)  # it refuses a head with a bias


@pytest.mark.parametrize(
    ("activation", "bias"),
    [({"kind": "relu"}, -50.0), ({"kind": "clip", "lo": -1.0, "hi": 1.0}, 50.0)],
)
def test_a_channel_that_is_always_clamped_keeps_its_bias(activation: Json, bias: float) -> None:
    layers = copy.deepcopy(CHAIN)
    layers[0]["activation"] = activation
    made = float_net(architecture(layers))
    biases = made.tensors["stem.bias"].copy()
    biases[3] = bias
    net, shown = prepared(dataclasses.replace(made, tensors={**made.tensors, "stem.bias": biases}))
    corrected = correct(net, shown).tensors["stem.bias"]
    assert corrected[3] == bias
    assert (corrected[:3] != biases[:3]).any()


def test_a_prelu_that_falls_keeps_its_bias() -> None:
    """With a negative slope an output does not tell on which side its accumulator was."""
    made = chain()
    slopes = np.linspace(-0.5, 1.0, 12).astype(np.float32)
    made = dataclasses.replace(made, tensors={**made.tensors, "dw.slope": slopes})
    net, shown = prepared(made)
    corrected = correct(net, shown)
    moved = corrected.tensors["dw.bias"] != net.tensors["dw.bias"]
    assert not moved[slopes < 0].any()
    assert moved[slopes > 0].any()
