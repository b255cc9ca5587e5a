"""Everybody against everybody: enough impostor pairs for false accept rates that matter.

Every photograph with a face enrols, and every other photograph is streamed to it. Which pairs
count, exactly: all ordered pairs (enrolled, streamed) of two different photographs; genuine if both
show one person, impostor otherwise. (a, b) and (b, a) are two scores, but one pair where it is
asked whether there are enough of them. The stricter variant keeps the pairs whose enrolled
photograph is its person's first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypernet.evaluation.intervals import Figures
from hypernet.evaluation.measures import Rows, Same, Scores
from hypernet.evaluation.summary import Measures, judged, measure

FALSE_ACCEPT_RATES = (1e-2, 1e-3, 1e-4)
MAX_IMPOSTORS = 2_000_000
RESAMPLES = 400
"""Fewer than of a few hundred pairs: each takes a tenth of a second of a million pairs."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Everybody:
    """M ordered pairs of photographs.

    Attributes:
        first: int [M], rows that enrol, ascending.
        second: int [M], rows that are streamed.
        same: bool [M], both show one person.
        people: int [N], who each row of the table shows.
        impostors_left_out: impostor pairs there would be beyond the limit.
    """

    first: Rows
    second: Rows
    same: Same
    people: Rows
    impostors_left_out: int

    def first_photographs(self) -> NDArray[np.bool_]:
        """Pairs whose enrolled row is the lowest of its person among these pairs: bool [M]."""
        rows = np.unique(np.concatenate([self.first, self.second]))
        _, places = np.unique(self.people[rows], return_index=True)
        return np.isin(self.first, rows[places])


@dataclass(frozen=True, kw_only=True)
class AllAgainstAll:
    """The result of `evaluate_everybody`.

    Attributes:
        photographs: how many took part.
        people: how many they show.
        impostors_left_out: see Everybody.
        every_photograph_enrols: measures of all pairs.
        first_photograph_enrols: of those whose enrolled photograph is its person's first.
    """

    photographs: int
    people: int
    impostors_left_out: int
    every_photograph_enrols: Measures
    first_photograph_enrols: Measures


def everybody(
    rows: Rows, people: Rows, *, max_impostors: int = MAX_IMPOSTORS, seed: int = 0
) -> Everybody:
    """Pairs every photograph with every other.

    Args:
        rows: the photographs that take part, all with a face.
        people: int [N], who each row of the table shows.
        max_impostors: more impostor pairs than this are drawn from, each with the same chance.
        seed: of the draw.
    """
    rows = np.unique(rows)
    who = people[rows]
    genuine = _genuine(who)
    count = len(rows)
    impostors = count * count - count - len(genuine)
    if impostors <= max_impostors:
        different = np.flatnonzero((who[:, None] != who[None, :]).reshape(-1))
    else:
        different = _drawn(who, max_impostors, seed)
    codes = np.concatenate([genuine, different])
    same = np.arange(len(codes)) < len(genuine)
    order = np.argsort(codes, kind="stable")
    first, second = np.divmod(codes[order], count)
    return Everybody(
        first=rows[first],
        second=rows[second],
        same=same[order],
        people=people,
        impostors_left_out=impostors - len(different),
    )


def evaluate_everybody(
    pairs: Everybody,
    scores: Scores,
    *,
    threshold: float | None,
    false_accept_rates: Sequence[float] = FALSE_ACCEPT_RATES,
    resamples: int = RESAMPLES,
) -> AllAgainstAll:
    """Measures scores of everybody against everybody.

    Args:
        pairs: M pairs.
        scores: float64 [M].
        threshold: the checkpoint's own, for the two error rates; None: there is none.
        false_accept_rates: where TAR is measured.
        resamples: of the bootstrap.

    Raises:
        HvError: nobody has two photographs, or there is one person only.
    """
    rows = np.unique(np.concatenate([pairs.first, pairs.second]))

    def measured(chosen: NDArray[np.bool_]) -> Measures:
        same = pairs.same[chosen]
        return measure(
            judged(pairs.first[chosen], pairs.second[chosen], same, pairs.people),
            [scores[chosen]],
            Figures(false_accept_rates=tuple(false_accept_rates), threshold=threshold),
            tuned=[None],
            resamples=resamples,
        )[0]

    return AllAgainstAll(
        photographs=len(rows),
        people=len(np.unique(pairs.people[rows])),
        impostors_left_out=pairs.impostors_left_out,
        every_photograph_enrols=measured(np.ones(len(scores), np.bool_)),
        first_photograph_enrols=measured(pairs.first_photographs()),
    )


def _genuine(who: Rows) -> NDArray[np.int64]:
    """Codes first * N + second of all ordered pairs of one person."""
    groups = (np.flatnonzero(who == person) for person in np.unique(who))
    codes = [
        (group[:, None] * len(who) + group[None, :])[~np.eye(len(group), dtype=np.bool_)]
        for group in groups
    ]
    return np.concatenate(codes).astype(np.int64)


def _drawn(who: Rows, count: int, seed: int) -> NDArray[np.int64]:
    """Codes of `count` different impostor pairs, drawn without listing all there are."""
    rng = np.random.default_rng(seed)
    codes = np.empty(0, np.int64)
    while len(codes) < count:
        more = rng.integers(0, len(who) ** 2, size=2 * count)
        first, second = np.divmod(more, len(who))
        codes = np.unique(np.concatenate([codes, more[who[first] != who[second]]]))
    return np.sort(rng.choice(codes, size=count, replace=False))
