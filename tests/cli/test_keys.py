"""Keys, signed and unsigned folders, versions, and what `inspect` says about a bundle."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from codegen.bundle import read_bundle
from codegen.signing import is_signed_by, load_public_key
from codegen.store import User
from tests.cli.conftest import Answer, Run


def _emit(run: Run, folder: Path, *words: object) -> Answer:
    answer = run("emit", "--user", "alice", "--target", "cortex-m4", "-o", folder, *words, "--json")
    assert answer.code == 0, answer.err
    return answer


def test_a_key_is_made_once_shown_and_written_as_c(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "shop.pem"
    made = run("keys", "new", file, "--json").json
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = run("keys", "new", file)
    assert (again.code, "never overwritten" in again.err) == (1, True)
    for shown in (file, tmp_path / "shop.pub.pem"):
        assert run("keys", "show", shown, "--json").json["fingerprint"] == made["fingerprint"]
    assert run("keys", "header", file, "-o", tmp_path / "key.h").code == 0
    text = (tmp_path / "key.h").read_text()
    public = load_public_key(file)
    assert all(f"0x{byte:02x}" in text.lower() for byte in public)
    assert made["fingerprint"] in text


@pytest.mark.parametrize("verb", [("show",), ("header",)])
def test_a_missing_key_is_told(run: Run, tmp_path: Path, verb: tuple[str]) -> None:
    answer = run("keys", *verb, tmp_path / "no.pem")
    assert (answer.code, "there is no such key" in answer.err) == (1, True)


def test_a_key_that_others_may_read_signs_nothing(run: Run, alice: User, tmp_path: Path) -> None:
    file = tmp_path / "shop.pem"
    run("keys", "new", file)
    file.chmod(0o644)
    answer = run("emit", "--user", alice.name, "--target", "cortex-m4", "--sign", file)
    assert (answer.code, "others may read" in answer.err) == (1, True)


def test_signed_by_default_by_a_key_or_by_nobody(run: Run, alice: User, tmp_path: Path) -> None:
    assert alice.name == "alice"
    mine = tmp_path / "mine"
    first = _emit(run, mine)
    assert "made a signing key" in first.err
    assert first.json["bundle_signed"]
    bundle = read_bundle((mine / "alice.hvb").read_bytes())
    assert is_signed_by(bundle, load_public_key(tmp_path / "keys" / "signing.pem"))
    assert (mine / "hv_public_key.h").is_file()
    assert (mine / "monocypher.inc").is_file()
    assert "made a signing key" not in _emit(run, tmp_path / "again").err
    assert (tmp_path / "again" / "alice.hvb").read_bytes() == (mine / "alice.hvb").read_bytes()

    shop = tmp_path / "shop.pem"
    run("keys", "new", shop)
    _emit(run, tmp_path / "shop", "--sign", shop)
    sold = tmp_path / "shop" / "alice.hvb"
    assert is_signed_by(read_bundle(sold.read_bytes()), load_public_key(shop))
    assert run("inspect", sold, "--key", tmp_path / "shop.pub.pem").code == 0
    assert "not by your key" in run("inspect", sold).out
    other = run("inspect", mine / "alice.hvb", "--key", shop)
    assert (other.code, "not signed by that key" in other.err) == (1, True)

    bare = _emit(run, tmp_path / "bare", "--no-signature")
    assert not bare.json["bundle_signed"]
    assert "hv_public_key.h" not in bare.json["files"]
    assert "hv_signature_none.c" in bare.json["files"]
    said = run("inspect", tmp_path / "bare" / "alice.hvb", "--json").json
    assert said["signature"] == "none"
    refused = run("inspect", tmp_path / "bare" / "alice.hvb", "--key", shop)
    assert (refused.code, "has no signature" in refused.err) == (1, True)


def test_versions_can_be_chosen_and_are_shown(run: Run, alice: User, tmp_path: Path) -> None:
    assert _emit(run, tmp_path / "a", "--bundle-version", 9).json["bundle_version"] == 9
    assert _emit(run, tmp_path / "a").json["bundle_version"] == 9
    shown = run("inspect", tmp_path / "a" / f"{alice.name}.hvb", "--json").json
    assert shown["version"] == 9
    assert json.dumps(shown).count(shown["user_id"]) == 1
    wrong = run("emit", "--user", "alice", "--target", "cortex-m4", "--bundle-version", 0)
    assert wrong.code == 2


def test_a_key_and_no_signature_exclude_each_other(run: Run, alice: User) -> None:
    words = ("--target", "cortex-m4", "--sign", "x.pem", "--no-signature")
    answer = run("emit", "--user", alice.name, *words)
    assert (answer.code, "exclude each other" in answer.err) == (2, True)


def test_every_file_of_a_signed_folder_links_with_the_others(
    run: Run, alice: User, tmp_path: Path
) -> None:
    """As somebody does who adds the folder to a project: *.c, and nothing is there twice."""
    assert alice.name == "alice"
    folder = tmp_path / "mine"
    _emit(run, folder)
    sources = sorted(path.name for path in folder.glob("*.c"))
    argv = ["gcc", "-std=c11", "-shared", "-fPIC", "-o", "all.so", *sources]
    made = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
