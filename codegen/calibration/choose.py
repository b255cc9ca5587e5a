"""Post-training quantisation: ways are tried, measured on samples, and the best is kept.

A way is measured on samples that its ranges have not seen: each half of the samples with what the
other half says. Else few samples would speak for ranges that are too narrow, and among many ways
the luckiest would win; so a way is only preferred if it is better by more than the standard error.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from codegen.calibration.bias_correction import correct_biases
from codegen.calibration.equalise import equalise
from codegen.calibration.observers import OBSERVERS, Range, find_observer
from codegen.calibration.ranges import (
    Activations,
    observed_ranges,
    still_layers,
    with_left_shifts,
    with_observed,
)
from codegen.calibration.signal_to_noise import SNR_LIMIT_DB
from codegen.errors import HvError
from codegen.gates import check_network
from codegen.nets import FloatNet, QuantNet
from codegen.quantise import quantise
from codegen.reference import run_layer

AUTO = "auto"
LEAST_POWER = 1e-30  # of an output that is zero on all samples
ALLOWED_LOSS_DB = 0.2  # on samples that were seen: what is gained on others may cost as much
LEAST_TO_SPLIT = 8  # samples; fewer are measured with their own ranges


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may be tried.

    Attributes:
        observer: the name of one of OBSERVERS, or "auto" for each of them.
        equalise: try cross-layer equalisation on the best so far.
        bias_correction: try bias correction on the best so far.
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
    """A way that was tried.

    Attributes:
        name: what was done.
        snr_db: the worst output's on all samples, which its ranges had seen; None if refused.
        unseen_db: the same where each half of the samples has the ranges of the other half.
        refused: why it could not be.
    """

    name: str
    snr_db: float | None
    unseen_db: float | None = None
    refused: str = ""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What calibration found out.

    Attributes:
        chosen: the name of the candidate that was kept.
        candidates: everything that was tried, in order.
        outputs: SNR in dB of each output of the chosen one on all samples.
        still: inputs and layers that are one number on all samples, so that their range is a guess.
        is_split: whether `unseen_db` is of samples that the ranges had not seen: of fewer than
            LEAST_TO_SPLIT every way has seen all.
    """

    chosen: str
    candidates: tuple[Candidate, ...]
    outputs: Mapping[str, float]
    still: tuple[str, ...]
    is_split: bool


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """The chosen network, real (with ranges and left shifts) and in integers, and the report."""

    net: FloatNet
    quantised: QuantNet
    report: Report


@dataclass(frozen=True, kw_only=True)
class _Way:
    """How a network is quantised."""

    observer: str
    room: bool = False
    equalise: bool = False
    bias_correction: bool = False

    @property
    def name(self) -> str:
        parts = {
            self.observer: True,
            "room": self.room,
            "equalised": self.equalise,
            "bias corrected": self.bias_correction,
        }
        return " + ".join(part for part, is_done in parts.items() if is_done)


@dataclass(frozen=True, kw_only=True)
class _Measured:
    """A way's noise on every sample, as a share of each output's mean power: float64 [N] each.

    Attributes:
        way: how the network was quantised.
        noise: of samples that the way had not seen, by output.
        seen: where all samples were known to it.
    """

    way: _Way
    noise: Mapping[str, np.ndarray]
    seen: Mapping[str, np.ndarray]

    @property
    def worst(self) -> np.ndarray:
        """The worst output's, sample by sample."""
        return _worst(self.noise)

    @property
    def outputs(self) -> dict[str, float]:
        """SNR in dB of each output on samples that were seen."""
        return {name: _decibels(float(noise.mean())) for name, noise in self.seen.items()}

    @property
    def candidate(self) -> Candidate:
        """For the report."""
        unseen = min(_decibels(float(noise.mean())) for noise in self.noise.values())
        seen = min(self.outputs.values())
        return Candidate(name=self.way.name, snr_db=seen, unseen_db=unseen)

    def beats(self, other: _Measured) -> bool:
        """Whether it is better by more than the standard error of the difference."""
        gain = other.worst - self.worst
        error = gain.std(ddof=1) / math.sqrt(len(gain)) if len(gain) > 1 else 0.0
        return bool(gain.mean() > error)

    def keeps(self, other: _Measured) -> bool:
        """Whether it is hardly worse on samples that were seen."""
        allowed = float(_worst(other.seen).mean()) * 10 ** (ALLOWED_LOSS_DB / 10)
        return bool(_worst(self.seen).mean() <= allowed)


def calibrate(
    net: FloatNet,
    samples: Samples,
    options: Options,
    outputs: Sequence[str],
    watched: Callable[[Sequence[int]], Iterable[int]] = iter,
) -> Calibration:
    """Quantises the network in the ways the options allow and keeps the best.

    First every observer, then equalisation and then bias correction on the best so far. What is
    more complicated is kept only if it beats what is simpler. The same samples give the same
    network.

    Args:
        net: ranges and left shifts are not needed; if there are any they are replaced.
        samples: runs the network and says what the integer network reads.
        options: what may be tried.
        outputs: names of the layers that count, at least one.
        watched: hands on the numbers of the ways, one before each; may show it to somebody.

    Raises:
        HvError: unknown observer, no outputs, activations without a range, or no way that fits
            the integer contract.
    """
    if not outputs:
        raise HvError("no outputs to calibrate for", hint="name at least one layer")
    bench = _Bench(net=net, samples=samples, outputs=tuple(outputs))
    ways = _first_ways(options)
    count = len(ways) + options.equalise + options.bias_correction
    tried: list[_Measured] = []
    candidates: list[Candidate] = []
    faults: list[HvError] = []
    for number in watched(range(count)):
        way = ways[number] if number < len(ways) else _next_way(number - len(ways), options, tried)
        if way is None:
            continue
        try:
            tried.append(bench.measure(way))
        except HvError as error:
            faults.append(error)
            candidates.append(Candidate(name=way.name, snr_db=None, refused=error.what))
            continue
        candidates.append(tried[-1].candidate)
    if not tried:
        raise faults[0]
    best = _best(tried)
    found = bench.made(best.way, slice(None))
    quantised = quantise(found)
    check_network(quantised)
    return Calibration(
        net=found,
        quantised=quantised,
        report=Report(
            chosen=best.way.name,
            candidates=tuple(candidates),
            outputs=best.outputs,
            still=still_layers(found, bench.target),
            is_split=bench.is_split,
        ),
    )


