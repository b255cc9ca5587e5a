"""Everything a user can get wrong: a clear error, the right exit code, nothing half-written."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from codegen.nets import FloatNet
from codegen.store import User, save_user
from tests.cli.conftest import Answer, Run


def refused(answer: Answer, code: int, *words: str) -> None:
    """The verb ended with this code and told what is wrong and what to do."""
    assert answer.code == code, answer.out + answer.err
    assert "error: " in answer.err
    for word in words:
        assert word in answer.err


def enrol(run: Run, image: Path, *words: object) -> Answer:
    return run("enroll", "--user", "bob", "--image", image, *words)


def test_no_face(run: Run, noise: Path, store: Path) -> None:
    refused(enrol(run, noise), 1, "no face", str(noise), "hint:")
    assert not store.exists()


def test_several_faces(run: Run, portraits: dict[str, Path], tmp_path: Path) -> None:
    side = Image.open(portraits["collins.png"]).convert("RGB")
    both = Image.new("RGB", (2 * side.width, side.height))
    both.paste(side, (0, 0))
    both.paste(side, (side.width, 0))
    both.save(tmp_path / "both.png")
    refused(enrol(run, tmp_path / "both.png"), 1, "2 faces", "hint:")


def test_small_face(run: Run, portraits: dict[str, Path], tmp_path: Path) -> None:
    photo = Image.open(portraits["collins.png"]).convert("RGB")
    photo.resize((110, 110)).save(tmp_path / "small.png")
    refused(enrol(run, tmp_path / "small.png"), 1, "hint:")


def test_blurred_face(run: Run, portraits: dict[str, Path], tmp_path: Path) -> None:
    photo = Image.open(portraits["collins.png"]).convert("RGB")
    photo.filter(ImageFilter.GaussianBlur(6)).save(tmp_path / "blurred.png")
    refused(enrol(run, tmp_path / "blurred.png"), 1, "blurred", "hint:")


def test_no_image(run: Run, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a photograph")
    refused(enrol(run, text), 1, str(text), "hint:")
    refused(enrol(run, tmp_path / "absent.jpg"), 1, "absent.jpg")


def test_all_bad_photographs_are_named_at_once(run: Run, noise: Path, tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    Image.new("L", (200, 200), 90).save(grey)
    answer = run("enroll", "--user", "bob", "--image", noise, "--image", grey)
    refused(answer, 1, str(noise), str(grey))


@pytest.mark.parametrize("name", ["../eve", "Eve", "a b", "", "x" * 33, "a/b", ".hidden", "ä"])
def test_unsafe_names(run: Run, noise: Path, name: str, store: Path) -> None:
    refused(run("enroll", "--user", name, "--image", noise), 1, "no user name", "hint:")
    refused(run("emit", "--user", name), 1, "no user name")
    assert not store.exists()


def test_unknown_user_lists_who_is_there(run: Run, alice: User) -> None:
    for verb in ("emit", "simulate", "build", "run", "verify"):
        more = ("--image", "x.png") if verb == "simulate" else ()
        refused(run(verb, "--user", "carol", *more), 1, "no user carol", "alice")
    refused(run("users", "show", "carol"), 1, "no user carol")
    refused(run("users", "remove", "carol"), 1, "no user carol")


def test_user_twice(run: Run, alice: User, noise: Path) -> None:
    refused(run("enroll", "--user", "alice", "--image", noise), 1, "already", "--replace")


def test_unknown_target_is_suggested(run: Run, alice: User) -> None:
    refused(run("emit", "--user", "alice", "--target", "cortex-m5"), 1, "did you mean", "cortex-m")
    refused(run("emit", "--user", "alice", "--target", "zzz"), 1, "known: cortex-m0")
    assert not Path("build").exists()


def test_output_that_is_not_ours(run: Run, alice: User) -> None:
    Path("mine").mkdir()
    Path("mine/precious.c").write_text("int x;")
    refused(run("emit", "--user", "alice", "-o", "mine"), 1, "not empty", "precious.c", "hint:")
    assert [p.name for p in Path("mine").iterdir()] == ["precious.c"]
    refused(run("emit", "--user", "alice", "-o", "mine/precious.c"), 1, "not a folder")
    refused(run("emit", "--user", "alice", "-o", "mine/precious.c/x"), 1, "cannot write")


def test_output_into_the_current_folder_or_a_link(run: Run, alice: User) -> None:
    refused(run("emit", "--user", "alice", "-o", "."), 1, "folder you are in", "hint:")
    refused(run("emit", "--user", "alice", "-o", ".."), 1, "folder you are in")
    assert list(Path.cwd().iterdir()) == []
    Path("real").mkdir()
    Path("link").symlink_to("real")
    assert run("emit", "--user", "alice", "-o", "link").code == 0
    assert Path("link").is_symlink()
    assert Path("real/manifest.json").is_file()
    assert {path.name for path in Path.cwd().iterdir()} == {"real", "link"}


def test_build_does_not_write_into_other_folders(run: Run, alice: User) -> None:
    Path("mine").mkdir()
    Path("mine/link.ld").write_text("mine")
    refused(run("build", "--user", "alice", "-o", "mine"), 1, "something else", "hint:")
    assert Path("mine/link.ld").read_text() == "mine"


def test_inspect_of_a_stripped_program(run: Run) -> None:
    refused(run("inspect", "/bin/ls"), 1, "no symbol")


def test_changed_output_is_not_overwritten(run: Run, alice: User) -> None:
    run("emit", "--user", "alice", "-o", "out")
    Path("out/notes.txt").write_text("mine")
    refused(run("emit", "--user", "alice", "-o", "out"), 1, "notes.txt")
    assert Path("out/notes.txt").read_text() == "mine"


def test_full_disk(run: Run, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Path] = []
    honest = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        return honest(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    refused(run("emit", "--user", "alice", "-o", "out"), 1, "No space left", "hint:")
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("damage", ["truncate", "alter", "empty"])
def test_damaged_store(run: Run, alice: User, store: Path, damage: str) -> None:
    path = store / "alice.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes({"truncate": data[:-1], "alter": data, "empty": b""}[damage])
    refused(run("emit", "--user", "alice"), 1, "damaged", "hint:")
    assert not Path("build").exists()


def test_damaged_bundle_and_manifest(run: Run, alice: User) -> None:
    run("emit", "--user", "alice")
    bundle = Path("build/alice/alice.hvb")
    good = bundle.read_bytes()
    bundle.write_bytes(good[:-1])
    refused(run("inspect", bundle), 1, "truncated")
    bundle.write_bytes(good[:100] + bytes([good[100] ^ 4]) + good[101:])
    refused(run("inspect", bundle), 1, "altered")
    refused(run("inspect", "build/alice"), 1, "alice.hvb")
    Path("junk.bin").write_bytes(b"junk")
    refused(run("inspect", "junk.bin"), 1, "no bundle")
    refused(run("inspect", "absent.hvb"), 1, "no such file")


def _damage(monkeypatch: pytest.MonkeyPatch, tensor: str, value: float) -> None:
    """The hypernetwork makes one wrong number."""
    from hypernet import enrol as enrolling

    honest = enrolling.network_for

    def network(*arguments: Any, **more: Any) -> FloatNet:  # noqa: ANN401 - passed on as it is
        net = honest(*arguments, **more)
        net.tensors[tensor].flat[0] = value
        return net

    monkeypatch.setattr(enrolling, "network_for", network)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_not_finite_weights(
    run: Run,
    store: Path,
    portraits: dict[str, Path],
    monkeypatch: pytest.MonkeyPatch,
    value: float,
) -> None:
    _damage(monkeypatch, "conv0.weight", value)
    refused(enrol(run, portraits["obama.jpg"]), 1, "NaN or infinite", "conv0.weight")
    assert not (store / "bob.safetensors").exists()


def test_accumulator_that_could_overflow(
    run: Run, alice: User, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = alice.quant_net.layers[0]
    bias = layer.tensors["bias"].copy()
    bias[1] = 2**31 - 1
    monkeypatch.setitem(layer.tensors, "bias", bias)
    save_user(store, alice, replace=True)
    answer = run("emit", "--user", "alice")
    refused(answer, 1, "accumulator of channel 1", "2147483647", f"layer {layer.name}")
    assert not Path("build").exists()


def test_missing_compiler_and_emulator(
    run: Run, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    refused(run("build", "--user", "alice", "--compiler", "gcc"), 4, "gcc", "apt install")
    refused(run("run", "--user", "alice", "--emulator", "qemu"), 4, "qemu", "apt install")
    refused(run("build", "--user", "alice", "--compiler", "tcc"), 1, "tcc", "gcc")
    assert not Path("build/alice-firmware/trace.elf").exists()


def test_without_debian_packages_pip_alone_will_do(
    run: Run, alice: User, crops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    answer = run("verify", "--user", "alice", "--images", crops, "--aligned", "--json")
    assert answer.code == 0, answer.err
    places = [check["where"] for check in answer.json["checks"]]
    assert places == ["this machine, zig", "mps2-an386 in unicorn, zig"]


def test_errors_as_json(run: Run) -> None:
    answer = run("emit", "--user", "carol", "--json")
    assert answer.code == 1
    assert set(answer.json["error"]) >= {"what", "where", "hint"}


def test_wrong_usage(run: Run) -> None:
    assert run("emit").code == 2
    assert run("no-such-verb").code == 2
    assert run("simulate", "--user", "alice").code == 2
    assert run("train", "pq", "--images", ".", "--set", "stages.0.steps=-5").code == 1


def test_crop_of_another_size(run: Run, alice: User, noise: Path) -> None:
    answer = run("simulate", "--user", "alice", "--image", noise, "--aligned")
    refused(answer, 1, "200", "hint:")


def test_a_stream_without_faces(run: Run, alice: User, noise: Path) -> None:
    refused(run("simulate", "--user", "alice", "--image", noise), 1, "no photograph", "hint:")


@pytest.mark.parametrize("verb", ["emit", "simulate", "verify", "build", "run", "enroll"])
def test_interrupt_leaves_nothing_behind(
    alice: User, crops: Path, store: Path, portraits: dict[str, Path], tmp_path: Path, verb: str
) -> None:
    """A real SIGINT, once the verb has begun its work."""
    work = tmp_path / "interrupted"
    work.mkdir()
    words = {
        "emit": ["--user", "alice"],
        "simulate": ["--user", "alice", "--images", str(crops), "--aligned"],
        "verify": ["--user", "alice", "--images", str(crops), "--aligned"],
        "build": ["--user", "alice"],
        "run": ["--user", "alice"],
        "enroll": ["--user", "bob", "--image", str(portraits["obama.jpg"])],
    }[verb]
    # The child signals itself from inside the verb's own first import of the compiler.
    program = (
        "import os, signal, sys, threading\n"
        "import codegen.cli as c\n"
        "import codegen.store as s\n"
        "signalled = threading.Timer(float(sys.argv[1]),"
        " lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "signalled.daemon = True\n"
        "sys.argv = ['hvcodegen', *sys.argv[2:]]\n"
        "signalled.start()\n"
        "c.main()\n"
    )
    codes = set()
    for delay in ("0.05", "0.4", "1.5"):
        child = subprocess.run(
            [sys.executable, "-c", program, delay, verb, *words],
            cwd=work,
            env={**os.environ, "HVCODEGEN_STORE": str(store), "TMPDIR": str(work)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        codes.add(child.returncode)
        assert "Traceback" not in child.stderr, child.stderr
        assert child.returncode in (0, 130), child.stderr
        left = {p.name for p in work.iterdir()} - {"build"}
        assert not left, left
        versions = store / "alice.bundle.json"  # a version is kept before it is given away
        hidden = {p.stem for p in store.iterdir()} - {"alice", "bob", versions.stem}
        assert not hidden, hidden
        if versions.exists():
            assert json.loads(versions.read_text())["version"] == 1
        if child.returncode == 130 and verb == "enroll":
            assert not (store / "bob.safetensors").exists()
        if (store / "bob.safetensors").exists():
            break
    assert 130 in codes
