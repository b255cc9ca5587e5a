"""One step: of all that was measured, the schedules that nothing beats, and the one that is wanted.

Costs and code of a layer depend on its own kernel alone, and add up. RAM does not: it is what the
fullest step needs. So whoever wants less of it sets a bound for all steps, and takes in each layer
the fastest kernel that keeps it. The bounds that can make a difference are the needs of the single
kernels; for each of them the memory planner says what the arena takes in the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from codegen.blocks import blocks_of, first_written, loads
from codegen.errors import HvError
from codegen.kernels.base import Kernel
from codegen.layout import person_layout, shared_layout
from codegen.lifetimes import ALIGNMENT_BYTES, lifetimes
from codegen.nets import QuantNet
from codegen.plan import plan_memory
from codegen.schedule import with_kernels
from codegen.schedule_file import Objective
from codegen.scheduled_net import ScheduledNet
from codegen.targets import Target

PADDING_BYTES = 64  # most that two structs of weights have besides the weights


@dataclass(frozen=True, kw_only=True)
class Option:
    """A kernel that can compute a layer, and what was measured of it.

    Attributes:
        kernel: with its blocking.
        cost: cycles or instructions of one inference.
        code_bytes: of the layer's own functions.
        weight_bytes: of its tensors as the kernel reads them.
        shared: functions that it calls and others may call, too: name and bytes.
        stack_bytes: of the run function, as deep as this layer goes; 0 where nobody knows.
    """

    kernel: Kernel
    cost: int
    code_bytes: int
    weight_bytes: int
    shared: frozenset[tuple[str, int]]
    stack_bytes: int

    @property
    def own_bytes(self) -> int:
        """In flash, without what others call, too."""
        return self.code_bytes + self.weight_bytes


@dataclass(frozen=True, kw_only=True)
class Besides:
    """What a network needs whatever computes its layers.

    Attributes:
        cost: of calling the layers.
        flash_bytes: code that calls them, and tables.
        ram_bytes: input that does not lie in the arena, and variables.
        output_bytes: the caller's, of which the chip must have room.
        stack_bytes: where no layer goes deeper.
    """

    cost: int
    flash_bytes: int
    ram_bytes: int
    output_bytes: int
    stack_bytes: int


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """All that is known before the choice; `options` by layer, none empty."""

    net: QuantNet
    target: Target
    options: Mapping[str, tuple[Option, ...]]
    besides: Besides


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What the chip has, in bytes."""

    flash_bytes: int
    ram_bytes: int


@dataclass(frozen=True, kw_only=True)
class Point:
    """A schedule and what it needs: cost, RAM and flash as `profile` counts them."""

    chosen: tuple[Option, ...]  # in the order of the layers
    scheduled: ScheduledNet
    cost: int
    arena_bytes: int
    ram_bytes: int
    flash_bytes: int


@dataclass(frozen=True, kw_only=True)
class _Sum:
    """Some layers' options, added up."""

    chosen: tuple[int, ...] = ()
    cost: int = 0
    own_bytes: int = 0
    shared: frozenset[tuple[str, int]] = frozenset()

    @property
    def flash_bytes(self) -> int:
        return self.own_bytes + sum(size for _, size in self.shared)

    def plus(self, index: int, option: Option) -> _Sum:
        return _Sum(
            chosen=(*self.chosen, index),
            cost=self.cost + option.cost,
            own_bytes=self.own_bytes + option.own_bytes,
            shared=self.shared | option.shared,
        )


def search(measured: Measurements, bounds: Bounds) -> tuple[Point, ...]:
    """For each bound of arena and stack that makes a difference the fastest schedule that fits.

    Raises:
        HvError: none is within the bounds.
    """
    room = bounds.flash_bytes - measured.besides.flash_bytes - PADDING_BYTES
    sums = (_fastest(allowed, room) for allowed in _allowed(measured))
    points = tuple(_within(measured, bounds, sums))
    if not points:
        raise _nothing_fits(measured, bounds)
    return points


def front(points: Iterable[Point]) -> tuple[Point, ...]:
    """Those that no other beats in cost and RAM, the fastest first."""
    best: list[Point] = []
    for one in sorted(points, key=lambda p: (p.cost, p.ram_bytes, p.flash_bytes)):
        if not best or one.ram_bytes < best[-1].ram_bytes:
            best.append(one)
    return tuple(best)


def choose(
    measured: Measurements, bounds: Bounds, objective: Objective, points: Sequence[Point]
) -> Point:
    """The schedule wanted; `points` are those of `search`.

    The fewest cycles within the bounds; or the smallest arena, then cycles; or the least flash,
    then cycles. What is still equal is decided by RAM and flash.
    """
    if objective == "cycles":
        return front(points)[0]
    if objective == "ram":
        return min(points, key=lambda p: (p.arena_bytes, p.cost, p.ram_bytes, p.flash_bytes))
    sums = (_smallest(allowed) for allowed in _allowed(measured))
    found = [*_within(measured, bounds, sums), *points]
    return min(found, key=lambda p: (p.flash_bytes, p.cost, p.ram_bytes))


