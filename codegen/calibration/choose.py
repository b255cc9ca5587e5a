"""Post-training quantisation: candidates are made, measured on samples, and one is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.calibration.bias_correction import correct_biases
from codegen.calibration.equalise import equalise
from codegen.calibration.observers import OBSERVERS, find_observer
from codegen.calibration.ranges import Activations, with_left_shifts, with_ranges
from codegen.calibration.signal_to_noise import snr_by_output
from codegen.errors import HvError
from codegen.gates import check_network
from codegen.nets import FloatNet, QuantNet
from codegen.quantise import quantise
from codegen.reference import run_layer

AUTO = "auto"
CLEAR_GAIN_DB = 2.0  # less is the luck of a few samples; see `calibrate`


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may be tried.

    Attributes:
        observer: the name of one of OBSERVERS, or "auto" for each of them.
        equalise: try cross-layer equalisation too.
        bias_correction: try bias correction too.
    """

    observer: str = AUTO
    equalise: bool = True
    bias_correction: bool = True


@dataclass(frozen=True, kw_only=True)
class Samples:
    """A few of the inputs that the network will see, at least one.

    Attributes:
        run_real: runs a float network on the samples: every layer's output [N, ...] by layer,
            and the samples under the names of those inputs that have no scale of their own.
        inputs: the same samples as an integer network reads them, int8 [N, ...] by input name;
            it is asked for each network because its input's scale may follow from the samples.
    """

    run_real: Callable[[FloatNet], Activations]
    inputs: Callable[[QuantNet], Mapping[str, np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """What was tried: its name, and the worst output's SNR in dB or why it was refused."""

    name: str
    snr_db: float | None
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What calibration found out.

    Attributes:
        chosen: the name of the candidate that was kept.
        candidates: everything that was tried, in order.
        outputs: SNR in dB of each output of the chosen one.
    """

    chosen: str
    candidates: tuple[Candidate, ...]
    outputs: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The chosen network, real (with ranges and left shifts) and in integers, and the report."""

    net: FloatNet
    quantised: QuantNet
    report: Report


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """A candidate: its name, how to make it, and whether it takes the usual ranges as they are."""

    name: str
    make: Callable[[], FloatNet]
    is_usual: bool


@dataclass(frozen=True, kw_only=True)
class _Measured:
    recipe: _Recipe
    net: FloatNet
    quantised: QuantNet
    outputs: Mapping[str, float]

    @property
    def worst_db(self) -> float:
        return min(self.outputs.values())


def calibrate(
    net: FloatNet, samples: Samples, options: Options, outputs: Sequence[str]
) -> Calibration:
    """Quantises the network with everything the options allow and keeps what is clearly good.

    A candidate is as good as its worst output's signal-to-noise ratio on the samples, against
    the float network's outputs. The first observer's ranges without equalisation are the usual
    way, with or without corrected biases; the better of these two is kept, unless another
    candidate gains more than CLEAR_GAIN_DB over the first tried. Then the best of all is kept. Of
    equals the first wins: the simplest. The same samples give the same network.

    Why not simply the best: with few samples, and outputs of one or two numbers, the order of
    candidates that differ by a decibel or two is luck. Over nine networks, each calibrated on 60
    samples three times (tests/importing/zoo; 120 other samples measured), the best of twelve was
    up to 1.3 dB worse than plain min-max ranges in ONNX Runtime and 1.2 dB better on average; by
    this rule it was up to 0.2 dB worse and 1.6 dB better. Limits of 2 to 2.5 dB choose the same.

    Args:
        net: ranges and left shifts are not needed; if there are any they are replaced.
        samples: runs the network and says what the integer network reads.
        options: what may be tried.
        outputs: names of the layers that count, at least one.

    Raises:
        HvError: unknown observer, no outputs, activations without a range, or no candidate that
            fits the integer contract.
    """
    known = tuple(observer.name for observer in OBSERVERS)
    observers = known if options.observer == AUTO else (find_observer(options.observer).name,)
    if not outputs:
        raise HvError("no outputs to calibrate for", hint="name at least one layer")
    target = samples.run_real(net)
    measured: list[_Measured] = []
    candidates: list[Candidate] = []
    faults: list[HvError] = []
    for recipe in _recipes(net, samples, options, observers, target, outputs):
        try:
            found = _measure(recipe, samples, target, outputs)
        except HvError as error:
            faults.append(error)
            candidates.append(Candidate(name=recipe.name, snr_db=None, refused=error.what))
            continue
        measured.append(found)
        candidates.append(Candidate(name=recipe.name, snr_db=found.worst_db))
    if not measured:
        raise faults[0]
    best = _clearly_best(measured)
    return Calibration(
        net=best.net,
        quantised=best.quantised,
        report=Report(chosen=best.recipe.name, candidates=tuple(candidates), outputs=best.outputs),
    )


def _recipes(
    net: FloatNet,
    samples: Samples,
    options: Options,
    observers: Sequence[str],
    target: Activations,
    outputs: Sequence[str],
) -> list[_Recipe]:
    """Every candidate, the simplest first."""
    bases = [("", net, target)]
    if options.equalise:
        evened = equalise(net, outputs=outputs)
        bases.append((" + equalised", evened, samples.run_real(evened)))
    recipes: list[_Recipe] = []
    for suffix, base, real in bases:
        for observer in observers:
            name, is_usual = observer + suffix, base is net and observer == observers[0]
            make = _ranged(base, real, observer)
            recipes.append(_Recipe(name=name, make=make, is_usual=is_usual))
            if options.bias_correction:
                make = _bias_corrected(base, real, observer, samples)
                name = f"{name} + bias corrected"
                recipes.append(_Recipe(name=name, make=make, is_usual=is_usual))
    return recipes


def _clearly_best(measured: Sequence[_Measured]) -> _Measured:
    """The best of the usual ones, and of those that gain clearly over the first."""
    enough = measured[0].worst_db + CLEAR_GAIN_DB
    trusted = [
        each
        for each in measured
        if each is measured[0] or each.recipe.is_usual or each.worst_db > enough
    ]
    return max(trusted, key=lambda each: each.worst_db)  # of equals the first


def _ranged(net: FloatNet, real: Activations, observer: str) -> Callable[[], FloatNet]:
    return lambda: with_ranges(net, real, observer)


def _bias_corrected(
    net: FloatNet, real: Activations, observer: str, samples: Samples
) -> Callable[[], FloatNet]:
    def make() -> FloatNet:
        ranged = with_ranges(net, real, observer)
        quantised = quantise(ranged)
        check_network(quantised)
        return with_left_shifts(correct_biases(ranged, real, samples.inputs(quantised)))

    return make


def _measure(
    recipe: _Recipe, samples: Samples, target: Activations, outputs: Sequence[str]
) -> _Measured:
    """Quantises, proves that it fits the contract, runs the samples, compares the outputs."""
    net = recipe.make()
    quantised = quantise(net)
    check_network(quantised)
    values = dict(samples.inputs(quantised))
    for layer in quantised.layers:
        values[layer.name] = run_layer(layer, values)
    found = snr_by_output(target, values, quantised.layers, outputs)
    return _Measured(recipe=recipe, net=net, quantised=quantised, outputs=found)
