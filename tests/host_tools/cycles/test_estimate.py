from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from assembly import ORIGIN, assembled, once

from codegen.errors import HvError
from codegen.targets import TARGETS
from host_tools.cycles.estimate import Count, count_instructions, estimate
from host_tools.cycles.instructions import Kind
from host_tools.cycles.timings import CORES, find_core
from host_tools.emulators.base import BlockCount
from tests.host_tools.cycles.published import PUBLISHED, Published, assembly

STATED_ERROR = 0.05  # timings.py, of straight code


def _cycles(folder: Path, text: str, target: str, *, taken: bool = False) -> tuple[float, float]:
    """At zero wait states, and the other end."""
    core = "cortex-m3" if target == "cortex-m3" else "cortex-m4"
    code = assembled(folder, f"{text}\n.global end\nend:\n", core)
    size_bytes = _size_bytes(folder)
    found = estimate(CORES[target], code, once(code, size_bytes, taken=taken), flash_loads=0)
    return found.zero_wait, found.pessimistic


def _size_bytes(folder: Path) -> int:
    from host_tools.sizes import read_addresses

    return read_addresses(folder / "code.elf", ("end",))["end"] - ORIGIN


# What the Technical Reference Manuals of the Cortex-M3 and M4 say in "Load/store timings": the
# cycles of these kinds of sequences.
_OF_THE_MANUAL = [
    ("ldr r4, [r1]\nldr r5, [r2]", 3),
    ("ldr r4, [r1, r2]\nstr r4, [r3, #20]", 3),
    ("ldr r4, [r1, r2]\nstr r5, [r3, r2]", 3),
    ("ldr r4, [r1, r6]\nldr r5, [r2]\nldr r7, [r3, #4]", 4),
    ("stm r1, {r2-r9}", 9),
    ("ldrd r4, r5, [r1]", 3),
]


@pytest.mark.parametrize("target", ["cortex-m3", "cortex-m4"])
@pytest.mark.parametrize(("text", "cycles"), _OF_THE_MANUAL)
def test_the_manual_s_examples(tmp_path: Path, text: str, cycles: int, target: str) -> None:
    assert _cycles(tmp_path, text, target)[0] == cycles


@pytest.mark.parametrize("target", ["cortex-m3", "cortex-m4"])
@pytest.mark.parametrize("published", PUBLISHED, ids=lambda published: published.name)
def test_published_cycles_of_hardware(tmp_path: Path, published: Published, target: str) -> None:
    found, _ = _cycles(tmp_path, assembly(published.parts), target, taken=True)
    found += CORES[target].zero_wait.call  # the call is taken, too
    assert abs(found / published.cycles[target] - 1) < STATED_ERROR


# Two cores whose tables differ in what matters: (instructions, Cortex-M0, Cortex-M0+).
_SMALL_CORES = [
    ("ldr r0, [r1]\nldr r2, [r3]", 4, 4),
    ("str r0, [r1]", 2, 2),
    ("muls r0, r1", 1, 1),
    ("pop {r4, r5, pc}", 3 + 4, 3 + 3),
    ("bx lr", 3, 2),
    ("b .", 3, 2),
    ("bl .", 4, 3),
]


@pytest.mark.parametrize(("text", "m0", "m0plus"), _SMALL_CORES)
def test_small_cores(tmp_path: Path, text: str, m0: int, m0plus: int) -> None:
    taken = text[0] in "bp"
    for target, cycles in (("cortex-m0", m0), ("cortex-m0plus", m0plus)):
        assert _cycles(tmp_path, text, target, taken=taken)[0] == cycles


@pytest.mark.parametrize(
    ("text", "m3", "m4"),
    [
        ("mla r0, r1, r2, r3", 2, 1),
        ("umull r0, r1, r2, r3", 4, 1),
        ("smlal r0, r1, r2, r3", 4, 1),
        ("sdiv r0, r1, r2", 7, 7),
        ("ldr r0, [r1]\nldr r2, [r0]", 4, 4),  # the second one's address is the first one's result
        ("ldr r0, [r1]\nldr r2, [r3, r0]", 4, 4),
        ("it eq\nmoveq r0, r1", 2, 2),
        ("mrs r0, ipsr", 2, 2),
        ("dsb", 3, 3),
        ("tbb [pc, r0]", 4, 4),
        ("mov pc, lr", 3, 3),
        ("ldr pc, [r0]", 4, 4),
        ("ldm r0!, {r4, r5, pc}", 6, 6),
    ],
)
def test_kinds_of_instructions(tmp_path: Path, text: str, m3: int, m4: int) -> None:
    taken = "pc" in text
    assert _cycles(tmp_path, text, "cortex-m3", taken=taken)[0] == m3
    assert _cycles(tmp_path, text, "cortex-m4", taken=taken)[0] == m4


