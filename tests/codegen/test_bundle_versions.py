"""Pseudonyms and versions: kept, rising only with what is in a bundle, never silently lost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from codegen.bundle import HIGHEST_VERSION, Bundle, Record
from codegen.bundle_versions import issued
from codegen.errors import HvError
from codegen.store import bundle_file

DRAFT = Bundle(abi=bytes(32), threshold=5, records=(Record(tag=b"TENS", payload=bytes(16)),))


def _with(payload: bytes) -> Bundle:
    return dataclasses.replace(DRAFT, records=(Record(tag=b"TENS", payload=payload),))


def test_the_same_content_is_the_same_bundle_and_another_is_one_higher(tmp_path: Path) -> None:
    first = issued(tmp_path, "alice", DRAFT)
    assert (first.version, len(first.user_id)) == (1, 16)
    assert issued(tmp_path, "alice", DRAFT) == first
    second = issued(tmp_path, "alice", _with(b"x" * 16))
    assert (second.version, second.user_id) == (2, first.user_id)
    back = issued(tmp_path, "alice", DRAFT)
    assert back.version == 3  # a device that has version 2 takes it
    other = issued(tmp_path, "bob", DRAFT)
    assert other.version == 1
    assert other.user_id != first.user_id


def test_the_pseudonym_says_nothing_of_the_person(tmp_path: Path) -> None:
    stores = [tmp_path / name for name in "12"]
    for store in stores:
        store.mkdir()
    one, two = (issued(store, "alice", DRAFT) for store in stores)
    assert one.user_id != two.user_id


def test_a_wanted_version_counts_from_then_on(tmp_path: Path) -> None:
    assert issued(tmp_path, "alice", DRAFT, 40).version == 40
    assert issued(tmp_path, "alice", DRAFT).version == 40
    assert issued(tmp_path, "alice", _with(b"y")).version == 41
    assert issued(tmp_path, "alice", DRAFT, HIGHEST_VERSION).version == HIGHEST_VERSION
    with pytest.raises(HvError, match="no higher version"):
        issued(tmp_path, "alice", _with(b"z"))


def test_a_wanted_version_below_the_last_takes_nothing_back(tmp_path: Path) -> None:
    first = issued(tmp_path, "alice", DRAFT, 40)
    old = issued(tmp_path, "alice", _with(b"x"), 7)
    assert (old.version, old.user_id) == (7, first.user_id)
    assert issued(tmp_path, "alice", _with(b"y")).version == 41


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{}",
        json.dumps({"user_id": "00", "version": 1, "content": ""}),
        json.dumps({"user_id": "00" * 16, "version": -1, "content": ""}),
        json.dumps({"user_id": "00" * 16, "version": 2**32, "content": ""}),
    ],
)
def test_a_damaged_file_is_told_and_left(tmp_path: Path, content: str) -> None:
    file = bundle_file(tmp_path, "alice")
    file.write_text(content)
    with pytest.raises(HvError, match="cannot be read") as caught:
        issued(tmp_path, "alice", DRAFT)
    assert caught.value.where == str(file)
    assert file.read_text() == content
