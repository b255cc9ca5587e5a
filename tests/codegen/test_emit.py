"""Emission: the same bytes always, all of a folder or nothing, one kernel for all persons."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from codegen.bundle import TAG_ANSWER, TAG_TENSORS, read_bundle
from codegen.emit import Emission, emit, vector_image, write_emission
from codegen.errors import GateBreach, HvError
from codegen.layout import person_layout, unpack
from codegen.nets import QuantNet
from codegen.schedule import schedule
from codegen.scheduled_net import portable
from codegen.targets import TARGETS, find_target
from host_tools.manifest import check_files, load_manifest
from tests.networks import conv_head, depthwise_all, with_constants, with_tensor

TARGET = find_target("cortex-m4")
MAKERS: tuple[Callable[[int], QuantNet], ...] = (conv_head, depthwise_all)

_IN_ANOTHER_PROCESS = """
import hashlib, sys
from codegen.emit import emit
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.networks import conv_head, depthwise_all
for make in (conv_head, depthwise_all):
    for name, data in emit(schedule(make(), find_target("cortex-m4")), "someone").files.items():
        print(name, hashlib.sha256(data).hexdigest())
"""


def _digests(files: Mapping[str, bytes]) -> list[str]:
    return [f"{name} {hashlib.sha256(data).hexdigest()}" for name, data in files.items()]


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_same_bytes_twice_and_in_other_processes() -> None:
    here = [
        line
        for make in MAKERS
        for line in _digests(emit(schedule(make(2), TARGET), "someone").files)
    ]
    for hash_seed in ("0", "4242"):
        there = subprocess.run(
            [sys.executable, "-c", _IN_ANOTHER_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "TZ": "Asia/Tokyo", "LC_ALL": "C"},
            cwd=Path(__file__).resolve().parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert there.stdout.splitlines() == here


@pytest.mark.parametrize("make", MAKERS)
def test_one_kernel_for_all_persons(make: Callable[[int], QuantNet]) -> None:
    one, two = (
        emit(schedule(make(seed), TARGET), user) for seed, user in ((2, "anna"), (3, "bernd"))
    )
    differing = {name for name in one.files if one.files[name] != two.files.get(name)}
    assert differing == {
        "anna.hvb", "hv_person.h", "hv_vectors.h", "manifest.json", "report.md",
    }  # fmt: skip
    manifests = [json.loads(e.files["manifest.json"]) for e in (one, two)]
    assert manifests[0]["abi"] == manifests[1]["abi"]


def test_a_person_s_files_do_not_name_them() -> None:
    """Only the manifest, the report and the bundle's file name do."""
    emission = emit(schedule(conv_head(), TARGET), "zaphod")
    naming = {name for name, data in emission.files.items() if b"zaphod" in data}
    assert naming == {"manifest.json", "report.md"}


def test_the_abi_changes_with_any_shared_number() -> None:
    net = conv_head()
    weight = net.tensors()["conv0.weight"].copy()
    weight[0, 0, 0, 0] ^= 1
    others = [with_tensor(net, "conv0.weight", weight), with_constants(net, "conv1", hi=126)]
    abis = {emit(schedule(n, TARGET), "u").program.abi for n in (net, *others)}
    assert len(abis) == 3


def test_the_manifest_describes_every_file(tmp_path: Path) -> None:
    for make in MAKERS:
        folder = tmp_path / make.__name__
        emission = emit(schedule(make(2), TARGET), "anna")
        write_emission(emission, folder)
        manifest = load_manifest(folder)
        check_files(manifest)
        assert set(manifest.files) | {"manifest.json"} == set(_tree(folder))
        assert manifest.prefix == emission.program.prefix
        assert manifest.trace_bytes == sum(step.size_bytes for step in emission.program.steps)


@pytest.mark.parametrize("make", MAKERS)
def test_header_and_bundle_hold_the_same_numbers(make: Callable[[int], QuantNet]) -> None:
    net = make(2)
    emission = emit(schedule(net, TARGET), "anna")
    bundle = read_bundle(emission.files["anna.hvb"])
    assert bundle.abi == emission.program.abi
    assert [record.tag for record in bundle.records] == [TAG_TENSORS, TAG_ANSWER]
    header, tensors = unpack(person_layout(portable(net)), bundle.payload(TAG_TENSORS))
    assert header == bundle.abi[:16]
    text = emission.files["hv_person.h"].decode()
    for name, values in tensors.items():
        np.testing.assert_array_equal(values, net.tensors()[name])
        body = text.partition(f".{name.replace('.', '_')} = {{")[2].partition("}")[0]
        assert [int(part) for part in body.split(",") if part.strip()] == values.ravel().tolist()


def test_a_network_that_is_not_proved_is_not_emitted() -> None:
    with pytest.raises(GateBreach):
        emit(schedule(with_constants(conv_head(), "conv0", left_shift=20), TARGET), "anna")


