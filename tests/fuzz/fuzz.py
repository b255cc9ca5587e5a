"""Fuzzes the C that reads what strangers send: `make fuzz SECONDS=60`, or `SECONDS=1200` for long.

One harness a target, `fuzz_<target>.c`, and one folder of inputs, `corpus/<target>`; libFuzzer with
AddressSanitizer and UBSan. Exit status 1 if an input broke something; it is kept in build/fuzz.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError, ProgramMissing
from codegen.resources import resource

HERE = Path(__file__).resolve().parent
RUNTIME = resource("firmware") / "runtime"
FOUND = Path("build") / "fuzz"
FLAGS = (
    "-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-g", "-O1",
    "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all",
)  # fmt: skip
SOURCES = {
    "bundle": ("hv_admit.c", "hv_bundle.c", "hv_crc.c"),
    "link": ("hv_link.c", "hv_crc.c"),
}
MOST_BYTES = 4096
_DONE = re.compile(r"^Done (\d+) runs in (\d+) second", re.MULTILINE)
_COVERAGE = re.compile(r"cov: (\d+) ft: (\d+) corp: (\d+)")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run of the fuzzer did; coverage in edges of its control flow, `corpus` in inputs."""

    target: str
    executions: int
    seconds: int
    coverage: int
    corpus: int
    crash: str


def targets() -> tuple[str, ...]:
    """All that have a harness."""
    return tuple(sorted(path.stem.removeprefix("fuzz_") for path in HERE.glob("fuzz_*.c")))


def corpus_of(target: str) -> Path:
    """The folder of inputs that are tried first."""
    return HERE / "corpus" / target


def build_fuzzer(target: str, folder: Path, runtime: Path = RUNTIME) -> Path:
    """The harness with its sources out of `runtime`.

    Raises:
        ProgramMissing: no clang, or one without libFuzzer.
        HvError: it does not compile.
    """
    clang = shutil.which("clang")
    hint = "apt install clang libclang-rt-14-dev, or the libclang-rt of your clang"
    if clang is None:
        raise ProgramMissing("clang is not installed", hint=hint)
    fuzzer = folder / f"fuzz_{target}"
    sources = (HERE / f"fuzz_{target}.c", *(runtime / name for name in SOURCES[target]))
    includes = ("-I", str(runtime), "-I", str(RUNTIME))
    argv = (clang, *FLAGS, *includes, *map(str, sources), "-o", str(fuzzer))
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if "libclang_rt" in done.stderr:
        raise ProgramMissing("this clang has no libFuzzer", hint=hint)
    if done.returncode != 0:
        raise HvError(f"the harness does not compile: {done.stderr[:2000]}", where=target)
    return fuzzer


def fuzz(fuzzer: Path, target: str, found: Path, *limits: str) -> Outcome:
    """Runs it within libFuzzer's `limits`; what breaks something is kept in `found`."""
    found.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as fresh:
        options = (f"-max_len={MOST_BYTES}", f"-artifact_prefix={found}/", "-print_final_stats=0")
        argv = (str(fuzzer), *limits, *options, fresh, str(corpus_of(target)))
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    finished = _DONE.search(done.stderr)
    covered = _COVERAGE.findall(done.stderr)
    coverage, _, corpus = (int(number) for number in covered[-1]) if covered else (0, 0, 0)
    return Outcome(
        target=target,
        executions=int(finished[1]) if finished else 0,
        seconds=int(finished[2]) if finished else 0,
        coverage=coverage,
        corpus=corpus,
        crash="" if done.returncode == 0 else _reason(done.stderr),
    )


def _reason(said: str) -> str:
    lines = [line for line in said.splitlines() if "ERROR" in line or "runtime error" in line]
    return lines[0].strip() if lines else "it stopped"


def main() -> int:
    """Fuzzes every target for so long; prints one line each."""
    parser = argparse.ArgumentParser(description="Fuzz the C readers.")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    seconds = parser.parse_args().seconds
    print("target  executions  seconds  coverage  inputs kept  crashes", flush=True)
    crashed = False
    with tempfile.TemporaryDirectory() as scratch:
        for target in targets():
            fuzzer = build_fuzzer(target, Path(scratch))
            done = fuzz(fuzzer, target, FOUND / target, f"-max_total_time={seconds}")
            print(
                f"{target:<6}  {done.executions:>10,}  {done.seconds:>7,}  {done.coverage:>8,}"
                f"  {done.corpus:>11,}  {1 if done.crash else 0:>7}",
                flush=True,
            )
            if done.crash:
                print(f"{target}: {done.crash}; the input is in {FOUND / target}", file=sys.stderr)
                crashed = True
    return 1 if crashed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except HvError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