def _first_ways(options: Options) -> list[_Way]:
    """The plain one first; room is only tried where the choice is ours."""
    if options.observer != AUTO:
        return [_Way(observer=find_observer(options.observer).name)]
    plain = [_Way(observer=observer.name) for observer in OBSERVERS]
    return plain + [dataclasses.replace(way, room=True) for way in plain]


def _next_way(step: int, options: Options, tried: Sequence[_Measured]) -> _Way | None:
    """The best so far with one thing more; None if nothing has succeeded."""
    if not tried:
        return None
    best = _best(tried).way
    if step == 0 and options.equalise:
        return dataclasses.replace(best, equalise=True)
    return dataclasses.replace(best, bias_correction=True)


def _best(tried: Sequence[_Measured]) -> _Measured:
    """The first, unless a later one beats it; that one, unless a later one beats it; and so on."""
    first = best = tried[0]
    for each in tried[1:]:
        if each.beats(best) and each.keeps(first):
            best = each
    return best


@dataclass(frozen=True, kw_only=True)
class _Bench:
    """The network, the samples, and what every way is compared with."""

    net: FloatNet
    samples: Samples
    outputs: tuple[str, ...]
    observed: dict[tuple[object, ...], dict[str, Range]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(self.target[self.outputs[0]])

    @property
    def is_split(self) -> bool:
        """Whether there are enough samples to measure a way on those that it has not seen."""
        return self.count >= LEAST_TO_SPLIT

    @functools.cached_property
    def target(self) -> Activations:
        return self.samples.run_real(self.net)

    @functools.cached_property
    def evened(self) -> tuple[FloatNet, Activations]:
        evened = equalise(self.net, outputs=self.outputs)
        return evened, self.samples.run_real(evened)

    def made(self, way: _Way, part: slice) -> FloatNet:
        """The network as a way makes it from part of the samples."""
        net, real = self.evened if way.equalise else (self.net, self.target)
        seen = {name: values[part] for name, values in real.items()}
        ranged = with_observed(net, seen, self._ranges(way, net, seen, part), room=way.room)
        if not way.bias_correction:
            return ranged
        quantised = quantise(ranged)
        check_network(quantised)
        inputs = {name: values[part] for name, values in self.samples.inputs(quantised).items()}
        return with_left_shifts(correct_biases(ranged, seen, inputs))

    def _ranges(self, way: _Way, net: FloatNet, seen: Activations, part: slice) -> dict[str, Range]:
        """Observed once, for the ways with room and with corrected biases, too."""
        key = (way.observer, way.equalise, part.indices(self.count))
        if key not in self.observed:
            self.observed[key] = observed_ranges(net, seen, way.observer)
        return self.observed[key]

    def measure(self, way: _Way) -> _Measured:
        """Each half of the samples with what the other half says, and all with what all say.

        Raises:
            HvError: no such output, or the network does not fit the contract that way.
        """
        unknown = [name for name in self.outputs if name not in self.target]
        if unknown:
            raise HvError(f"no such output: {', '.join(unknown)}")
        seen = self._noise(self.made(way, slice(None)), slice(None))
        if not self.is_split:
            return _Measured(way=way, noise=seen, seen=seen)
        noise = {name: np.zeros(self.count) for name in self.outputs}
        even, odd = slice(0, None, 2), slice(1, None, 2)
        for learnt, shown in ((even, odd), (odd, even)):
            for name, found in self._noise(self.made(way, learnt), shown).items():
                noise[name][shown] = found
        return _Measured(way=way, noise=noise, seen=seen)

    def _noise(self, net: FloatNet, part: slice) -> dict[str, np.ndarray]:
        """Noise of each sample of a part as a share of the output's mean power over all."""
        quantised = quantise(net)
        check_network(quantised)
        values = {name: v[part] for name, v in self.samples.inputs(quantised).items()}
        for layer in quantised.layers:
            values[layer.name] = run_layer(layer, values)
        layers = {layer.name: layer for layer in quantised.layers}
        noise = {}
        for name in self.outputs:
            wanted = np.asarray(self.target[name], np.float64)
            power = max(float((wanted**2).mean()), LEAST_POWER)
            error = layers[name].quantity.reals(values[name]) - wanted[part]
            noise[name] = (error**2).reshape(len(error), -1).mean(axis=1) / power
        return noise


def _worst(noise: Mapping[str, np.ndarray]) -> np.ndarray:
    return np.asarray(np.max(list(noise.values()), axis=0))


def _decibels(noise: float) -> float:
    """Of a share of noise; as in signal_to_noise, within +-SNR_LIMIT_DB."""
    if noise == 0:
        return SNR_LIMIT_DB
    return float(np.clip(-10 * np.log10(noise), -SNR_LIMIT_DB, SNR_LIMIT_DB))
