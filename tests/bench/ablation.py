"""Trains and measures variants of the shipped recipe: `python -m tests.bench.ablation DIR`.

Every row is a short training from the config and the changes it names, then `evaluate` on fold 9
by the generated C. A row whose checkpoint is there already is not trained again, so the work can
be stopped and gone on with. `--write docs/training.md` puts the table between that file's marks.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.cli.common import table, talk
from tests.bench.table import with_table

MARKS = "<!-- make ablation -->\n", "<!-- end of make ablation -->\n"
DISTIL_STEPS, MATRIX_STEPS = 500, 200
IMPOSTORS = 200_000
ROOT = Path(__file__).parents[2]

SHORT = (
    f"stages.0.steps={DISTIL_STEPS}",
    "stages.0.qat=false",
    "watch_every=500",
    "composites=0",
)
OLD_LOSS = "{likeness = 1.0, contrast = 0.5, temperature = 16.0, orthogonal = 1.0}"
TWICE = (
    "{scale = 0.12, aspect = 0.048, angle = 0.144, shift = 0.042, contrast = 0.36, "
    "brightness = 0.36, cast = 0.18, grey = 0.12, blur = 0.3, cover = 0.48}"
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One training.

    Attributes:
        name: of its folder.
        what: for people, what differs from the row it is compared with.
        config: shipped config or file.
        changes: `--set`s.
        start: row whose checkpoint it starts from.
    """

    name: str
    what: str
    config: str = "pw"
    changes: tuple[str, ...] = ()
    start: str | None = None


def distilled(name: str, what: str, *changes: str) -> Row:
    """A short version of the shipped recipe."""
    return Row(name=name, what=what, changes=(*SHORT, *changes))


def matrix(name: str, what: str, *changes: str) -> Row:
    """The paper's matrix after the short recipe."""
    steps = f"stages.0.steps={MATRIX_STEPS}"
    return Row(name=name, what=what, config="matrix", changes=(steps, *changes), start="short")


def personal(kind: str, seed: int) -> Row:
    """A personal convolution after the short recipe."""
    return matrix(
        f"{kind}-{seed}",
        f"+ matrix, conv4 personal too: {kind}, seed {seed}",
        "architecture=pw-conv4",
        f"stages.0.generator={kind}",
        "stages.0.people=12",
        f"seed={seed}",
    )


ROWS: tuple[Row, ...] = (
    distilled("short", f"the recipe, {DISTIL_STEPS} steps"),
    distilled("pq", "last layer on 192 features of one more convolution", "architecture=pq"),
    matrix("matrix-0", "+ matrix, last layer personal, seed 0"),
    personal("film", 0),
    personal("low-rank", 0),
    distilled("no-own-view", "the body's own view of the photograph left out", "own_view=0"),
    distilled("no-consensus", "every photograph its own target", "stages.0.consensus=0"),
    distilled("temperature", "temperature 16", "stages.0.weights.temperature=16.0"),
    distilled("composites", "24,000 composites too", "composites=24000"),
    distilled("no-whitening", "embeddings not whitened", "stages.0.whitening=0"),
    distilled("adamw", "AdamW alone", "stages.0.muon=0"),
    distilled(
        "no-cohort",
        "last layer as trained, one threshold for all",
        "normalise=false",
    ),
    Row(
        name="random",
        what="the paper's matrix from random weights, as many steps",
        config="matrix",
        changes=(f"stages.0.steps={DISTIL_STEPS}", "stages.0.body_learning_rate=1e-3"),
    ),
    matrix("no-kcs", "+ matrix without KCS", "stages.0.kcs=false"),
    matrix("no-penalty", "+ matrix without norm penalty", "stages.0.penalty=0"),
    matrix("weight-1", "+ matrix, a positive counts as a negative", "stages.0.positive_weight=1"),
    distilled("qat", "QAT in the last 100 steps", "stages.0.qat=true", "stages.0.qat_from=401"),
    matrix("matrix-1", "+ matrix, last layer personal, seed 1", "seed=1"),
    personal("film", 1),
    distilled("seed-1", "the recipe, seed 1", "seed=1"),
    distilled("old-loss", "likeness 1, contrast 0.5, orthogonal 1", f"stages.0.weights={OLD_LOSS}"),
    distilled("pw-small", "two thirds of the channels", "architecture=pw-small"),
    distilled("augmentation", "augmentation twice as strong", f"augmentation={TWICE}"),
    matrix("kcs-only", "+ matrix, KCS from the first step", "stages.0.easy_share=0"),
    distilled("pw-depthwise", "depthwise separable body", "architecture=pw-depthwise"),
    personal("low-rank", 1),
    distilled("pb", "inverted bottlenecks: the body that ships", "architecture=pb"),
    distilled("pw-48", "48x48 pixels, more channels", "architecture=pw-48"),
    distilled("pw-56", "56x56 pixels, more channels", "architecture=pw-56"),
    distilled("pw-80", "80x80 pixels, fewer channels", "architecture=pw-80"),
    distilled("pw-grey", "grey, more channels", "architecture=pw-grey"),
    matrix("matrix-2", "+ matrix, last layer personal, seed 2", "seed=2"),
    personal("film", 2),
    personal("low-rank", 2),
    matrix(
        "full-0",
        "+ matrix, every weight personal: full, seed 0",
        "architecture=pw-full",
        "stages.0.generator=full",
        "stages.0.people=12",
    ),
)
"""The most telling ones first, for whoever stops early."""


