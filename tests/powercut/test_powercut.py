"""Power is cut at every flash operation of a life, and at every one of each recovery."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.powercut.simulation import GEOMETRIES, RUNTIME, Counts, build, simulate


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("powercut"))


def _check(counts: Counts) -> None:
    assert counts.failures == 0, counts.said
    assert counts.operations > 250
    assert counts.cuts >= counts.operations
    assert counts.nested[0] > 200


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_always_the_old_or_the_new(program: Path, geometry: str) -> None:
    _check(simulate(program, geometry, patterns=1, depth=2))


def test_three_cuts_in_a_row(program: Path) -> None:
    counts = simulate(program, "two-slots", patterns=1, depth=3, seed=3)
    _check(counts)
    assert counts.nested[1] > 1000


def test_every_flipped_bit(program: Path) -> None:
    """One in the journal is repaired; one in a person's bytes costs that person alone."""
    counts = simulate(program, "f405", patterns=1, depth=1, flips=True)
    assert counts.failures == 0, counts.said
    assert counts.flips == 8 * (2 * 2048 + 2 * 1024)
    assert 0 < counts.damaged < 8 * 2 * 1024


def test_without_undefined_behaviour(tmp_path: Path) -> None:
    sanitised = build(tmp_path, None, "-g", "-fsanitize=address,undefined")
    for geometry in ("two-slots", "rp2040"):
        counts = simulate(sanitised, geometry, patterns=1, depth=1)
        assert counts.failures == 0, counts.said


# name, file, what stands there, what a careless person would have written, geometry, flips
FAULTS = (
    (
        "erases the old area before the record that moves its people",
        "hv_areas.c",
        "    if (status == HV_OK) {\n        status = copy_people(slots, from, to);\n    }\n",
        "    if (status == HV_OK) {\n        status = copy_people(slots, from, to);\n    }\n"
        "    if (status == HV_OK) {\n        status = hv_areas_erase(slots, from);\n    }\n",
        "rp2040",
        False,
    ),
    (
        "commits whatever the judge says",
        "hv_slots.c",
        "    if (status == HV_OK) {\n        status = may_enter(slots, &identity);\n    }\n",
        "    status = may_enter(slots, &identity);\n",
        "two-slots",
        False,
    ),
    (
        "believes records without their CRC",
        "hv_stored.c",
        "    if (hv_crc32(0, bytes, AT_CRC) != read_u32(&bytes[AT_CRC])) {\n",
        "    if (bytes[AT_KIND] == HV_FLASH_ERASED) {\n",
        "two-slots",
        False,
    ),
    (
        "says that a slot is taken only afterwards",
        "hv_areas.c",
        "    return say_taken(slots, area, slots->taken[area] + 1u);\n",
        "    slots->taken[area] += 1u;\n    return HV_OK;\n",
        "f405-bytes",
        False,
    ),
    (
        "does not write an unfinished entry again",
        "hv_journal.c",
        "    if (!replay.settled) {\n",
        "    if (!replay.any) {\n",
        "two-slots",
        False,
    ),
    (
        "seals a half before it is filled",
        "hv_journal.c",
        "        status = journal->snapshot(journal->owner, &fresh);\n    }\n"
        "    if (status == HV_OK) {\n        status = hv_journal_put(&fresh, &seal);\n",
        "        status = hv_journal_put(&fresh, &seal);\n    }\n"
        "    if (status == HV_OK) {\n        status = journal->snapshot(journal->owner, &fresh);\n",
        "f405",
        False,
    ),
    (
        "lets a removed person's bundle in again",
        "hv_slots.c",
        "known.number : (known.number + 1u)",
        "known.number : known.number",
        "two-slots",
        False,
    ),
    (
        "leaves a removed person's weights in flash",
        "hv_slots.c",
        "scrubbed ? HV_OK : hv_areas_scrub(slots)",
        "scrubbed ? hv_areas_scrub(slots) : HV_OK",
        "two-slots",
        False,
    ),
    (
        "uses a person without looking",
        "hv_slots.c",
        "(hv_crc32(0, person->bundle, person->size_bytes) == record.crc)",
        "(person->bundle != NULL)",
        "two-slots",
        True,
    ),
)


@pytest.mark.parametrize(
    ("name", "file", "right", "wrong", "geometry", "flips"),
    FAULTS,
    ids=[fault[0].replace(" ", "-") for fault in FAULTS],
)
def test_a_planted_fault_is_found(
    name: str, file: str, right: str, wrong: str, geometry: str, flips: bool, tmp_path: Path
) -> None:
    text = (RUNTIME / file).read_text()
    assert text.count(right) == 1, f"{name}: the place of the fault has changed"
    faulty = build(tmp_path, {file: text.replace(right, wrong)})
    counts = simulate(
        faulty,
        geometry,
        patterns=1 if flips else 3,
        depth=1 if flips else 2,
        flips=flips,
        limit_s=300,
    )
    assert counts.failures > 0, name
