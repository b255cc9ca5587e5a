"""The link's parser under libFuzzer with the sanitisers, for as many inputs as a test may take."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from host_tools.link.protocol import Kind, Packet, Parser, frame_of
from tests.c_host import RUNTIME, WARNINGS, program, run

HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus" / "link"
SANITISERS = ("-g", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all")
RUNS = 20_000


@pytest.fixture(scope="module")
def clang() -> str:
    return program("clang", "apt install clang")


def _built(clang: str, folder: Path, link: Path) -> Path:
    fuzzer = folder / "fuzz_link"
    sources = (HERE / "fuzz_link.c", link, RUNTIME / "hv_crc.c")
    argv = [clang, *WARNINGS, *SANITISERS, "-I", RUNTIME, *sources, "-o", fuzzer]
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, check=False)
    if "libclang_rt.fuzzer" in done.stderr:
        pytest.skip("this clang has no libFuzzer: apt install libclang-rt-dev")
    assert done.returncode == 0, done.stderr
    return fuzzer


def test_no_input_breaks_the_parser(clang: str, tmp_path: Path) -> None:
    fuzzer = _built(clang, tmp_path, RUNTIME / "hv_link.c")
    fresh = tmp_path / "found"
    fresh.mkdir()
    said = run([fuzzer, f"-runs={RUNS}", "-seed=1", "-max_len=1024", fresh, CORPUS], cwd=tmp_path)
    assert f"Done {RUNS} runs" in said


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "decoder->size_bytes < HV_LINK_PACKET_BYTES",
            "decoder->size_bytes <= HV_LINK_PACKET_BYTES",
        ),
        ("count < FULL_BLOCK_BYTES", "count < FULL_BLOCK_CODE"),
    ],
)
def test_a_planted_fault_is_found(clang: str, tmp_path: Path, right: str, wrong: str) -> None:
    text = (RUNTIME / "hv_link.c").read_text()
    assert text.count(right) == 1
    faulty = tmp_path / "hv_link.c"
    faulty.write_text(text.replace(right, wrong))
    fuzzer = _built(clang, tmp_path, faulty)
    argv = [str(fuzzer), "-runs=0", str(CORPUS)]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode != 0, done.stderr


def test_the_corpus_has_every_kind_and_broken_frames() -> None:
    data = [path.read_bytes() for path in sorted(CORPUS.iterdir())]
    packets: list[Packet] = []
    refused = 0
    for sample in data:
        parser = Parser()
        packets += parser.feed(sample)
        refused += parser.refused
    assert {packet.kind for packet in packets} >= set(Kind)
    assert refused > 0
    assert all(frame_of(packet) for packet in packets)