def main(words: Sequence[str]) -> None:
    """Trains what is missing, measures it, prints the table."""
    parser = argparse.ArgumentParser(prog="ablation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("images", type=Path, metavar="DIR")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--write", type=Path, metavar="docs/training.md")
    parser.add_argument("--only-done", action="store_true", help="print what is there")
    given = parser.parse_args(words)
    done = []
    for row in ROWS:
        measured = given.runs / row.name / "int8.json"
        if not measured.is_file() and not given.only_done:
            talk(f"--- {row.name}: {row.what}")
            train(row, given.images, given.runs)
            evaluate(row, given.images, given.runs)
        if measured.is_file():
            done.append(cells(row, json.loads(measured.read_text())))
        if given.write:
            given.write.write_text(with_table(given.write.read_text(), text(done), MARKS))
    print("\n".join(text(done)))


def train(row: Row, images: Path, runs: Path) -> None:
    """Trains a row, or goes on with it."""
    folder = runs / row.name
    if checkpoint(runs, row.name):
        return
    changes = [f"name={row.name}", *row.changes]
    if row.start:
        started = checkpoint(runs, row.start)
        if started is None:
            sys.exit(f"error: {row.name} starts from {row.start}, which is not trained")
        changes.append(f"start={started}")
    resume = ["--resume"] if (folder / "state.pt").is_file() else []
    sets = [word for change in changes for word in ("--set", change)]
    hvcodegen("train", row.config, "--images", str(images), "-o", str(folder), *resume, *sets)


def evaluate(row: Row, images: Path, runs: Path) -> None:
    """Measures a row by the generated C."""
    found = checkpoint(runs, row.name)
    printed = hvcodegen(
        "evaluate",
        "--images",
        str(images),
        "--checkpoint",
        str(found),
        "--json",
        "--fold",
        "9",
        "--max-impostors",
        str(IMPOSTORS),
    )
    (runs / row.name / "int8.json").write_text(printed)


def checkpoint(runs: Path, name: str) -> Path | None:
    """The card of a trained row."""
    path = runs / name / f"{name}.json"
    return path if path.is_file() else None


def hvcodegen(*words: str) -> str:
    """Runs the command of this checkout; its talk goes to stderr as it comes."""
    command = [sys.executable, "-c", "from codegen.cli import main; main()", *words]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout


def cells(row: Row, measured: dict[str, Any]) -> tuple[str, ...]:
    """One line of the table: pairs, mean of both directions, then everybody."""
    crowd = measured["all_against_all"]["every_photograph_enrols"]
    tars = crowd["tar_at_far"]
    return (
        row.what,
        f"{measured['auc']:.4f}",
        f"{100 * measured['eer']:.2f}",
        f"{100 * measured['accuracy']:.2f}",
        f"{100 * crowd['eer']:.2f}",
        f"{100 * tars['0.01']:.1f}",
        f"{100 * tars['0.001']:.1f}",
    )


def text(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The table and what it shows."""
    headings = ("what differs", "AUC", "EER %", "acc. %", "EER %", "TAR 1e-2", "TAR 1e-3")
    return [
        *table(headings, rows),
        "fold 9, int8 C; AUC, EER and accuracy of its pairs (mean of both directions), then",
        "EER and TAR (%) of everybody against everybody",
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
