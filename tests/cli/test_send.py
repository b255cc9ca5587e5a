"""As a new user would: flash the kernel by gdb, send two people, stream images, refuse forgers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen.bundle import read_bundle, write_bundle
from codegen.quantise import quantise
from codegen.store import User, save_user
from host_tools.boards import load_board
from host_tools.emulators.debug_server import debug_server, free_port
from tests import networks
from tests.c_host import program
from tests.cli.conftest import Run

BOARD = "netduinoplus2"


@pytest.fixture
def bob(alice: User, store: Path) -> User:
    """Another person of alice's kernel."""
    net = networks.float_net(alice.float_net.arch, person_seed=5)
    user = User(name="bob", float_net=net, quant_net=quantise(net), facts=alice.facts)
    save_user(store, user)
    return user


@pytest.fixture
def places() -> Iterator[tuple[str, str]]:
    """An emulated board with empty flash: its debug server and its serial port."""
    program("gdb-multiarch", "apt install gdb-multiarch")
    program("qemu-system-arm", "apt install qemu-system-arm")
    serial = free_port()
    with debug_server(load_board(BOARD), f"tcp:127.0.0.1:{serial},server=on,wait=off") as server:
        yield server, f"socket://127.0.0.1:{serial}"


def _refused(run: Run, port: str, path: Path, status: str) -> None:
    answer = run("send", port, "--bundle", path)
    assert answer.code == 1
    assert f"({status})" in answer.err, answer.err


def test_flash_the_kernel_send_two_people_and_stream(
    run: Run, alice: User, bob: User, crops: Path, places: tuple[str, str], tmp_path: Path
) -> None:
    server, port = places
    words = ("--board", BOARD, "--app", "device", "--port", server, "--verify", "--json")
    flashed = run("flash", "--user", "alice", *words)
    assert flashed.code == 0, flashed.err
    assert flashed.json["runner"] == "gdb"

    sent = run("send", port, "--user", "alice", "--user", "bob", "--json")
    assert sent.code == 0, sent.err
    assert [person["version"] for person in sent.json["people"]] == [1, 1]
    pseudonyms = [person["user"] for person in sent.json["people"]]

    options = ("--images", crops, "--aligned", "--json")
    live = run("stream", port, "--user", "alice", "--user", "bob", *options)
    assert live.code == 0, live.err
    for user in (alice, bob):
        expected = run("simulate", "--user", user.name, *options).json["scores"]
        assert len(expected) == 5
        for line, score in zip(_lines(live.out), expected, strict=True):
            answer = next(answer for answer in line["answers"] if answer["name"] == user.name)
            assert answer["accumulator"] == score["accumulator"]
            assert answer["accepted"] == score["accepted"]

    good = tmp_path / "good.hvb"
    emitted = run("emit", "--user", "alice", "--target", "cortex-m4", "-o", tmp_path / "folder")
    assert emitted.code == 0, emitted.err
    data = (tmp_path / "folder" / "alice.hvb").read_bytes()
    bundle = read_bundle(data)
    for status, altered in {
        "HV_ERROR_BUNDLE_SIGNATURE": dataclasses.replace(bundle, version=2),
        "HV_ERROR_BUNDLE_UNSIGNED": dataclasses.replace(bundle, signature=None),
        "HV_ERROR_BUNDLE_ABI": dataclasses.replace(bundle, abi=bytes(32)),
    }.items():
        good.write_bytes(write_bundle(altered))
        _refused(run, port, good, status)

    newer = run("send", port, "--user", "alice", "--bundle-version", 5, "--json")
    assert [person["version"] for person in newer.json["people"]] == [5, 1]
    good.write_bytes(data)
    _refused(run, port, good, "HV_ERROR_BUNDLE_OLD")

    left = run("send", port, "--forget", pseudonyms[0][:8], "--json")
    assert [person["user"] for person in left.json["people"]] == pseudonyms[1:]
    again = run("send", port, "--forget", pseudonyms[0][:8])
    assert (again.code, "knows nobody" in again.err) == (1, True)
    listed = run("monitor", port, "--count", 1)
    assert pseudonyms[1] in listed.out


def _lines(text: str) -> list[dict[str, object]]:
    import json

    return [json.loads(line) for line in text.splitlines()]


def test_nothing_to_send_is_wrong_usage(run: Run) -> None:
    answer = run("send", "COM1")
    assert (answer.code, "give --user, --bundle or --forget" in answer.err) == (2, True)
