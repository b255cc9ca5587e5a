"""All measures of one or several sets of scores of the same pairs, with their uncertainty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hypernet.evaluation.intervals import (
    RESAMPLES,
    SEED,
    Figures,
    Interval,
    hull,
    percentile_interval,
    resample,
    wilson,
)
from hypernet.evaluation.measures import (
    Rows,
    Same,
    Scores,
    every_pair_once,
    needed_impostors,
    rank,
)


@dataclass(frozen=True, kw_only=True)
class TarAtFar:
    """True accept rate at a false accept rate, or why it is not quoted.

    Attributes:
        far: the false accept rate.
        tar: the true accept rate; None where the impostor pairs are too few (rule of three).
        interval: of `tar`; None likewise.
        needed: impostor pairs that `far` needs.
        reason: why `tar` is None; None where it is quoted.
    """

    far: float
    tar: float | None
    interval: Interval | None
    needed: int
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What one set of scores is worth. Rates are fractions of 1.

    Attributes:
        pairs: how many pairs were counted.
        genuine_pairs: of one person.
        impostor_pairs: of two people. A pair scored both ways round is one pair.
        auc: area under the ROC curve.
        eer: equal error rate.
        accuracy: right answers at a threshold chosen on other folds; None where nothing decides.
        false_accept_rate: of impostor pairs, at the checkpoint's threshold; None likewise.
        false_reject_rate: of genuine pairs, likewise.
        tar_at_far: true accept rates.
        intervals: 95 %, by the name of the measure.
    """

    pairs: int
    genuine_pairs: int
    impostor_pairs: int
    auc: float
    eer: float
    accuracy: float | None
    false_accept_rate: float | None
    false_reject_rate: float | None
    tar_at_far: tuple[TarAtFar, ...]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """Pairs whose scores are to be measured.

    Attributes:
        same: bool [M].
        people: int [M] each: who is enrolled, who is streamed.
        impostor_pairs: impostor pairs of photographs, each counted once however often scored.
        genuine_pairs: likewise.
    """

    same: Same
    people: tuple[Rows, Rows]
    impostor_pairs: int
    genuine_pairs: int


def judged(first: Rows, second: Rows, same: Same, people: Rows) -> Judged:
    """Describes pairs of rows of a table, whose people are numbered in `people`."""
    low, high = np.minimum(first, second), np.maximum(first, second)
    codes = low.astype(np.int64) * len(people) + high
    return Judged(
        same=same,
        people=(people[first], people[second]),
        impostor_pairs=len(np.unique(codes[~same])),
        genuine_pairs=len(np.unique(codes[same])),
    )


def measure(
    pairs: Judged,
    ways: Sequence[Scores],
    figures: Figures,
    *,
    tuned: Sequence[Scores | None],
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> list[Measures]:
    """Measures every set of scores, and the mean over them.

    Args:
        pairs: M pairs.
        ways: float64 [M] each, for instance both directions; `score >= limit` accepts.
        figures: what to measure.
        tuned: of each way float64 [M], the limit of each pair for the accuracy; None: without.
        resamples: of the bootstrap.
        seed: of the bootstrap.

    Returns:
        One for each way, then their mean.

    Raises:
        HvError: the pairs are all of one kind.
    """
    taken = [
        _take(pairs, scores, limits, figures, resamples, seed)
        for scores, limits in zip(ways, tuned, strict=True)
    ]
    return [_summarise(pairs, group, figures) for group in (*([one] for one in taken), taken)]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Taken:
    """One set of scores, measured: all figures [K], and of every resample [R, K]."""

    figures: Scores
    drawn: Scores
    accuracy: float | None


def _take(
    pairs: Judged,
    scores: Scores,
    limits: Scores | None,
    figures: Figures,
    resamples: int,
    seed: int,
) -> _Taken:
    ranked = rank(scores, pairs.same)
    return _Taken(
        figures=figures.measure(ranked, every_pair_once(ranked)),
        drawn=resample(ranked, pairs.people, figures, resamples=resamples, seed=seed),
        accuracy=None if limits is None else float(np.mean((scores >= limits) == pairs.same)),
    )


def _summarise(pairs: Judged, taken: Sequence[_Taken], figures: Figures) -> Measures:
    """The mean over what was taken, of one or several ways."""
    mean = np.mean([one.figures for one in taken], axis=0)
    drawn = np.mean([one.drawn for one in taken], axis=0)
    found = dict(zip(figures.names, mean.tolist(), strict=True))
    intervals = {
        name: _interval(pairs, name, found[name], drawn[:, place])
        for place, name in enumerate(figures.names)
    }
    accuracies = [one.accuracy for one in taken if one.accuracy is not None]
    accuracy = float(np.mean(accuracies)) if accuracies else None
    tar_at_far = tuple(
        _tar(pairs, rate, found[f"tar@{rate:g}"], intervals.pop(f"tar@{rate:g}"))
        for rate in figures.false_accept_rates
    )
    if accuracy is not None:
        intervals["accuracy"] = _share(accuracy, pairs.genuine_pairs + pairs.impostor_pairs)
    return Measures(
        pairs=len(pairs.same),
        genuine_pairs=pairs.genuine_pairs,
        impostor_pairs=pairs.impostor_pairs,
        auc=found["auc"],
        eer=found["eer"],
        accuracy=accuracy,
        false_accept_rate=found.get("false_accept_rate"),
        false_reject_rate=found.get("false_reject_rate"),
        tar_at_far=tar_at_far,
        intervals=intervals,
    )


def _interval(pairs: Judged, name: str, value: float, drawn: Scores) -> Interval:
    """By person; a share's is never narrower than if its pairs were independent.

    So no error at all in a few pairs does not look certain, as resampling alone would say.
    """
    interval = percentile_interval(drawn)
    if name == "auc":
        return interval
    trials = pairs.impostor_pairs if name == "false_accept_rate" else pairs.genuine_pairs
    return hull(interval, _share(value, trials))


def _tar(pairs: Judged, rate: float, value: float, interval: Interval) -> TarAtFar:
    needed = needed_impostors(rate)
    if pairs.impostor_pairs >= needed:
        return TarAtFar(far=rate, tar=value, interval=interval, needed=needed)
    return TarAtFar(
        far=rate,
        tar=None,
        interval=None,
        needed=needed,
        reason=f"{pairs.impostor_pairs:,} impostor pairs cannot support a false accept rate of "
        f"{rate:g}: {needed:,} are needed",
    )


def _share(value: float, trials: int) -> Interval:
    """Wilson's interval of a share that may be the mean of two: rounded to whole events."""
    return wilson(round(value * trials), trials)
