"""Scores a checkpoint on pairs and on everybody, measures, and draws: the work of `evaluate`."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from codegen.cli.common import talk
from codegen.cli.evaluating import Kernel, c_scores, has_shared_body, shared_body_scores
from codegen.cli.evaluation_plot import Curve, Panel, check_folder, draw_evaluation
from codegen.cli.evaluation_report import Report
from codegen.cli.pair_source import Order, Protocol, open_protocol
from hypernet.checkpoint import (
    Checkpoint,
    checkpoint_folder,
    load_checkpoint,
    save_checkpoint,
)
from hypernet.data import NOT_FOUND, FaceTable
from hypernet.evaluation import (
    AllAgainstAll,
    Evaluation,
    Everybody,
    ScoredPairs,
    ScorePairs,
    Scores,
    embedding_scores,
    evaluate,
    evaluate_everybody,
    everybody,
    score_both_ways,
)
from hypernet.scores import float_scores, unit_directions


def run(
    order: Order,
    checkpoint: str,
    precision: str,
    *,
    max_impostors: int | None,
    seed: int,
    plot: Path | None,
) -> tuple[Report, list[Path]]:
    """Evaluates a checkpoint.

    Args:
        order: which pairs.
        checkpoint: name or file.
        precision: float or int8.
        max_impostors: of everybody against everybody; None leaves that out.
        seed: of the draw where there are more.
        plot: folder for pictures.

    Returns:
        What was measured, and the pictures.

    Raises:
        HvError: the photographs, the pairs, the checkpoint or the folder cannot be used.
    """
    if plot is not None:
        check_folder(plot)
    loaded = load_checkpoint(checkpoint)
    protocol = open_protocol(order)
    h_bb = embedding_scores(unit_directions(loaded.build(), protocol.table.embeddings).numpy())
    with _scoring(loaded, protocol.table, precision) as (by_pair, by_photograph):
        talk("scoring pairs ...")
        scored = score_both_ways(protocol.pairs, by_pair, protocol.table.found)
        crowd = None
        if max_impostors is not None and protocol.labelled:
            crowd = _Crowd(protocol, by_photograph, max_impostors, seed)
    ceiling = score_both_ways(protocol.pairs, h_bb, protocol.table.found)
    talk("drawing people again for the intervals ...")
    report = Report(
        checkpoint=loaded.name,
        precision=precision,
        threshold=loaded.threshold,
        protocol=protocol.name,
        test_folds=protocol.test_folds,
        tuned=_tuned(protocol),
        verifier=_evaluated(protocol, scored, loaded.threshold),
        ceiling=_evaluated(protocol, ceiling, None),
        everybody=None if crowd is None else crowd.judge(h_bb, loaded.threshold),
    )
    if plot is None:
        return report, []
    panels = [_pairs_panel(protocol, scored, ceiling, report)]
    if crowd is not None and report.everybody is not None:
        panels.append(crowd.panel(report.everybody[0], loaded.threshold))
    return report, draw_evaluation(panels, plot)


def write_card(checkpoint: str, measured: dict[str, Any]) -> Path:
    """Writes what was measured into the card of a checkpoint; the card's path.

    Results of another precision or other pairs stay.
    """
    loaded = load_checkpoint(checkpoint)
    kept = dict(loaded.card.get("measured", {}))
    kept[f"{measured['precision']}, {measured['protocol']}"] = _rounded(measured)
    card = {**loaded.card, "measured": kept}
    return save_checkpoint(replace(loaded, card=card), checkpoint_folder(checkpoint))


def _rounded(value: Any) -> Any:  # noqa: ANN401 - plain data of any shape
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return round(value, 5) if isinstance(value, float) else value


class _Crowd:
    """Everybody of the test folds against everybody, scored."""

    def __init__(self, protocol: Protocol, score: ScorePairs, limit: int, seed: int) -> None:
        """Scores all pairs."""
        table = protocol.table
        present = np.isin(table.folds, protocol.test_folds) & (table.found != NOT_FOUND)
        self.pairs: Everybody = everybody(
            np.flatnonzero(present), table.person_numbers(), max_impostors=limit, seed=seed
        )
        talk(f"scoring everybody against everybody: {len(self.pairs.same):,} pairs ...")
        self.scores: Scores = score(self.pairs.first, self.pairs.second)
        self.ceiling: Scores = np.empty(0)

    def judge(self, h_bb: ScorePairs, threshold: float) -> tuple[AllAgainstAll, AllAgainstAll]:
        """Measures the verifier and h_bb."""
        self.ceiling = h_bb(self.pairs.first, self.pairs.second)
        return (
            evaluate_everybody(self.pairs, self.scores, threshold=threshold),
            evaluate_everybody(self.pairs, self.ceiling, threshold=None),
        )

    def panel(self, found: AllAgainstAll, threshold: float) -> Panel:
        """For the pictures."""
        same = self.pairs.same
        return Panel(
            title="Everybody against everybody",
            curves=(
                Curve(label="every photograph enrols", scores=self.scores, same=same),
                Curve(label="h_bb itself", scores=self.ceiling, same=same, ceiling=True),
            ),
            impostor_pairs=found.every_photograph_enrols.impostor_pairs,
            threshold=threshold,
        )


@contextmanager
def _scoring(
    loaded: Checkpoint, table: FaceTable, precision: str
) -> Iterator[tuple[ScorePairs, ScorePairs]]:
    """Scoring functions for few pairs and for very many."""
    if precision == "float":
        score = float_scores(loaded.build(), table, loaded.comparable)
        yield score, score
        return
    with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
        kernel = Kernel(loaded, table, Path(scratch) / "kernel")
        one_by_one = c_scores(kernel, _Ticker(500))
        if has_shared_body(loaded.architecture):
            yield one_by_one, shared_body_scores(kernel, _Ticker(200_000))
        else:
            yield one_by_one, c_scores(kernel, _Ticker(50_000))


class _Ticker:
    """A line now and then while pairs are scored."""

    def __init__(self, every: int) -> None:
        self._every, self._done = every, 0

    def __call__(self, pairs: int) -> None:
        before, self._done = self._done, self._done + pairs
        if before // self._every != self._done // self._every:
            talk(f"  {self._done:,} pairs scored")


def _evaluated(protocol: Protocol, scored: ScoredPairs, threshold: float | None) -> Evaluation:
    return evaluate(
        scored,
        protocol.table.person_numbers(),
        test_folds=protocol.test_folds,
        tuning_folds=protocol.tuning_folds,
        threshold=threshold,
    )


def _tuned(protocol: Protocol) -> str:
    if protocol.tuning_folds is not None:
        return "fold " + ", ".join(map(str, protocol.tuning_folds))
    if len(protocol.test_folds) > 1:
        return "the other folds"
    return "no pairs: it is the checkpoint's own"


def _pairs_panel(
    protocol: Protocol, scored: ScoredPairs, ceiling: ScoredPairs, report: Report
) -> Panel:
    rows = np.isin(scored.pairs.folds, protocol.test_folds) & scored.whole
    same = scored.pairs.same[rows]
    first, second = scored.ways[:, rows]
    return Panel(
        title=f"Pairs of {report.protocol}",
        curves=(
            Curve(label="first photograph enrols", scores=first, same=same),
            Curve(label="second photograph enrols", scores=second, same=same),
            Curve(label="h_bb itself", scores=ceiling.ways[0, rows], same=same, ceiling=True),
        ),
        impostor_pairs=report.verifier.left_out.mean.impostor_pairs,
        threshold=report.threshold,
    )