def _allowed(measured: Measurements) -> Iterator[tuple[Mapping[int, Option], ...]]:
    """For each bound of arena and stack that makes a difference: what keeps it, by index."""
    needs = _needs(measured)
    arenas = sorted({arena for layer in needs for arena, _ in layer})
    stacks = sorted({stack for layer in needs for _, stack in layer})
    seen = set()
    for arena, stack in product(arenas, stacks):
        allowed = tuple(
            {i: o for i, (o, need) in enumerate(zip(options, own, strict=True))
             if need[0] <= arena and need[1] <= stack}
            for options, own in zip(measured.options.values(), needs, strict=True)
        )  # fmt: skip
        key = tuple(tuple(layer) for layer in allowed)
        if all(allowed) and key not in seen:
            seen.add(key)
            yield allowed


def _needs(measured: Measurements) -> list[list[tuple[int, int]]]:
    """Of each option: bytes alive while its layer runs, which no other kernel changes; stack."""
    first = {name: options[0].kernel for name, options in measured.options.items()}
    needs = []
    for step, (name, options) in enumerate(measured.options.items()):
        own = []
        for option in options:
            kernels = {**first, name: option.kernel}
            buffers = lifetimes(with_kernels(measured.net, measured.target, kernels)).buffers
            alive = loads(blocks_of(buffers, first_written))[step] * ALIGNMENT_BYTES
            own.append((alive, option.stack_bytes))
        needs.append(own)
    return needs


def _fastest(allowed: Sequence[Mapping[int, Option]], room: int) -> _Sum | None:
    """The least cost in so much flash; None: there is not so much."""
    total = _Sum()
    for layer in allowed:
        index = min(layer, key=lambda i, of=layer: (of[i].cost, of[i].own_bytes, i))  # type: ignore[misc]
        total = total.plus(index, layer[index])
    if total.flash_bytes <= room:
        return total
    fitting = [one for one in _sums(allowed, room) if one.flash_bytes <= room]
    return min(fitting, key=lambda s: (s.cost, s.flash_bytes, s.chosen), default=None)


def _smallest(allowed: Sequence[Mapping[int, Option]]) -> _Sum:
    """The least flash."""
    every = _sums(allowed, None)
    return min(every, key=lambda s: (s.flash_bytes, s.cost, s.chosen))


def _sums(allowed: Sequence[Mapping[int, Option]], room: int | None) -> list[_Sum]:
    """All that is worth it: layer by layer, of what calls the same functions, the unbeaten."""
    sums = [_Sum()]
    for layer in allowed:
        more = (one.plus(i, option) for one in sums for i, option in layer.items())
        sums = _unbeaten(s for s in more if room is None or s.own_bytes <= room)
    return sums


def _unbeaten(sums: Iterable[_Sum]) -> list[_Sum]:
    least: dict[frozenset[tuple[str, int]], int] = {}  # bytes of those that cost less
    kept = []
    for one in sorted(sums, key=lambda s: (s.cost, s.own_bytes, s.chosen)):
        if one.shared not in least or one.own_bytes < least[one.shared]:
            least[one.shared] = one.own_bytes
            kept.append(one)
    return kept


def _within(measured: Measurements, bounds: Bounds, sums: Iterable[_Sum | None]) -> Iterator[Point]:
    """Each of them once, planned, if it is within the bounds."""
    seen = set()
    for one in sums:
        if one is None or one.chosen in seen:
            continue
        seen.add(one.chosen)
        point = _point(measured, one)
        needed = point.ram_bytes + measured.besides.output_bytes
        if needed <= bounds.ram_bytes and point.flash_bytes <= bounds.flash_bytes:
            yield point


def _point(measured: Measurements, total: _Sum) -> Point:
    chosen = tuple(
        options[index]
        for options, index in zip(measured.options.values(), total.chosen, strict=True)
    )
    kernels = dict(zip(measured.options, (option.kernel for option in chosen), strict=True))
    scheduled = with_kernels(measured.net, measured.target, kernels)
    arena_bytes = plan_memory(scheduled).arena_bytes
    besides = measured.besides
    stack_bytes = max(besides.stack_bytes, *(option.stack_bytes for option in chosen))
    code_bytes = total.flash_bytes - sum(option.weight_bytes for option in chosen)
    return Point(
        chosen=chosen,
        scheduled=scheduled,
        cost=total.cost + besides.cost,
        arena_bytes=arena_bytes,
        ram_bytes=arena_bytes + stack_bytes + besides.ram_bytes,
        flash_bytes=code_bytes + _weight_bytes(scheduled) + besides.flash_bytes,
    )


def _weight_bytes(scheduled: ScheduledNet) -> int:
    person = person_layout(scheduled).size_bytes if scheduled.net.arch.is_verifier else 0
    return shared_layout(scheduled).size_bytes + person


def _nothing_fits(measured: Measurements, bounds: Bounds) -> HvError:
    sums = [_smallest(allowed) for allowed in _allowed(measured)]
    points = [_point(measured, one) for one in sums]
    ram = min(point.ram_bytes for point in points) + measured.besides.output_bytes
    flash = min(point.flash_bytes for point in points)
    return HvError(
        f"no schedule fits {bounds.flash_bytes:,} bytes of flash and {bounds.ram_bytes:,} of RAM: "
        f"the least are {flash:,} and {ram:,}, not of one schedule perhaps",
        hint="take a smaller network, or say with --flash and --ram what your chip has",
    )
