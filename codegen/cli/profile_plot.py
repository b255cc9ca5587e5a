"""The picture of a profile: what each layer costs, and who lives where in the arena, when.

Same profile, same bytes: matplotlib's own font, no date, and no setting of this machine's.
"""

from __future__ import annotations

import importlib.util
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codegen.cli.profiling import Measured, cycles_per_mac
from codegen.errors import HvError, ProgramMissing
from codegen.plan import SCRATCH, Buffer
from host_tools.cache import write_atomically
from host_tools.profile import LayerCost

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = {".svg": {"Date": None, "Creator": None}, ".png": {"Software": None}}
"""By suffix, what would otherwise tell the time or the version."""

_STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#9aa3ad",
    "axes.labelcolor": "#3d4650",
    "text.color": "#22282e",
    "xtick.color": "#3d4650",
    "ytick.color": "#3d4650",
    "grid.color": "#e3e7eb",
    "legend.frameon": False,
    "svg.hashsalt": "hvcodegen",
    "savefig.dpi": 150,
}
# Paul Tol's "muted" colours, which people with any colour vision tell apart
_COLOURS = ("#4477aa", "#44aa99", "#ddcc77", "#cc6677", "#88ccee", "#aa4499", "#999933", "#117733")
_DARK = frozenset({"#4477aa", "#aa4499", "#117733", "#cc6677"})
_SCRATCH_COLOUR = "#c8ced4"
_INPUT_COLOUR = "#eef1f4"

_INCH = 72.0  # points
_WIDTH = 10.0  # inches, at least
_STEP_WIDTH = 0.28  # of a layer in the memory's picture
_STEPS_IN_A_ROW = 8
_NAME_WIDTH = 0.075  # of a character
_BAR_HEIGHT = 0.24
_MEMORY_HEIGHT = 4.2
_LABEL_SIZE = 7.0  # points
_CHARACTER_WIDTH = 0.66 * _LABEL_SIZE  # of the widest usual ones
_KILOBYTE = 1024


def check_plot(path: Path) -> None:
    """Returns when a picture can be drawn into this file.

    Raises:
        HvError: its suffix is that of no known format, or its folder is not there.
        ProgramMissing: matplotlib is not installed.
    """
    if path.suffix.lower() not in FORMATS:
        raise HvError(
            f"no picture can be drawn as {path.suffix or 'a file without suffix'}",
            where=str(path),
            hint=f"choose one of {', '.join(FORMATS)}",
        )
    if not path.parent.is_dir():
        raise HvError("there is no such folder", where=str(path.parent), hint="make it first")
    if importlib.util.find_spec("matplotlib") is None:
        raise ProgramMissing(
            "the package matplotlib is not installed", hint="pip install 'hvcodegen[plot]'"
        )


def draw(measured: Measured, name: str, path: Path) -> None:
    """Draws a profile.

    Args:
        measured: what to draw.
        name: whose it is, for the title.
        path: .svg or .png; see `check_plot`.
    """
    suffix = path.suffix.lower()
    content = io.BytesIO()
    with styled():
        figure = make_figure(measured, name)
        figure.savefig(content, format=suffix[1:], metadata=FORMATS[suffix])
    write_atomically(path, content.getvalue())


@contextmanager
def styled() -> Iterator[None]:
    """While figures are made and drawn: our style, and nothing of this machine's."""
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        settings: Any = matplotlib.rcParams  # typed by 300 names, one by one
        settings.update(_STYLE)
        yield