@pytest.mark.parametrize(
    "text",
    ["smlad r0, r1, r2, r3", "smmlar r0, r1, r2, r3", "ssat r0, #8, r1", "sxtab16 r0, r1, r2"],
)
def test_the_dsp_s_instructions_take_one_cycle(tmp_path: Path, text: str) -> None:
    assert _cycles(tmp_path, text, "cortex-m4")[0] == 1


def test_a_branch_into_two_words_takes_one_more(tmp_path: Path) -> None:
    straddling = "b 1f\n.balign 4\nnop\n1: add.w r8, r9, r10"
    code = assembled(tmp_path, straddling)
    branch = code.between(ORIGIN, ORIGIN + 2)[0]
    assert branch.target == ORIGIN + 6
    counts = (Count(instruction=branch, executions=10, taken=10),)
    assert estimate(CORES["cortex-m4"], code, counts, 0).zero_wait == 10 * 3


def test_the_other_end_of_the_range(tmp_path: Path) -> None:
    """Loads that do not overlap, a taken branch of 1 + 3, 32 bytes of flash, 7 loads from it."""
    code = assembled(tmp_path, "ldr r0, [r1]\nldr r2, [r3]\n" + "nop\n" * 13 + "bx lr")
    counts = once(code, 32, taken=True)
    found = estimate(CORES["cortex-m4"], code, counts, flash_loads=7)
    assert found.zero_wait == 3 + 13 + 3
    assert found.pessimistic == 4 + 13 + 4 + 5 * (32 / 16 + 1 + 7)


def test_loads_overlap_only_where_one_follows_the_other(tmp_path: Path) -> None:
    """Of 100 times the second load, 40 were jumped to."""
    code = assembled(tmp_path, "ldr r0, [r1]\nldr r2, [r3]")
    first, second = code.between(ORIGIN, ORIGIN + 4)
    counts = (
        Count(instruction=first, executions=60, taken=0),
        Count(instruction=second, executions=100, taken=0),
    )
    assert estimate(CORES["cortex-m4"], code, counts, 0).zero_wait == 2 * 160 - 60


def test_overlapping_blocks_add_up(tmp_path: Path) -> None:
    code = assembled(tmp_path, "nop\nnop\nbx lr")
    whole = BlockCount(
        start=ORIGIN, end=ORIGIN + 6, layer="a", instructions=3, executions=3, taken=3
    )
    tail = BlockCount(
        start=ORIGIN + 2, end=ORIGIN + 6, layer="b", instructions=2, executions=10, taken=9
    )
    found = count_instructions(code, [whole, tail])
    assert [(count.executions, count.taken) for count in found] == [(3, 0), (13, 0), (13, 12)]


def test_what_capstone_does_not_know_is_told(tmp_path: Path) -> None:
    code = assembled(tmp_path, "nop\n.hword 0xffff, 0xffff")
    with pytest.raises(HvError, match="not known to capstone") as caught:
        code.between(ORIGIN, ORIGIN + 6)
    assert caught.value.where.endswith("address 0x8002")
    with pytest.raises(HvError, match="no code lies there"):
        code.between(0x100, 0x102)


def test_every_target_is_known_or_without_timings() -> None:
    without = {target.name for target in TARGETS if find_core(target.name) is None}
    assert {"cortex-m7"} <= without
    assert not {"cortex-m0", "cortex-m3", "cortex-m4", "cortex-m33"} & without


def test_only_compared_cores_state_an_error() -> None:
    assert {name for name, core in CORES.items() if core.error} == {"cortex-m3", "cortex-m4"}


@pytest.mark.parametrize("core", CORES.values(), ids=CORES.keys())
def test_the_pessimistic_end_is_never_the_faster_one(core) -> None:  # noqa: ANN001
    fast, slow = dataclasses.asdict(core.zero_wait), dataclasses.asdict(core.pessimistic)
    assert slow.pop("pairs_loads") is False
    slow["branch"] += slow.pop("straddling")
    fast["branch"] += fast.pop("straddling")
    assert all(slow[name] >= fast[name] for name in slow)


def test_every_kind_of_the_decoder_is_met(tmp_path: Path) -> None:
    """By a list that would have to grow with the decoder."""
    text = """
        nop; ldr r0, [r1]; str r0, [r1]; push {r4}; b 1f; bl 1f; bx lr; tbb [pc, r0]
        mla r0, r1, r2, r3; smull r0, r1, r2, r3; udiv r0, r1, r2; mrs r0, ipsr; dmb
        .fpu fpv4-sp-d16
        vfma.f32 s0, s1, s2; vsqrt.f32 s0, s1
        1: nop"""
    code = assembled(tmp_path, f"{text}\n.global end\nend:\n")
    kinds = {one.kind for one in code.between(ORIGIN, ORIGIN + _size_bytes(tmp_path))}
    assert kinds == set(Kind)
