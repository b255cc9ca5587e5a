"""`hvcodegen export` and `hvcodegen verify --witness`: files, errors, exit codes."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from codegen import reference
from codegen.cli.export import FORMATS
from codegen.export.builder import Builder
from codegen.store import User
from host_tools.witness import HINT, run_witness
from tests.cli.conftest import Answer, Run
from tests.networks import images


def refused(answer: Answer, code: int, *words: str) -> None:
    assert answer.code == code, answer.out + answer.err
    for word in ("error: ", *words):
        assert word in answer.err


@pytest.mark.parametrize("form", FORMATS)
def test_the_file_is_a_model_and_the_report_is_true(run: Run, alice: User, form: str) -> None:
    answer = run("export", "--user", "alice", "--format", form, "--json")
    assert answer.code == 0, answer.err
    file = Path(answer.json["file"])
    assert file == Path("build") / f"alice{form.removeprefix('onnx')}.onnx"
    content = file.read_bytes()
    assert answer.json["bytes"] == len(content)
    assert answer.json["sha256"] == hashlib.sha256(content).hexdigest()
    onnx.checker.check_model(onnx.load_model_from_string(content), full_check=True)
    assert [entry.name for entry in file.parent.iterdir()] == [file.name]


def test_people_are_told_what_goes_in_and_out(run: Run, alice: User) -> None:
    answer = run("export", "--user", "alice", "--format", "onnx", "-o", "new/alice.onnx")
    assert answer.code == 0, answer.err
    assert "wrote new/alice.onnx: real numbers" in answer.out
    assert "image uint8 [N, 9, 7, 3]" in answer.out
    assert "score float32 [N], accepted bool [N]" in answer.out


def test_same_input_same_bytes(run: Run, alice: User) -> None:
    for name in ("a.onnx", "b.onnx", "b.onnx"):  # the last one replaces its elder
        assert run("export", "--user", "alice", "-o", name).code == 0
    assert Path("a.onnx").read_bytes() == Path("b.onnx").read_bytes()


def test_the_exported_file_gives_the_verdicts(run: Run, alice: User) -> None:
    pytest.importorskip("onnxruntime", reason=HINT)
    run("export", "--user", "alice", "-o", "alice.onnx")
    batch = images(alice.quant_net.arch, 9, 4)
    expected = reference.run(alice.quant_net, batch)["decision"]
    got = run_witness(Path("alice.onnx").read_bytes(), {"image": batch})["decision"]
    np.testing.assert_array_equal(got, expected)


def test_places_that_cannot_be_written(run: Run, alice: User) -> None:
    Path("folder").mkdir()
    Path("file").write_text("mine")
    refused(run("export", "--user", "alice", "-o", "folder"), 1, "is a folder", "hint:")
    refused(run("export", "--user", "alice", "-o", "file/x.onnx"), 1, "cannot write", "hint:")
    assert {path.name for path in Path.cwd().iterdir()} == {"folder", "file"}
    assert Path("file").read_text() == "mine"


def test_a_full_disk_leaves_the_old_file(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("alice.onnx").write_text("old")

    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    refused(run("export", "--user", "alice", "-o", "alice.onnx"), 1, "No space left", "hint:")
    assert [path.name for path in Path.cwd().iterdir()] == ["alice.onnx"]
    assert Path("alice.onnx").read_text() == "old"


def test_wrong_words(run: Run, alice: User) -> None:
    refused(run("export", "--user", "carol"), 1, "no user carol", "alice")
    assert run("export", "--user", "alice", "--format", "tflite").code == 2
    assert run("verify", "--user", "alice", "--witness", "nobody").code == 2
    assert list(Path.cwd().iterdir()) == []


def verify(run: Run, crops: Path, *words: str) -> Answer:
    chosen = ("--compiler", "zig", "--emulator", "unicorn")
    images = ("--images", str(crops), "--aligned")
    return run("verify", "--user", "alice", *images, *chosen, "--json", *words)


def test_the_witness_agrees(run: Run, alice: User, crops: Path) -> None:
    pytest.importorskip("onnxruntime", reason=HINT)
    answer = verify(run, crops, "--witness", "onnxruntime")
    assert answer.code == 0, answer.err
    last = answer.json["checks"][-1]
    assert last["where"] == "integer graph in onnxruntime"
    assert last["tensors_compared"] == 5 * len(alice.quant_net.layers)
    assert last["bit_exact"]


def test_a_difference_of_the_witness_ends_with_3(
    run: Run, alice: User, crops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One bias of the exported graph is one larger."""
    pytest.importorskip("onnxruntime", reason=HINT)
    honest = Builder.constant

    def planted(graph: Builder, name: str, values: np.ndarray) -> str:
        return honest(graph, name, values + 1 if name == "head.bias" else values)

    monkeypatch.setattr(Builder, "constant", planted)
    answer = run(
        *("verify", "--user", "alice", "--images", crops, "--aligned"),
        *("--compiler", "zig", "--emulator", "unicorn", "--witness", "onnxruntime"),
    )
    refused(answer, 3, "do not agree", "integer graph in onnxruntime", "layer head")
    assert "NOT BIT-EXACT" in answer.out


def test_a_witness_that_is_not_installed(
    run: Run, alice: User, crops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> object:
        return None if name == "onnxruntime" else honest(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    answer = verify(run, crops, "--witness", "onnxruntime")
    refused(answer, 4, "onnxruntime is not installed", "pip install onnxruntime")
    assert answer.json["error"]["hint"]
