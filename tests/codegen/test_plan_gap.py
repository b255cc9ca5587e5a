"""The stated gap of memory plans, on the first of the networks that the command compares."""

from __future__ import annotations

import pytest

from codegen.lifetimes import Buffer
from codegen.plan import check_plan, plan_memory
from codegen.scheduled_net import portable
from tests.codegen.plan_gap import Comparison, compare, main, of_network, proofs, rows
from tests.codegen.random_graphs import PARTS, random_net

NETWORKS = 100


@pytest.fixture(scope="module")
def networks() -> list[Comparison]:
    return [compare(of_network(seed), seed) for seed in range(NETWORKS)]


def test_every_plan_is_valid_and_as_small_as_the_bound(networks: list[Comparison]) -> None:
    """The README says: 1,000 of 1,000."""
    for seed, found in enumerate(networks):
        plan = plan_memory(portable(random_net(seed)))
        check_plan(plan)
        assert plan.arena_bytes == found.planned == found.bound, seed


def test_never_worse_than_largest_first_and_often_better(networks: list[Comparison]) -> None:
    assert all(found.planned <= found.largest_first for found in networks)
    assert sum(found.planned < found.largest_first for found in networks) > NETWORKS / 10


def test_the_networks_are_of_all_kinds(networks: list[Comparison]) -> None:
    layers = [layer for seed in range(NETWORKS) for layer in random_net(seed).layers]
    kinds = {layer.op.kind for layer in layers}
    assert {"conv2d", "depthwise", "add", "mul", "concat", "lookup", "resize", "reshape"} <= kinds
    sizes = [len(found.buffers) for found in networks]
    assert min(sizes) < 15
    assert max(sizes) > 100
    assert len(PARTS) == 9
    unaligned = [b for found in networks for b in found.buffers if b.size_bytes % 16]
    assert len(unaligned) > 1000
    assert random_net(3) == random_net(3)


def test_a_network_above_its_bound_gets_a_proof() -> None:
    buffers = tuple(
        Buffer(name=f"b{i}", size_bytes=16 * height, first=first, last=last)
        for i, (height, first, last) in enumerate(((2, 0, 1), (1, 1, 2)))
    )
    found = Comparison(
        seed=5, buffers=buffers, bound=32, plain_bound=32, largest_first=64, planned=48
    )
    assert proofs([found]) == [
        "seed 5, 2 buffers: 48 bytes, bound 32, proved to need 48: optimal",
    ]
    worse = Comparison(
        seed=6, buffers=buffers, bound=32, plain_bound=32, largest_first=64, planned=64
    )
    assert proofs([worse])[0].endswith("proved to need 48: 33.33% above it")
    assert rows("x", [found]) == [
        ("x", "largest first", "0", "100.00%", "100.00%"),
        ("x", "by the planner", "0", "50.00%", "50.00%"),
    ]


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--count", "3"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[-3:] == ["3", "0.00%", "0.00%"]
    assert lines[-2].startswith("networks have ")
