"""Post-training quantisation: candidates are made, measured on samples, and the best is kept."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from codegen.calibration.bias_correction import correct_biases
from codegen.calibration.equalise import equalise
from codegen.calibration.observers import OBSERVERS, find_observer
from codegen.calibration.ranges import Activations, still_layers, with_left_shifts, with_ranges
from codegen.calibration.signal_to_noise import snr_by_output
from codegen.errors import HvError
from codegen.gates import check_network
from codegen.nets import FloatNet, QuantNet
from codegen.quantise import quantise
from codegen.reference import run_layer

AUTO = "auto"
Recipe = tuple[str, Callable[[], FloatNet]]  # a candidate's name, and how to make it


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
        still: inputs and layers that are one number on all samples, so that their range is a guess.
    """

    chosen: str
    candidates: tuple[Candidate, ...]
    outputs: Mapping[str, float]
    still: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The chosen network, real (with ranges and left shifts) and in integers, and the report."""

    net: FloatNet
    quantised: QuantNet
    report: Report


@dataclass(frozen=True, kw_only=True)
class _Measured:
    name: str
    net: FloatNet
    quantised: QuantNet
    outputs: Mapping[str, float]

    @property
    def worst_db(self) -> float:
        return min(self.outputs.values())


def calibrate(
    net: FloatNet,
    samples: Samples,
    options: Options,
    outputs: Sequence[str],
    watched: Callable[[Sequence[Recipe]], Iterable[Recipe]] = iter,
) -> Calibration:
    """Quantises the network with everything the options allow and keeps the best.

    A candidate is as good as its worst output's signal-to-noise ratio on the samples, against
    the float network's outputs. Of equals the first tried wins: the simplest. The same samples
    give the same network, and more that is allowed never gives a worse one on the samples.

    Args:
        net: ranges and left shifts are not needed; if there are any they are replaced.
        samples: runs the network and says what the integer network reads.
        options: what may be tried.
        outputs: names of the layers that count, at least one.
        watched: hands on the candidates one by one, in order; may tell somebody about it.

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
    for name, make in watched(_recipes(net, samples, options, observers, target, outputs)):
        try:
            found = _measure(name, make(), samples, target, outputs)
        except HvError as error:
            faults.append(error)
            candidates.append(Candidate(name=name, snr_db=None, refused=error.what))
            continue
        measured.append(found)
        candidates.append(Candidate(name=name, snr_db=found.worst_db))
    if not measured:
        raise faults[0]
    best = max(measured, key=lambda each: each.worst_db)  # of equals the first
    return Calibration(
        net=best.net,
        quantised=best.quantised,
        report=Report(
            chosen=best.name,
            candidates=tuple(candidates),
            outputs=best.outputs,
            still=still_layers(best.net, target),
        ),
    )


def _recipes(
    net: FloatNet,
    samples: Samples,
    options: Options,
    observers: Sequence[str],
    target: Activations,
    outputs: Sequence[str],
) -> list[Recipe]:
    """Every candidate, the simplest first."""
    bases = [("", net, target)]
    if options.equalise:
        evened = equalise(net, outputs=outputs)
        bases.append((" + equalised", evened, samples.run_real(evened)))
    recipes: list[Recipe] = []
    for suffix, base, real in bases:
        for observer in observers:
            ranged = functools.cache(functools.partial(with_ranges, base, real, observer))
            recipes.append((observer + suffix, ranged))
            if options.bias_correction:
                corrected = functools.partial(_bias_corrected, ranged, real, samples)
                recipes.append((f"{observer}{suffix} + bias corrected", corrected))
    return recipes


def _bias_corrected(
    ranged: Callable[[], FloatNet], real: Activations, samples: Samples
) -> FloatNet:
    quantised = quantise(ranged())
    check_network(quantised)
    return with_left_shifts(correct_biases(ranged(), real, samples.inputs(quantised)))


def _measure(
    name: str, net: FloatNet, samples: Samples, target: Activations, outputs: Sequence[str]
) -> _Measured:
    """Quantises, proves that it fits the contract, runs the samples, compares the outputs."""
    quantised = quantise(net)
    check_network(quantised)
    values = dict(samples.inputs(quantised))
    for layer in quantised.layers:
        values[layer.name] = run_layer(layer, values)
    found = snr_by_output(target, values, quantised.layers, outputs)
    return _Measured(name=name, net=net, quantised=quantised, outputs=found)
