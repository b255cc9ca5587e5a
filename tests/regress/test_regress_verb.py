"""`hvcodegen regress` and the pytest plugin on a fleet that was changed behind their back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from codegen.cli import cli
from codegen.store import save_user
from tests.architectures import CONV_HEAD
from tests.regress.conftest import made_user

pytest_plugins = ["pytester"]

PLUGIN = ("-p", "codegen.cli.pytest_plugin")


def run(*words: object) -> Result:
    result = CliRunner().invoke(cli, [str(word) for word in words], prog_name="hvcodegen")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def test_nothing_changed(store: Path, folder: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    done = run("regress", "check", folder, "--store", store, "--junit", report)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines() == ["alice: unchanged", "bob: unchanged"]
    assert 'failures="0"' in report.read_text()


def test_what_changed_is_told_until_it_is_accepted(
    store: Path, folder: Path, tmp_path: Path
) -> None:
    """Bob is enrolled anew, with another threshold; a figure of alice's is planted."""
    user = made_user("bob", CONV_HEAD, seed=3, threshold=0.9)
    save_user(store, user, replace=True)
    path = folder / "fleet.json"
    record = json.loads(path.read_text())
    record["users"]["alice"]["figures"]["ram"] -= 16
    path.write_text(json.dumps(record))
    done = run("regress", "check", folder, "--store", store, "--json")
    assert done.exit_code == 3
    result, _ = json.JSONDecoder().raw_decode(done.stdout)  # the error follows
    found = {(change["user"], change["aspect"]) for change in result["changes"]}
    assert ("alice", "ram") in found
    assert ("bob", "weights") in found
    assert not {c for c in found if c[0] == "alice"} - {("alice", "ram")}
    report = tmp_path / "report.xml"
    done = run("regress", "check", folder, "--store", store, "--accept", "--junit", report)
    assert done.exit_code == 0, done.output
    assert 'message="' in report.read_text()
    assert run("regress", "check", folder, "--store", store).exit_code == 0


def test_a_user_who_left_is_told(store: Path, folder: Path) -> None:
    assert run("users", "remove", "bob", "--store", store).exit_code == 0
    done = run("regress", "check", folder, "--store", store)
    assert done.exit_code == 3
    assert "bob: 1 change\n  user: is no longer there" in done.stdout


def test_a_record_is_not_written_over(store: Path, folder: Path, tmp_path: Path) -> None:
    before = (folder / "fleet.json").read_bytes()
    done = run("regress", "record", folder, "--store", store)
    assert done.exit_code == 1
    assert "--accept" in done.stderr
    assert (folder / "fleet.json").read_bytes() == before
    done = run("regress", "record", tmp_path / "new", "--store", tmp_path / "nobody")
    assert done.exit_code == 1
    assert "nobody is enrolled" in done.stderr
    assert not (tmp_path / "new").exists()


TESTS = """
def test_everything(hv_user):
    hv_user.check()

def test_memory(hv_user):
    hv_user.check("ram", "flash")
    assert hv_user.figures["ram"] > 0
"""


def test_the_plugin_fails_those_who_changed(
    pytester: pytest.Pytester, store: Path, folder: Path
) -> None:
    user = made_user("bob", CONV_HEAD, seed=7)
    save_user(store, user, replace=True)
    pytester.makepyfile(TESTS)
    pytester.makeini(f"[pytest]\nhv_fleet = {folder}\n")
    done = pytester.runpytest_inprocess(*_plugin(), f"--hv-store={store}", "-v")
    done.assert_outcomes(passed=3, failed=1)
    done.stdout.fnmatch_lines(["*test_everything?alice? PASSED*", "*test_everything?bob? FAILED*"])
    done.stdout.fnmatch_lines(["bob changed:", "  bits: from layer head on*"])


def test_the_plugin_wants_a_record(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    done = pytester.runpytest_inprocess(*_plugin())
    assert done.ret in (pytest.ExitCode.INTERRUPTED, pytest.ExitCode.USAGE_ERROR)
    done = pytester.runpytest_inprocess(*_plugin(), "--hv-fleet=nowhere")
    assert done.ret != pytest.ExitCode.OK


def _plugin() -> tuple[str, ...]:
    """By name where the installed package does not announce it (yet)."""
    from importlib.metadata import entry_points

    announced = {point.value for point in entry_points(group="pytest11")}
    return () if PLUGIN[1] in announced else PLUGIN


def test_accepting_forgets_the_images_of_who_left(store: Path, folder: Path) -> None:
    (store / "bob.safetensors").unlink()
    assert (folder / "images" / "bob.npy").exists()
    assert run("regress", "check", folder, "--store", store, "--accept").exit_code in (0, 3)
    assert not (folder / "images" / "bob.npy").exists()
    assert (folder / "images" / "alice.npy").exists()
