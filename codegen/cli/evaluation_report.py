"""What `evaluate` prints: for people, and for machines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from codegen.cli.common import table
from hypernet.evaluation import AllAgainstAll, Directions, Evaluation, Interval, Measures

NOT_QUOTED = "-"


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that was measured.

    Attributes:
        checkpoint: its name.
        precision: float or int8.
        threshold: the checkpoint's.
        protocol: where the pairs are from.
        test_folds: where it was measured.
        tuned: where the accuracy's threshold was chosen, for people.
        verifier: on the pairs.
        ceiling: h_bb on the pairs.
        everybody: verifier and h_bb on everybody against everybody; None: not asked for.
    """

    checkpoint: str
    precision: str
    threshold: float
    protocol: str
    test_folds: tuple[int, ...]
    tuned: str
    verifier: Evaluation
    ceiling: Evaluation
    everybody: tuple[AllAgainstAll, AllAgainstAll] | None


def as_json(report: Report) -> dict[str, Any]:
    """For machines. A rate that is not quoted is null, its reason in `not_quoted`."""
    ways = report.verifier.left_out
    data: dict[str, Any] = {
        "checkpoint": report.checkpoint,
        "precision": report.precision,
        "threshold": report.threshold,
        "protocol": report.protocol,
        "folds": list(report.test_folds),
        "tuned_on": report.tuned,
        **measures_json(ways.mean),
        "directions": _directions_json(ways),
        "missing": report.verifier.missing,
        "missing_as_rejected": _directions_json(report.verifier.rejected),
        "ceiling": _directions_json(report.ceiling.left_out),
        "all_against_all": None,
    }
    if report.everybody is not None:
        verifier, ceiling = report.everybody
        data["all_against_all"] = {
            "photographs": verifier.photographs,
            "people": verifier.people,
            "impostor_pairs_left_out": verifier.impostors_left_out,
            **_everybody_json(verifier),
            "ceiling": _everybody_json(ceiling),
        }
    return data


def measures_json(measures: Measures) -> dict[str, Any]:
    """One set of measures as plain data."""
    intervals: dict[str, Any] = {
        name: [found.low, found.high] for name, found in measures.intervals.items()
    }
    intervals["tar_at_far"] = {
        f"{entry.far:g}": entry.interval and [entry.interval.low, entry.interval.high]
        for entry in measures.tar_at_far
    }
    return {
        "pairs": measures.pairs,
        "genuine_pairs": measures.genuine_pairs,
        "impostor_pairs": measures.impostor_pairs,
        "accuracy": measures.accuracy,
        "auc": measures.auc,
        "eer": measures.eer,
        "tar_at_far": {f"{entry.far:g}": entry.tar for entry in measures.tar_at_far},
        "not_quoted": {
            f"{entry.far:g}": entry.reason for entry in measures.tar_at_far if entry.reason
        },
        "false_accept_rate": measures.false_accept_rate,
        "false_reject_rate": measures.false_reject_rate,
        "intervals": intervals,
    }


def as_lines(report: Report) -> list[str]:
    """For people."""
    folds = ", ".join(map(str, report.test_folds))
    how = "the generated C" if report.precision == "int8" else "real numbers"
    ways = report.verifier.left_out
    lines = [
        f"{report.checkpoint}, {report.precision}: {how}",
        "",
        f"Pairs of {report.protocol}, fold {folds}; below each figure its 95 % interval",
        *measures_table(
            [
                ("first photograph enrols", ways.first_enrols),
                ("second photograph enrols", ways.second_enrols),
                ("mean", ways.mean),
                ("h_bb itself, the ceiling", report.ceiling.left_out.mean),
            ]
        ),
        *refusals([ways.mean]),
        *_missing(report.verifier),
        f"accuracy: threshold chosen on {report.tuned}; false accepts and rejects: at the "
        f"checkpoint's own threshold {report.threshold:.3f}",
    ]
    if report.everybody is not None:
        lines += _everybody_lines(*report.everybody)
    return lines


def measures_table(rows: Sequence[tuple[str, Measures]]) -> list[str]:
    """A line of figures and a line of intervals for each."""
    rates = [f"TAR at FAR {entry.far:g}" for entry in rows[0][1].tar_at_far]
    shown = [name for name in _SHARES if any(getattr(row, name) is not None for _, row in rows)]
    headings = ("", "pairs", "AUC", *(_SHARES[name] for name in shown), *rates)
    cells: list[tuple[Any, ...]] = []
    for name, row in rows:
        values = [getattr(row, share) for share in shown]
        tars = [entry.tar for entry in row.tar_at_far]
        spans = [row.intervals.get(share) for share in shown]
        tar_spans = [entry.interval for entry in row.tar_at_far]
        cells.append((name, f"{row.pairs:,}", f"{row.auc:.4f}", *map(_percent, values + tars)))
        auc = row.intervals["auc"]
        span = f"{auc.low:.4f}-{auc.high:.4f}"
        cells.append(("", "", span, *map(_span, spans + tar_spans)))
    return table(headings, cells)


def refusals(rows: Iterable[Measures]) -> list[str]:
    """A line for each rate that is not quoted."""
    reasons = [entry.reason for row in rows for entry in row.tar_at_far if entry.reason]
    return [f"not quoted: {reason}" for reason in dict.fromkeys(reasons)]


_SHARES = {
    "eer": "EER",
    "accuracy": "accuracy",
    "false_accept_rate": "false accepts",
    "false_reject_rate": "false rejects",
}


def _everybody_lines(verifier: AllAgainstAll, ceiling: AllAgainstAll) -> list[str]:
    left_out = verifier.impostors_left_out
    every, first = verifier.every_photograph_enrols, verifier.first_photograph_enrols
    return [
        "",
        f"Everybody against everybody: {verifier.photographs:,} photographs of "
        f"{verifier.people:,} people, each enrolled against every other"
        + (f"; {left_out:,} impostor pairs left out" if left_out else ""),
        *measures_table(
            [
                ("every photograph enrols", every),
                ("each person's first enrols", first),
                ("h_bb itself, every photograph", ceiling.every_photograph_enrols),
                ("h_bb itself, first", ceiling.first_photograph_enrols),
            ]
        ),
        *refusals([every, first]),
    ]


def _missing(evaluation: Evaluation) -> list[str]:
    if not evaluation.missing:
        return []
    rejected = evaluation.rejected.mean
    accuracy = "" if rejected.accuracy is None else f", accuracy {rejected.accuracy:.2%}"
    return [
        f"{evaluation.missing} of {rejected.pairs:,} pairs left out: a face was not found; counted "
        f"as rejected: AUC {rejected.auc:.4f}, EER {rejected.eer:.2%}{accuracy}"
    ]


def _directions_json(ways: Directions) -> dict[str, Any]:
    return {
        "first_enrols": measures_json(ways.first_enrols),
        "second_enrols": measures_json(ways.second_enrols),
        "mean": measures_json(ways.mean),
    }


def _everybody_json(found: AllAgainstAll) -> dict[str, Any]:
    return {
        "every_photograph_enrols": measures_json(found.every_photograph_enrols),
        "first_photograph_enrols": measures_json(found.first_photograph_enrols),
    }


def _percent(value: float | None) -> str:
    return NOT_QUOTED if value is None else f"{value:.2%}"


def _span(interval: Interval | None) -> str:
    return "" if interval is None else f"{interval.low:.2%}-{interval.high:.2%}"
