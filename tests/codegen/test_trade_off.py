"""The front and the choice against every combination there is."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import HvError
from codegen.nets import Architecture
from codegen.plan import plan_memory
from codegen.schedule import candidates, with_kernels
from codegen.targets import find_target
from codegen.trade_off import Besides, Bounds, Measurements, Option, Point, choose, front, search
from tests.architectures import IMAGE_SCALE
from tests.networks import quant_net

M4 = find_target("cortex-m4")
BESIDES = Besides(cost=100, flash_bytes=200, ram_bytes=16, output_bytes=12, stack_bytes=24)
ENDLESS = Bounds(flash_bytes=2**30, ram_bytes=2**30)
CONV = {"op": "conv2d", "kernel": [3, 3], "stride": [1, 1], "padding": [1, 1, 1, 1]}
NET = quant_net(
    Architecture.from_json(
        {
            "name": "tall",
            "image": {"height": 8, "width": 8, "channels": 4, "scale": IMAGE_SCALE},
            "layers": [
                {"name": "a", "inputs": ["image"], "channels": 4, **CONV},
                {"name": "b", "inputs": ["a"], "channels": 8, **CONV},
                {"name": "c", "inputs": ["b"], "channels": 4, **CONV},
                {"name": "flat", "op": "flatten", "inputs": ["c"]},
                {
                    "name": "head",
                    "op": "dense",
                    "inputs": ["flat"],
                    "channels": 1,
                    "output": "int32",
                },
                {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
            ],
            "personal": ["head.*", "decision.*"],
        }
    )
)
KERNELS = {layer.name: candidates(layer, M4)[:3] for layer in NET.layers}
COUNT = sum(len(kernels) for kernels in KERNELS.values())
FIGURES = st.tuples(
    st.integers(1, 9),  # cost
    st.integers(1, 9).map(lambda n: 100 * n),  # code
    st.sampled_from((frozenset(), frozenset({("f", 300)}), frozenset({("f", 300), ("g", 50)}))),
    st.sampled_from((16, 40, 96)),  # stack
)


@st.composite
def measurements(draw: st.DrawFn) -> Measurements:
    figures = iter(draw(st.lists(FIGURES, min_size=COUNT, max_size=COUNT)))
    options = {
        layer.name: tuple(_option(layer.name, index, *next(figures)) for index in range(count))
        for layer in NET.layers
        for count in [len(KERNELS[layer.name])]
    }
    return Measurements(net=NET, target=M4, options=options, besides=BESIDES)


def _option(
    name: str, index: int, cost: int, code: int, shared: frozenset[tuple[str, int]], stack: int
) -> Option:
    layer, kernel = next(x for x in NET.layers if x.name == name), KERNELS[name][index]
    return Option(
        kernel=kernel,
        cost=cost,
        code_bytes=code,
        weight_bytes=sum(spec.size_bytes for spec in kernel.stored_specs(layer).values()),
        shared=shared,
        stack_bytes=stack,
    )


def _every(measured: Measurements) -> list[tuple[int, int, int, int]]:
    """Cost, arena, RAM and code of all combinations, from their meaning."""
    found = []
    for chosen in itertools.product(*measured.options.values()):
        kernels = {n: o.kernel for n, o in zip(measured.options, chosen, strict=True)}
        arena = plan_memory(with_kernels(NET, M4, kernels)).arena_bytes
        shared = {function for option in chosen for function in option.shared}
        code = sum(o.code_bytes + o.weight_bytes for o in chosen) + sum(s for _, s in shared)
        stack = max(24, *(option.stack_bytes for option in chosen))
        cost = 100 + sum(option.cost for option in chosen)
        found.append((cost, arena, arena + stack + 16, code))
    return found


def _figures(points: Sequence[Point]) -> list[tuple[int, int]]:
    return [(point.cost, point.ram_bytes) for point in points]


@settings(max_examples=15, deadline=None)
@given(measurements())
def test_no_combination_beats_the_front(measured: Measurements) -> None:
    every = _every(measured)
    points = search(measured, ENDLESS)
    best = _figures(front(points))
    unbeaten = {
        (cost, ram)
        for cost, _, ram, _ in every
        if not any((c <= cost and r < ram) or (c < cost and r <= ram) for c, _, r, _ in every)
    }
    assert set(best) == unbeaten
    assert best == sorted(best)
    smallest = choose(measured, ENDLESS, "ram", points)
    assert (smallest.arena_bytes, smallest.cost) == min((a, c) for c, a, _, _ in every)
    least = choose(measured, ENDLESS, "flash", points)
    code = sum(o.code_bytes + o.weight_bytes for o in least.chosen)
    code += sum(s for _, s in {f for o in least.chosen for f in o.shared})
    assert (code, least.cost) == min((f, c) for c, _, _, f in every)


@settings(max_examples=15, deadline=None)
@given(measurements(), st.floats(0, 1))
def test_limits_are_kept(measured: Measurements, share: float) -> None:
    sizes = sorted(point.flash_bytes for point in search(measured, ENDLESS))
    least = choose(measured, ENDLESS, "flash", search(measured, ENDLESS)).flash_bytes
    room = least + 64 + int(share * (sizes[-1] - least))
    bounds = Bounds(flash_bytes=room, ram_bytes=2**30)
    chosen = choose(measured, bounds, "cycles", search(measured, bounds))
    assert chosen.flash_bytes <= room
    # weights are padded in their structs, which `_every` leaves out
    fitting = [cost for cost, _, _, code in _every(measured) if code + 200 + 64 <= room]
    assert chosen.cost <= min(fitting, default=chosen.cost)


@given(measurements())
@settings(max_examples=3, deadline=None)
def test_nothing_fits(measured: Measurements) -> None:
    with pytest.raises(HvError, match="no schedule fits 10 bytes of flash and 10 of RAM"):
        search(measured, Bounds(flash_bytes=10, ram_bytes=10))
