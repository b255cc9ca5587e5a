"""The picture of a trade-off: cycles against RAM, one panel a network. Same curve, same bytes."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from codegen.cli.profile_plot import FORMATS, styled
from codegen.cli.tuning import Tuned
from host_tools.cache import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CURVE, _MARK, _CHOSEN = "#4477aa", "#cc6677", "#117733"
_MARKERS = ("x", "+", "1", "2", "3", "4")
_PANEL = (5.0, 3.8)  # inches
_KILOBYTE = 1024


def draw_curves(curves: Sequence[Tuned], path: Path) -> None:
    """Draws trade-off curves beside each other.

    Args:
        curves: at least one.
        path: .svg or .png; see `profile_plot.check_plot`.
    """
    suffix = path.suffix.lower()
    content = io.BytesIO()
    with styled():
        make_curves(curves).savefig(content, format=suffix[1:], metadata=FORMATS[suffix])
    write_atomically(path, content.getvalue())


def make_curves(curves: Sequence[Tuned]) -> Figure:
    """The picture before it is drawn."""
    from matplotlib.figure import Figure

    width, height = _PANEL
    figure = Figure(figsize=(width * len(curves), height), layout="constrained")
    for index, tuned in enumerate(curves):
        _draw(figure.add_subplot(1, len(curves), index + 1), tuned)
    return figure


def _draw(axes: Axes, tuned: Tuned) -> None:
    from matplotlib.ticker import EngFormatter

    ram = [point.ram_bytes / _KILOBYTE for point in tuned.points]
    cost = [point.cost for point in tuned.points]
    axes.step(ram, cost, where="pre", color=_CURVE, linewidth=1.2, zorder=2)
    axes.scatter(ram, cost, s=18, color=_CURVE, label="nothing is better in both", zorder=3)
    for mark, marker in zip(tuned.plans, _MARKERS, strict=False):
        place = [mark.ram_bytes / _KILOBYTE], [mark.cost]
        axes.scatter(*place, marker=marker, color=_MARK, label=f"plan {mark.name}", zorder=4)
    chosen = tuned.chosen
    axes.scatter(
        [chosen.ram_bytes / _KILOBYTE],
        [chosen.cost],
        s=70,
        facecolors="none",
        edgecolors=_CHOSEN,
        label="the schedule",
        zorder=5,
    )
    axes.set_title(f"{tuned.name} on {tuned.target}")
    axes.set_xlabel("RAM, KiB: arena, input, variables, stack")
    axes.set_ylabel(tuned.unit)
    axes.yaxis.set_major_formatter(EngFormatter(sep=" "))
    axes.grid(zorder=0)
    axes.legend(fontsize=7)
