"""`hvcodegen evaluate`: how well people are recognised, on pairs of photographs."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from codegen.cli.common import json_option, photo_progress, print_result, table, talk


@click.command(short_help="Measure recognition on pairs of photographs.")
@click.option(
    "--images",
    "folder",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with the photographs, index.csv and pairs.txt.",
)
@click.option("--checkpoint", default="pq", show_default=True, metavar="NAME|FILE")
@click.option("--fold", default=9, show_default=True, help="Fold whose pairs are scored.")
@click.option(
    "--tune-fold", default=8, show_default=True, help="Fold that the accuracy's threshold is from."
)
@click.option(
    "--precision",
    type=click.Choice(["int8", "float"]),
    default="int8",
    show_default=True,
    help="int8 runs the generated C.",
)
@json_option
def command(
    folder: Path, checkpoint: str, fold: int, tune_fold: int, precision: str, as_json: bool
) -> None:
    """Measure recognition on pairs: one photograph enrols, the other is streamed.

    Both directions and their mean. With int8, every enrolled photograph becomes weights for the
    compiled C, which then scores the other one.

    \b
    Examples:
      hvcodegen evaluate --images lfw250 --fold 9
      hvcodegen evaluate --images lfw250 --precision float --json
    """
    from codegen.cli.evaluating import c_scores
    from hypernet.checkpoint import load_checkpoint
    from hypernet.data import load_faces, pair_files, read_pairs
    from hypernet.evaluate import as_dict, evaluate
    from hypernet.results import scores_of

    loaded = load_checkpoint(checkpoint)
    folds = (fold, tune_fold)
    talk("reading photographs (found, aligned and described once, then kept in the cache) ...")
    needed = pair_files(folder, folds)
    faces = load_faces(folder, only=needed, workers=2, progress=photo_progress)
    pairs = read_pairs(folder, faces, folds=folds)
    with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
        if precision == "int8":
            score = c_scores(loaded, faces, Path(scratch) / "kernel", _PairTicker())
        else:
            score = scores_of(loaded, faces, "float")
        result = evaluate(
            pairs,
            score,
            faces.found,
            test_folds=(fold,),
            tuning_folds=(tune_fold,),
            threshold=loaded.threshold,
        )
    ways = result.left_out
    rows = [
        (
            name,
            m.pairs,
            f"{m.auc:.4f}",
            f"{m.eer:.2%}",
            f"{m.accuracy:.2%}",
            f"{m.false_accept_rate:.2%}",
            f"{m.false_reject_rate:.2%}",
        )
        for name, m in (
            ("first photograph enrols", ways.first_enrols),
            ("second photograph enrols", ways.second_enrols),
            ("mean", ways.mean),
        )
    ]
    headings = ("direction", "pairs", "AUC", "EER", "accuracy", "false accepts", "false rejects")
    mean = ways.mean
    data: dict[str, Any] = {
        "checkpoint": loaded.name,
        "precision": precision,
        "fold": fold,
        "tune_fold": tune_fold,
        "pairs": mean.pairs,
        "auc": mean.auc,
        "eer": mean.eer,
        "accuracy": mean.accuracy,
        "directions": as_dict(result),
    }
    lines = table(headings, rows)
    lines.append(
        f"{result.missing} of {mean.pairs + result.missing} pairs left out: a face was not found; "
        f"counted as rejected, AUC {result.rejected.first_enrols.auc:.4f} "
        "with the first photograph enrolling"
    )
    lines.append(
        f"accuracy: threshold chosen on fold {tune_fold}; false accepts and rejects: "
        f"at the checkpoint's own threshold {loaded.threshold:.3f}"
    )
    print_result(as_json, data, lines)


class _PairTicker:
    """A line now and then while pairs are scored."""

    def __init__(self) -> None:
        self._done = 0

    def __call__(self, pairs: int) -> None:
        before, self._done = self._done, self._done + pairs
        if before // 500 != self._done // 500:
            talk(f"  {self._done} pairs scored")
