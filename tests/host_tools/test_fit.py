"""Whether a network fits: to the byte, with the layer to blame, by the limits that are given."""

from __future__ import annotations

import dataclasses

import pytest

from codegen.errors import GateBreach
from codegen.lower import Program, lower
from codegen.nets import Architecture
from codegen.plan import plan_memory
from codegen.quantise import quantise
from codegen.scheduled_net import portable
from codegen.targets import find_target
from host_tools.boards import load_board
from host_tools.fit import Limits, Memory, Needs, board_limits, check_fit, limits_of, needs_of
from tests.architectures import CONV_HEAD
from tests.networks import float_net

M4 = find_target("cortex-m4")
NEEDS = Needs(weights=1000, ram=300, largest_weights=("head", 700), largest_ram=("conv0", 200))


@pytest.fixture(scope="module")
def program() -> Program:
    net = quantise(float_net(Architecture.from_json(CONV_HEAD)))
    return lower(portable(net, M4), plan_memory(portable(net)))


def limits(flash: int, ram: int) -> Limits:
    first, second = (Memory(size_bytes=size, where="a chip") for size in (flash, ram))
    return Limits(flash=first, ram=second, hint="buy")


def sizes(found: Limits) -> tuple[int, int]:
    return found.flash.size_bytes, found.ram.size_bytes


def test_to_the_byte() -> None:
    check_fit(NEEDS, limits(1000, 300))
    with pytest.raises(GateBreach, match="flash needs at least 1,000 bytes, 1 more than") as caught:
        check_fit(NEEDS, limits(999, 300))
    assert "the largest layer is head with 700" in caught.value.what
    assert (caught.value.where, caught.value.hint) == ("a chip", "buy")
    with pytest.raises(GateBreach, match="RAM needs at least 300 bytes, 2 more than") as caught:
        check_fit(NEEDS, limits(1000, 298))
    assert "the largest layer is conv0 with 200" in caught.value.what


def test_both_are_told_at_once() -> None:
    with pytest.raises(GateBreach) as caught:
        check_fit(NEEDS, limits(1, 1))
    assert [breach.what.split()[0] for breach in caught.value.breaches] == ["flash", "RAM"]


def test_needs_are_those_of_the_program(program: Program) -> None:
    needs = needs_of(program)
    members = (*program.shared.members, *program.person.members)
    assert needs.weights == sum(member.spec.size_bytes for member in members)
    assert needs.weights <= program.shared.size_bytes + program.person.size_bytes
    assert needs.ram == program.plan.arena_bytes + program.input_bytes + program.output_bytes


def test_the_largest_layers(program: Program) -> None:
    needs = needs_of(program)
    weights: dict[str, int] = {}
    for member in (*program.shared.members, *program.person.members):
        layer = member.tensor.split(".")[0]
        weights[layer] = weights.get(layer, 0) + member.spec.size_bytes
    name, size = needs.largest_weights
    assert size == weights[name] == max(weights.values())
    steps = {step.name: step for step in program.steps}
    sizes = {step.name: step.size_bytes for step in program.steps}
    sizes["image"] = program.architecture.image.size_bytes
    around = {n: s.size_bytes + sum(sizes[i] for i in s.inputs) for n, s in steps.items()}
    name, size = needs.largest_ram
    assert size == around[name] == max(around.values())


def test_given_limits_win_over_the_board() -> None:
    board = limits_of(load_board("mps2-an386"))
    assert sizes(board_limits(M4, None, None)) == sizes(board)
    found = board_limits(M4, 12_345, None)
    assert sizes(found) == (12_345, board.ram.size_bytes)
    assert "mps2-an386" in found.ram.where
    assert "mps2" not in found.flash.where
    found = board_limits(M4, None, 99)
    assert sizes(found) == (board.flash.size_bytes, 99)
    assert "mps2-an386" in found.flash.where
    assert "mps2" not in found.ram.where
    found = board_limits(M4, 5, 6)
    assert sizes(found) == (5, 6)
    assert "mps2" not in found.flash.where + found.ram.where
    assert "--flash" in found.hint


def test_a_board_keeps_its_stack() -> None:
    board = load_board("mps2-an386")
    found = limits_of(board)
    assert found.ram.size_bytes == board.ram.budget_bytes - board.stack_bytes
    assert found.flash.size_bytes == board.flash.budget_bytes
    assert "--board" in found.hint


def test_a_target_without_a_board_has_no_limits_but_those_given() -> None:
    bare = dataclasses.replace(M4, board=None)
    check_fit(NEEDS, board_limits(bare, None, None))
    with pytest.raises(GateBreach, match="flash"):
        check_fit(NEEDS, board_limits(bare, 999, None))
