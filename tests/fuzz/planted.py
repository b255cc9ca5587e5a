"""Harnesses over the runtime as it is, or with one fault planted in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import ProgramMissing
from tests.fuzz.fuzz import RUNTIME, SOURCES, Outcome, build_fuzzer, fuzz

Fault = tuple[str, str, str]
"""File, and the text in it that is replaced by another."""


def outcome_of(target: str, folder: Path, *limits: str, fault: Fault | None = None) -> Outcome:
    """What the fuzzer says of `target` within libFuzzer's `limits`; skips without libFuzzer."""
    runtime = _with_fault(target, folder / "runtime", fault) if fault else RUNTIME
    try:
        fuzzer = build_fuzzer(target, folder, runtime)
    except ProgramMissing as error:
        pytest.skip(str(error))
    return fuzz(fuzzer, target, folder / "found", *limits)


def _with_fault(target: str, folder: Path, fault: Fault) -> Path:
    file, right, wrong = fault
    folder.mkdir()
    for name in SOURCES[target]:
        text = (RUNTIME / name).read_text()
        assert name != file or text.count(right) == 1
        (folder / name).write_text(text.replace(right, wrong) if name == file else text)
    return folder