@pytest.mark.parametrize("target", TARGETS, ids=lambda t: t.name)
def test_targets_share_numbers_and_differ_in_name(target: object) -> None:
    one, two = emit(schedule(conv_head(), TARGET), "u"), emit(schedule(conv_head(), target), "u")  # type: ignore[arg-type]
    assert one.files["u.hvb"] == two.files["u.hvb"]
    assert one.program.abi == two.program.abi


def test_vector_images_are_pinned() -> None:
    """hv_vector_image() in devices makes the same bytes for ever."""
    assert vector_image(0, 3).tolist() == [0, 0, 0]
    assert vector_image(1, 3).tolist() == [255, 255, 255]
    state, expected = 20240601, []
    for _ in range(5):
        state = (state * 1664525 + 1013904223) % 2**32
        expected.append(state >> 24)
    assert vector_image(20240601, 5).tolist() == expected


# --- folders: all or nothing ---


@pytest.fixture
def emission() -> Emission:
    return emit(schedule(conv_head(), TARGET), "anna")


@pytest.fixture
def other() -> Emission:
    return emit(schedule(conv_head(3), TARGET), "bernd")


def test_writes_new_empty_and_earlier_folders(
    tmp_path: Path, emission: Emission, other: Emission
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (tmp_path / "new" / "deep", empty):
        write_emission(emission, folder)
        assert _tree(folder) == emission.files
        write_emission(other, folder)
        assert _tree(folder) == other.files, "nothing of the earlier person stays"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty", "new"]


def test_refuses_a_folder_with_other_things(tmp_path: Path, emission: Emission) -> None:
    write_emission(emission, tmp_path / "out")
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    before = _tree(tmp_path)
    with pytest.raises(HvError, match=r"not empty: it holds thesis\.tex"):
        write_emission(emission, tmp_path / "out")
    assert _tree(tmp_path) == before


@pytest.mark.parametrize("manifest", ["", "[]", "{}", '{"files": null}', '{"files": 3}', "\xff"])
def test_a_strange_manifest_is_no_licence(
    tmp_path: Path, emission: Emission, manifest: str
) -> None:
    (tmp_path / "manifest.json").write_text(manifest, encoding="latin-1")
    (tmp_path / "hv_model.h").write_text("mine")
    with pytest.raises(HvError, match="not empty"):
        write_emission(emission, tmp_path)


def test_refuses_a_file(tmp_path: Path, emission: Emission) -> None:
    file = tmp_path / "out"
    file.write_text("mine")
    with pytest.raises(HvError, match="not a folder"):
        write_emission(emission, file)
    with pytest.raises(HvError, match="cannot write"):
        write_emission(emission, file / "below")
    assert _tree(tmp_path) == {"out": b"mine"}


def test_refuses_what_cannot_be_written(
    tmp_path: Path, emission: Emission, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root every folder can be written, so the refusal is the system call's."""

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(HvError, match="cannot write the output: Permission denied"):
        write_emission(emission, tmp_path / "out")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("exists", [False, True])
def test_nothing_half_written_when_writing_fails(
    tmp_path: Path,
    emission: Emission,
    other: Emission,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    exists: bool,
) -> None:
    folder = tmp_path / "out"
    if exists:
        write_emission(emission, folder)
    before = _tree(tmp_path)
    written = 0
    real = Path.write_bytes

    def full(self: Path, data: bytes) -> int:
        nonlocal written
        written += 1
        if written == 5:
            real(self, data[:10])
            raise error
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises((HvError, KeyboardInterrupt)):
        write_emission(other, folder)
    monkeypatch.undo()
    assert _tree(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == int(exists)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "I/O error"), KeyboardInterrupt()])
@pytest.mark.parametrize("failing", [1, 2])
def test_the_earlier_folder_survives_a_failing_swap(
    tmp_path: Path,
    emission: Emission,
    other: Emission,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    failing: int,
) -> None:
    folder = tmp_path / "out"
    write_emission(emission, folder)
    before = _tree(tmp_path)
    calls = 0
    real = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        if calls == failing:
            raise error
        return real(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises((HvError, KeyboardInterrupt)):
        write_emission(other, folder)
    monkeypatch.undo()
    assert _tree(tmp_path) == before


def test_a_user_s_name_cannot_leave_the_folder(tmp_path: Path) -> None:
    for user in ("../anna", "", "a/b", "Anna", "hv person"):
        with pytest.raises(HvError, match="no user name"):
            write_emission(emit(schedule(conv_head(), TARGET), user), tmp_path / "out")
    assert not any(tmp_path.iterdir())


def test_emission_is_data(emission: Emission) -> None:
    assert dataclasses.is_dataclass(emission)
    assert list(emission.files) == sorted(emission.files)