def make_figure(measured: Measured, name: str) -> Figure:
    """The picture before it is drawn: costs above, memory below."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layers = [layer for layer in measured.profile.layers if layer.cost.instructions]
    steps = len(measured.profile.layers)
    names = _NAME_WIDTH * max(len(layer.name) for layer in measured.profile.layers)
    width = max(_WIDTH, _STEP_WIDTH * steps) + names
    bars = 0.9 + _BAR_HEIGHT * len(layers)
    height = bars + _MEMORY_HEIGHT + 1.0 + (names if _is_upright(steps) else 0.0)
    layout = ConstrainedLayoutEngine(wspace=0.04)
    figure = Figure(figsize=(width, height), layout=layout)
    figure.suptitle(
        f"{name} on {measured.target}", fontsize=12, fontweight="bold", x=0.01, ha="left"
    )
    memory = height - bars - 1.0
    grid = figure.add_gridspec(2, 2, height_ratios=(bars, memory), width_ratios=(2, 1))
    colours = _colours(measured.profile.layers)
    _draw_costs(figure.add_subplot(grid[0, 0]), layers, colours, measured)
    _draw_ratios(figure.add_subplot(grid[0, 1]), layers, colours)
    _draw_memory(figure.add_subplot(grid[1, :]), measured, colours, width - names)
    _legend(figure, colours)
    return figure


def _is_upright(steps: int) -> bool:
    """Whether there are too many layers to write their names from left to right."""
    return steps > _STEPS_IN_A_ROW


def _colours(layers: Sequence[LayerCost]) -> dict[str, str]:
    """By operator, in the order they first run."""
    kinds = list(dict.fromkeys(layer.op for layer in layers if layer.cost.instructions))
    return {kind: _COLOURS[index % len(_COLOURS)] for index, kind in enumerate(kinds)}


def _draw_costs(
    axes: Axes, layers: Sequence[LayerCost], colours: dict[str, str], measured: Measured
) -> None:
    from matplotlib.ticker import EngFormatter

    total = measured.profile.total
    if total.cycles is not None:
        values = [layer.cost.cycles.zero_wait if layer.cost.cycles else 0.0 for layer in layers]
        title = f"Cycles at zero wait states, {total.cycles.zero_wait:,.0f} in all"
    else:
        values = [float(layer.cost.instructions) for layer in layers]
        title = f"Instructions, {total.instructions:,} in all"
    bars = _bars(axes, layers, values, colours, title)
    axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3, fontsize=_LABEL_SIZE)
    axes.set_xlim(0, max(values) * 1.16)
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))


def _draw_ratios(axes: Axes, layers: Sequence[LayerCost], colours: dict[str, str]) -> None:
    estimated = any(layer.cost.cycles for layer in layers)
    if estimated:
        values = [layer.cost.cycles_per_mac or 0.0 for layer in layers]
        texts = [cycles_per_mac(layer.cost) for layer in layers]
    else:
        values = [
            layer.cost.instructions / layer.cost.macs if layer.cost.macs else 0.0
            for layer in layers
        ]
        texts = [f"{value:.2f}" if value else "-" for value in values]
    unit = "Cycles" if estimated else "Instructions"
    bars = _bars(axes, layers, values, colours, f"{unit} for each MAC")
    axes.bar_label(bars, texts, padding=3, fontsize=_LABEL_SIZE)
    axes.set_xlim(0, (max(values) or 1.0) * 1.2)
    axes.set_yticklabels([])


def _bars(
    axes: Axes,
    layers: Sequence[LayerCost],
    values: Sequence[float],
    colours: dict[str, str],
    title: str,
) -> Any:  # noqa: ANN401 - matplotlib's container of bars
    places = range(len(layers))
    bars = axes.barh(
        places, values, height=0.72, color=[colours[layer.op] for layer in layers], zorder=2
    )
    axes.set_yticks(places, [layer.name for layer in layers])
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", zorder=0)
    axes.set_title(title)
    return bars


def _draw_memory(axes: Axes, measured: Measured, colours: dict[str, str], width: float) -> None:
    plan, ram = measured.plan, measured.profile.ram
    layers = measured.profile.layers
    steps = len(layers)
    top = plan.arena_bytes + ram.input
    kinds = {layer.name: layer.op for layer in layers}
    step_points = (width - 0.8) * _INCH / steps
    byte_points = (_MEMORY_HEIGHT - 1.0) * _INCH / top
    given = Buffer(
        name="input",
        size_bytes=ram.input,
        first=0,
        last=steps - 1,
        offset_bytes=plan.arena_bytes,
    )
    for buffer in (*plan.buffers, given):
        layer = buffer.name.removesuffix(SCRATCH)
        colour = colours.get(kinds.get(layer, ""), _INPUT_COLOUR)
        if buffer.name.endswith(SCRATCH):
            colour = _SCRATCH_COLOUR
        _draw_buffer(axes, buffer, colour, steps, (step_points, byte_points))
    axes.axhline(plan.arena_bytes, color="#3d4650", linewidth=0.8, zorder=4)
    axes.set_title(
        f"Memory: arena {plan.arena_bytes:,} bytes; above it the caller's input, {ram.input:,}"
    )
    axes.set_xlim(0, steps)
    axes.set_ylim(0, top)
    axes.set_xticks(
        [step + 0.5 for step in range(steps)],
        [layer.name for layer in layers],
        rotation=90 if _is_upright(steps) else 0,
    )
    axes.tick_params(axis="x", length=0)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value / _KILOBYTE:g} KiB")
    axes.yaxis.set_major_locator(_kilobytes(top))


def _draw_buffer(
    axes: Axes, buffer: Buffer, colour: str, steps: int, points: tuple[float, float]
) -> None:
    """`points`: how wide a step and how high a byte is drawn."""
    from matplotlib.patches import Rectangle

    last = min(buffer.last, steps - 1)  # outputs are alive behind the last step, for the caller
    length = last - buffer.first + 1
    axes.add_patch(
        Rectangle(
            (buffer.first, buffer.offset_bytes),
            length,
            buffer.size_bytes,
            facecolor=colour,
            edgecolor="white",
            linewidth=0.8,
            zorder=3,
        )
    )
    label = buffer.name.replace(SCRATCH, " scratch")
    fits = (
        len(label) * _CHARACTER_WIDTH <= length * points[0]
        and buffer.size_bytes * points[1] >= 1.3 * _LABEL_SIZE
    )
    if fits:
        axes.text(
            buffer.first + length / 2,
            buffer.offset_bytes + buffer.size_bytes / 2,
            label,
            ha="center",
            va="center",
            fontsize=_LABEL_SIZE,
            color="white" if colour in _DARK else _STYLE["text.color"],
            zorder=5,
        )


def _kilobytes(top: int) -> Any:  # noqa: ANN401 - matplotlib's locator
    """Marks at round numbers of KiB, eight at most."""
    from matplotlib.ticker import MultipleLocator

    step = 1
    while top / (step * _KILOBYTE) > 8:
        step *= 2
    return MultipleLocator(step * _KILOBYTE)


def _legend(figure: Figure, colours: dict[str, str]) -> None:
    from matplotlib.patches import Patch

    patches = [
        *(Patch(facecolor=colour, label=kind) for kind, colour in colours.items()),
        Patch(facecolor=_SCRATCH_COLOUR, label="scratch"),
    ]
    figure.legend(
        handles=patches, loc="outside lower center", ncols=min(len(patches), 8), fontsize=8
    )
