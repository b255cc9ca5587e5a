"""The verbs on a made-up user, and the whole way once on real portraits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codegen.store import User
from tests.cli.conftest import Run


def test_help_lists_every_verb_and_every_verb_has_an_example(run: Run) -> None:
    from codegen.cli import VERBS

    listing = run("--help").out
    for verb in VERBS:
        assert f"\n  {verb} " in listing
        page = run(verb, "--help")
        assert page.code == 0
        assert f"hvcodegen {verb}" in page.out.replace("Usage: hvcodegen " + verb, "", 1)


def test_emit_writes_the_default_folder_and_again(run: Run, alice: User) -> None:
    first = run("emit", "--user", "alice", "--target", "cortex-m4")
    assert first.code == 0
    content = {p.name: p.read_bytes() for p in Path("build/alice").iterdir()}
    assert {"hv_person.h", "alice.hvb", "manifest.json", "report.md"} <= set(content)
    assert run("emit", "--user", "alice").code == 0
    assert {p.name: p.read_bytes() for p in Path("build/alice").iterdir()} == content


def test_emit_json_names_every_file(run: Run, alice: User) -> None:
    answer = run("emit", "--user", "alice", "-o", "x", "--json").json
    assert answer["files"] == {p.name: p.stat().st_size for p in Path("x").iterdir()}


def test_emit_with_frames_brings_what_adds_them_up(run: Run, alice: User) -> None:
    without = run("emit", "--user", "alice", "-o", "one", "--json").json["files"]
    assert run("emit", "--user", "alice", "--frames", "3", "-o", "three").code == 0
    files = {path.name for path in Path("three").iterdir()}
    kernel = alice.quant_net.arch.name.replace("-", "_")
    assert files - set(without) == {"hv_frames.h", "hv_frames.c", f"hv_{kernel}_frames.h"}
    many = run("emit", "--user", "alice", "--frames", "100000", "-o", "many")
    assert many.code == 1
    assert "cannot be added up" in many.err
    assert not Path("many").exists()


def test_simulate_compares_and_scores(run: Run, alice: User, crops: Path) -> None:
    answer = run("simulate", "--user", "alice", "--images", crops, "--aligned", "--json")
    assert answer.code == 0
    assert answer.json["bit_exact"] is True
    layers = len(alice.quant_net.layers)
    assert answer.json["tensors_compared"] == 5 * layers
    without = run(
        "simulate", "--user", "alice", "--images", crops, "--aligned", "--no-compare", "--json"
    )
    assert without.json["scores"] == answer.json["scores"]
    assert "bit_exact" not in without.json


def test_simulate_finds_a_planted_difference(
    run: Run, alice: User, crops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from codegen.cli import pipeline

    honest = pipeline.torch_reference

    def off_by_one(*arguments: object) -> dict[str, object]:
        tensors = honest(*arguments)  # type: ignore[arg-type]
        name = next(iter(tensors))
        tensors[name][2, 0, 1, 0] ^= 1
        return tensors  # type: ignore[return-value]

    monkeypatch.setattr(pipeline, "torch_reference", off_by_one)
    answer = run("simulate", "--user", "alice", "--images", crops, "--aligned", "--json")
    assert answer.code == 3
    report = json.JSONDecoder().raw_decode(answer.out)[0]
    difference = report["first_difference"]
    assert report["bit_exact"] is False
    assert (difference["image"], difference["index"]) == (2, [0, 1, 0])
    assert abs(difference["expected"] - difference["got"]) == 1
    assert difference["layer"] in answer.err


def test_verify_prints_the_promised_keys(run: Run, alice: User, crops: Path) -> None:
    answer = run("verify", "--user", "alice", "--images", crops, "--aligned", "--json")
    assert answer.code == 0, answer.err
    report = answer.json
    assert report["bit_exact"] is True
    assert report["images"] == 5
    assert report["first_difference"] is None
    places = [check["where"] for check in report["checks"]]
    assert any("this machine" in place for place in places)
    assert any("mps2-an386" in place for place in places)
    assert report["tensors_compared"] == len(places) * 5 * len(alice.quant_net.layers)


def test_build_then_inspect_and_run(run: Run, alice: User) -> None:
    built = run("build", "--user", "alice", "--json")
    assert built.code == 0, built.err
    elf = built.json["elf"]
    assert run("inspect", elf, "--json").json["arena"] > 0
    ran = run("run", "--user", "alice", "--json")
    assert ran.code == 0, ran.err
    layers = ran.json["instructions"]["layers"]
    assert ran.json["instructions"]["total"] == sum(layer["instructions"] for layer in layers)


def test_build_dry_run_writes_nothing(run: Run, alice: User) -> None:
    answer = run("build", "--user", "alice", "--dry-run", "--json")
    assert answer.code == 0
    assert len(answer.json["commands"]) > 2
    assert not Path("build").exists()


def test_inspect_bundle_and_folder(run: Run, alice: User) -> None:
    run("emit", "--user", "alice")
    bundle = run("inspect", "build/alice/alice.hvb", "--json").json
    folder = run("inspect", "build/alice", "--json").json
    assert bundle["abi"] == folder["abi"]
    assert [record["tag"] for record in bundle["records"]] == ["TENS", "KNOW"]


def test_users_list_show_remove(run: Run, alice: User) -> None:
    assert run("users", "list", "--json").json["users"] == ["alice"]
    assert run("users", "show", "alice", "--json").json["checkpoint"] == "made"
    assert run("users", "remove", "alice").code == 0
    assert run("users", "list", "--json").json["users"] == []


def test_targets_and_doctor(run: Run) -> None:
    names = [target["name"] for target in run("targets", "--json").json["targets"]]
    assert "cortex-m4" in names
    report = run("doctor", "--json")
    assert report.code == (0 if report.json["able"] else 4)
    assert {"cortex-m compiler gcc", "cortex-m compiler zig", "cortex-m emulator unicorn"} <= {
        check["name"] for check in report.json["checks"]
    }


@pytest.mark.parametrize("checkpoint", ["pq", "pq-full"])
def test_the_whole_way_on_portraits(
    run: Run, portraits: dict[str, Path], store: Path, checkpoint: str
) -> None:
    enrolled = run(
        "enroll", "--user", "bob", "--image", portraits["obama.jpg"], "--checkpoint", checkpoint
    )
    assert enrolled.code == 0, enrolled.err
    answer = run(
        "simulate",
        *("--user", "bob"),
        *("--image", portraits["obama2.jpg"]),
        *("--image", portraits["collins.png"]),
        "--json",
    )
    same, stranger = answer.json["scores"]
    assert answer.json["bit_exact"] is True
    assert same["score"] > stranger["score"]
    assert stranger["accepted"] is False
    kept = [path.name for path in store.iterdir()]
    assert kept == ["bob.safetensors"]  # no photograph


def test_demo_is_bit_exact(run: Run, portraits: dict[str, Path]) -> None:
    answer = run("demo", "--json")
    assert answer.code == 0, answer.err
    report = answer.json
    assert report["bit_exact"] is True
    by_person = {
        who: [s["score"] for s in report["scores"] if (s["person"] == s["enrolled"]) is who]
        for who in (True, False)
    }
    assert min(by_person[True]) > max(by_person[False])
