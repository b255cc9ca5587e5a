"""The reader of bundles under libFuzzer, for as many inputs as a test may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import ProgramMissing
from tests.fuzz.fuzz import RUNTIME, SOURCES, build_fuzzer, corpus_of, fuzz

RUNS = 20_000


def _fuzzer(folder: Path, runtime: Path = RUNTIME) -> Path:
    try:
        return build_fuzzer("bundle", folder, runtime)
    except ProgramMissing as error:
        pytest.skip(str(error))


def test_no_input_breaks_the_reader(tmp_path: Path) -> None:
    done = fuzz(_fuzzer(tmp_path), "bundle", tmp_path / "found", f"-runs={RUNS}", "-seed=1")
    assert done.crash == ""
    assert done.executions >= RUNS
    assert done.coverage > 50


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("hv_bundle.c", "(total > available) ?", "(total > 4096u) ?"),
        ("hv_admit.c", ">= policy->least_version", ">= 0u"),
        ("hv_admit.c", "i < HV_BUNDLE_ABI_BYTES", "i < 1u"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, file: str, right: str, wrong: str) -> None:
    runtime = tmp_path / "runtime"
    runtime.mkdir()
    for name in SOURCES["bundle"]:
        text = (RUNTIME / name).read_text()
        assert name != file or text.count(right) == 1
        (runtime / name).write_text(text.replace(right, wrong) if name == file else text)
    fuzzer = _fuzzer(tmp_path, runtime)
    done = fuzz(fuzzer, "bundle", tmp_path / "found", "-runs=200000", "-seed=1")
    assert done.crash != ""


def test_the_corpus_has_bundles_that_are_taken_and_such_that_are_not() -> None:
    data = [path.read_bytes() for path in corpus_of("bundle").iterdir()]
    assert any(b"HVB2" in sample for sample in data)
    assert len(data) > 5
