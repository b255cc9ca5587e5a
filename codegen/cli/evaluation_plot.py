"""The pictures of `evaluate --plot`: ROC, DET, histograms. Same scores, same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codegen.cli.profile_plot import FORMATS, check_plot, styled
from codegen.errors import HvError
from host_tools.cache import write_atomically
from hypernet.evaluation import Same, Scores, needed_impostors, rank, roc_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = ("#4477aa", "#44aa99", "#aa4499", "#999933")  # Paul Tol's "muted"
_CEILING, _GENUINE, _IMPOSTOR, _THRESHOLD = "#6b7480", "#117733", "#cc6677", "#22282e"
_PANEL = (5.2, 4.2)  # inches
_POINTS = 2000  # of a curve, at most
_BINS = 60
_DET_TICKS = (1e-4, 1e-3, 0.01, 0.05, 0.2, 0.5, 0.8)


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """One set of scores.

    Attributes:
        label: for the legend.
        scores: float64 [M].
        same: bool [M].
        ceiling: it is h_bb's, drawn grey and left out of the histograms.
    """

    label: str
    scores: Scores
    same: Same
    ceiling: bool = False


@dataclass(frozen=True, kw_only=True)
class Panel:
    """Curves of one set of pairs, and how many impostor pairs these are."""

    title: str
    curves: Sequence[Curve]
    impostor_pairs: int
    threshold: float


def check_folder(folder: Path) -> None:
    """Makes the folder of the pictures; raises HvError if that or drawing is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HvError("the folder cannot be made", where=f"{folder}: {error.strerror}") from error
    check_plot(folder / "roc.png")


def draw_evaluation(panels: Sequence[Panel], folder: Path) -> list[Path]:
    """Writes roc.png, det.png and scores.png; returns their paths."""
    drawn = []
    for name, draw in (("roc", draw_roc), ("det", draw_det), ("scores", draw_scores)):
        path = folder / f"{name}.png"
        content = io.BytesIO()
        with styled():
            figure = make_figure(panels, draw)
            figure.savefig(content, format="png", metadata=FORMATS[".png"])
        write_atomically(path, content.getvalue())
        drawn.append(path)
    return drawn


def make_figure(panels: Sequence[Panel], draw: Callable[[Axes, Panel], None]) -> Figure:
    """Panels beside each other, before they are drawn."""
    from matplotlib.figure import Figure

    width, height = _PANEL
    figure = Figure(figsize=(width * len(panels), height), layout="constrained")
    for index, panel in enumerate(panels):
        axes = figure.add_subplot(1, len(panels), index + 1)
        draw(axes, panel)
        axes.set_title(panel.title)
    return figure


def draw_roc(axes: Axes, panel: Panel) -> None:
    """True accepts against false accepts; what too few impostor pairs say is shaded."""
    from matplotlib.ticker import PercentFormatter

    lowest = 0.3 / panel.impostor_pairs
    worst = 1.0
    for curve, colour, (accepts, found) in _curves(panel):
        axes.step(accepts, found, where="post", color=colour, label=curve.label, linewidth=1.4)
        worst = min(worst, float(found[np.searchsorted(accepts, 3 / panel.impostor_pairs)]))
    axes.set_xscale("log")
    axes.set_xlim(max(lowest, 1e-5), 1)
    axes.set_ylim(max(0.0, np.floor(worst * 10) / 10 - 0.1), 1.005)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_xlabel("false accept rate")
    axes.set_ylabel("true accept rate")
    _shade(axes, _supported(panel))
    axes.grid()
    axes.legend(loc="lower right")


def draw_det(axes: Axes, panel: Panel) -> None:
    """False rejects against false accepts, both on the scale of normal deviates.

    On it two normal distributions give a straight line: Martin et al., "The DET curve in
    assessment of detection task performance", Eurospeech 1997.
    """
    from scipy.stats import norm

    rates = np.array(_DET_TICKS)
    ticks = [f"{100 * rate:g} %" for rate in rates]
    low, high = norm.ppf(rates[0]), norm.ppf(rates[-1])
    for curve, colour, (accepts, found) in _curves(panel):
        inside = (accepts > 0) & (found < 1)
        across, up = norm.ppf(accepts[inside]), norm.ppf(1 - found[inside])
        axes.plot(across, up, color=colour, label=curve.label, linewidth=1.4)
    axes.plot([low, high], [low, high], color="#c8ced4", linewidth=0.8, linestyle=":", zorder=1)
    axes.set_xticks(norm.ppf(rates), ticks)
    axes.set_yticks(norm.ppf(rates), ticks)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_xlabel("false accept rate")
    axes.set_ylabel("false reject rate")
    _shade(axes, float(norm.ppf(_supported(panel))))
    axes.grid()
    axes.legend(loc="upper right")


def draw_scores(axes: Axes, panel: Panel) -> None:
    """How the scores of one person's pairs and of two people's are spread."""
    curves = [curve for curve in panel.curves if not curve.ceiling]
    scores = np.concatenate([curve.scores for curve in curves])
    same = np.concatenate([curve.same for curve in curves])
    edges = np.linspace(scores.min(), scores.max(), _BINS + 1).tolist()
    for chosen, colour, label in (
        (~same, _IMPOSTOR, "two people"),
        (same, _GENUINE, "one person"),
    ):
        axes.hist(
            scores[chosen], edges, density=True, color=colour, alpha=0.55, label=label, zorder=2
        )
    axes.axvline(
        panel.threshold,
        color=_THRESHOLD,
        linewidth=1.0,
        linestyle="--",
        label=f"threshold {panel.threshold:.3f}",
        zorder=3,
    )
    axes.set_xlabel("score")
    axes.set_ylabel("density")
    axes.grid(axis="y", zorder=0)
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)  # room for the legend above the bars
    axes.legend(loc="upper left")


def _curves(panel: Panel) -> list[tuple[Curve, str, tuple[Scores, Scores]]]:
    """Each curve with its colour and its points: rates of false and of true accepts."""
    colours = iter(_COLOURS)
    return [
        (
            curve,
            _CEILING if curve.ceiling else next(colours),
            _thinned(*roc_points(rank(curve.scores, curve.same))),
        )
        for curve in panel.curves
    ]


def _thinned(accepts: Scores, found: Scores) -> tuple[Scores, Scores]:
    """Corners only, and of many the ones that can be told apart on a logarithmic scale."""
    corner = np.ones(len(accepts), np.bool_)
    corner[1:-1] = (accepts[2:] != accepts[1:-1]) & (found[1:-1] != found[:-2])
    corner[1:-1] |= (found[2:] != found[1:-1]) & (accepts[1:-1] != accepts[:-2])
    places = np.flatnonzero(corner)
    if len(places) > _POINTS:
        wanted = np.geomspace(max(accepts[places][1], 1e-7), 1.0, _POINTS)
        places = np.unique(
            np.append(np.searchsorted(accepts, wanted, side="right") - 1, [0, len(accepts) - 1])
        )
    return accepts[places], found[places]


def _supported(panel: Panel) -> float:
    """The lowest false accept rate that so many impostor pairs support."""
    return min(needed_impostors(1.0) / panel.impostor_pairs, 1.0)


def _shade(axes: Axes, limit: float) -> None:
    left, _ = axes.get_xlim()
    if limit > left:
        label = "too few impostor pairs"
        axes.axvspan(left, limit, color="#eef1f4", zorder=0, label=label)
