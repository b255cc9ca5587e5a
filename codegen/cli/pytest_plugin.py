"""A pytest plugin: a user's own test suite checks that an upgrade changes nothing.

    pytest --hv-fleet fleet/ --hv-store users/

Every test that takes `hv_user` runs once for each recorded user:

    def test_nothing_changed(hv_user):
        hv_user.check()                    # fails and says what changed
        hv_user.check("bits", "decisions") # of these alone
        assert hv_user.figures["ram"] < 24 * 1024

Nothing heavy is imported before such a test runs: pytest loads this module in every project.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from codegen.cli.regressing import Checked
    from host_tools.regress.changes import Change

FLEET_OPTION = "--hv-fleet"
STORE_OPTION = "--hv-store"


@dataclass(frozen=True, kw_only=True)
class FleetUser:
    """One recorded user, as a test sees it.

    Attributes:
        name: the user's.
        changes: what is not as recorded.
        figures: what an inference costs now: instructions, cycles, ram, flash.
    """

    name: str
    changes: tuple[Change, ...]
    figures: Mapping[str, int]

    def check(self, *aspects: str) -> None:
        """Fails the test if anything changed, or any of the aspects named.

        Raises:
            ValueError: there is no such aspect.
        """
        from host_tools.regress.changes import ASPECTS

        unknown = set(aspects) - {*ASPECTS, "user"}
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(ASPECTS)}")
        found = [c for c in self.changes if not aspects or c.aspect in aspects]
        if found:
            lines = (f"  {change.aspect}: {change.text}" for change in found)
            pytest.fail("\n".join([f"{self.name} changed:", *lines]), pytrace=False)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--hv-fleet DIR` and `--hv-store DIR`, also as ini options hv_fleet and hv_store."""
    group = parser.getgroup("hvcodegen", "verifiers of enrolled users")
    group.addoption(FLEET_OPTION, metavar="DIR", help="what `hvcodegen regress record` wrote")
    group.addoption(STORE_OPTION, metavar="DIR", help="folder of enrolled users")
    parser.addini("hv_fleet", "what `hvcodegen regress record` wrote")
    parser.addini("hv_store", "folder of enrolled users")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a test that takes `hv_user` once for each recorded user."""
    if "hv_user" not in metafunc.fixturenames:
        return
    folder = _folder(metafunc.config, "hv_fleet")
    if folder is None:
        raise pytest.UsageError(f"a test takes hv_user: give {FLEET_OPTION} DIR, or set hv_fleet")
    from codegen.errors import HvError
    from host_tools.regress.record import read_fleet

    try:
        users = sorted(read_fleet(folder).users)
    except HvError as error:
        raise pytest.UsageError(str(error)) from error
    metafunc.parametrize("hv_user", users, indirect=True, scope="session")


@pytest.fixture(scope="session")
def hv_fleet(pytestconfig: pytest.Config) -> Checked:
    """The recorded users, run again once in each test session."""
    from codegen.cli.common import default_store
    from codegen.cli.regressing import check, place_of
    from codegen.errors import HvError
    from host_tools.regress.record import read_fleet

    folder = _folder(pytestconfig, "hv_fleet")
    if folder is None:
        raise pytest.UsageError(f"give {FLEET_OPTION} DIR, or set hv_fleet")
    store = _folder(pytestconfig, "hv_store") or default_store()
    try:
        return check(folder, place_of(read_fleet(folder), store, None, lambda _: None))
    except HvError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def hv_user(request: pytest.FixtureRequest, hv_fleet: Checked) -> FleetUser:
    """One recorded user; see the module."""
    name: str = request.param
    now = hv_fleet.now.users.get(name)
    return FleetUser(
        name=name,
        changes=tuple(change for change in hv_fleet.changes if change.user == name),
        figures=now.figures if now else {},
    )


def _folder(config: pytest.Config, name: str) -> Path | None:
    """The command line's before the ini file's, which counts from the ini file's own folder."""
    given = config.getoption(f"--{name.replace('_', '-')}")
    if given:
        return Path(given).absolute()
    written = config.getini(name)
    return config.rootpath / written if written else None
