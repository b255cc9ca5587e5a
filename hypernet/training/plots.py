"""Pictures of a training's log: losses, validation, rates, and what the batches were made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.errors import ProgramMissing

_NOISY_FROM = 60  # values
_SMOOTH = ("learning rate", "AUC, watched folds")
_APART = ("people", "positives", "likeness")  # facts about the batch; all others are the loss's
_INK, _FAINT = "#1f4e79", "#9db8d2"


def draw_curves(log: Path, pictures: Sequence[Path]) -> None:
    """Draws `log.jsonl`.

    Args:
        log: what `Keeper` wrote.
        pictures: files to write; the ending says the format, .png or .svg.

    Raises:
        ProgramMissing: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ProgramMissing(
            "matplotlib is needed to draw the curves", hint="pip install 'hvcodegen[plot]'"
        ) from error
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    series = _series(lines)
    columns = 3
    rows = -(-len(series) // columns)
    with rc_context({"svg.hashsalt": "hvcodegen", "font.size": 8}):
        figure = Figure(figsize=(3.4 * columns, 2.1 * rows), layout="constrained")
        every = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes, (title, steps, values) in zip(every, series, strict=False):
            _draw(axes, title, steps, values, _borders(lines))
        for axes in every[len(series) :]:
            axes.set_axis_off()
        for picture in pictures:
            figure.savefig(picture, dpi=150, metadata={"Date": None} if _is_svg(picture) else None)


def _series(lines: list[dict[str, Any]]) -> list[tuple[str, NDArray[Any], NDArray[Any]]]:
    """Title, step over all stages, value: the loss, the AUC, then every fact of the log."""
    facts = sorted({name for line in lines for name in line["facts"]}, key=_order)
    wanted = {
        "loss": [line["loss"] for line in lines],
        "AUC, watched folds": [line["auc"] for line in lines],
        **{name.replace("_", " "): [line["facts"].get(name) for line in lines] for name in facts},
        "learning rate": [line["rate"] for line in lines],
    }
    made = []
    for title, column in wanted.items():
        values = np.array(column, np.float64)  # None becomes NaN: no value at this step
        steps = np.flatnonzero(~np.isnan(values))
        made.append((title, steps + 1, values[steps]))
    return made


def _order(name: str) -> tuple[bool, str]:
    return name in _APART, name


def _borders(lines: list[dict[str, Any]]) -> list[int]:
    """The steps, over all stages, where a new stage begins."""
    stages = [line["stage"] for line in lines]
    return [place for place in range(1, len(stages)) if stages[place] != stages[place - 1]]


def _draw(
    axes: Any,  # noqa: ANN401 - matplotlib's types are loose
    title: str,
    steps: NDArray[Any],
    values: NDArray[Any],
    borders: list[int],
) -> None:
    axes.set_title(title, loc="left")
    axes.set_xlabel("step")
    noisy = len(values) > _NOISY_FROM and title not in _SMOOTH
    axes.plot(steps, values, color=_FAINT if noisy else _INK, linewidth=0.6 if noisy else 1.2)
    if noisy:
        for stage in np.split(np.arange(len(steps)), np.searchsorted(steps, borders, "right")):
            axes.plot(steps[stage], smoothed(values[stage]), color=_INK, linewidth=1.2)
    for border in borders:
        axes.axvline(border + 0.5, color="#999999", linewidth=0.6, linestyle=":")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(0, None)


def smoothed(values: NDArray[Any]) -> NDArray[Any]:
    """Mean of a twentieth of the values, around each; fewer at the ends."""
    reach = len(values) // 40
    sums = np.cumsum(np.insert(values, 0, 0.0))
    places = np.arange(len(values))
    ends = np.minimum(places + reach + 1, len(values))
    starts = np.maximum(places - reach, 0)
    smooth: NDArray[Any] = (sums[ends] - sums[starts]) / (ends - starts)
    return smooth


def _is_svg(picture: Path) -> bool:
    return picture.suffix == ".svg"
