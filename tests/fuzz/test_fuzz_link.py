"""The link's parser under libFuzzer, for as many inputs as a test may take."""

from __future__ import annotations

from pathlib import Path

import pytest

from host_tools.link.protocol import Kind, Packet, Parser, frame_of
from tests.fuzz.fuzz import corpus_of
from tests.fuzz.planted import outcome_of

RUNS = 20_000


def test_no_input_breaks_the_parser(tmp_path: Path) -> None:
    done = outcome_of("link", tmp_path, f"-runs={RUNS}", "-seed=1")
    assert done.crash == ""
    assert done.executions >= RUNS


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
def test_a_planted_fault_is_found(tmp_path: Path, right: str, wrong: str) -> None:
    done = outcome_of("link", tmp_path, "-runs=0", fault=("hv_link.c", right, wrong))
    assert done.crash != ""


def test_the_corpus_has_every_kind_and_broken_frames() -> None:
    data = [path.read_bytes() for path in sorted(corpus_of("link").iterdir())]
    packets: list[Packet] = []
    refused = 0
    for sample in data:
        parser = Parser()
        packets += parser.feed(sample)
        refused += parser.refused
    assert {packet.kind for packet in packets} >= set(Kind)
    assert refused > 0
    assert all(frame_of(packet) for packet in packets)
