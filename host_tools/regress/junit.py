"""Changes as JUnit XML: one test case for each aspect of each user, as build servers show them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from junitparser import Failure, JUnitXml, TestCase, TestSuite

from host_tools.regress.changes import ASPECTS, Change

SUITE = "hvcodegen regress"


def write_junit(path: Path, users: Sequence[str], changes: Sequence[Change]) -> None:
    """Writes the report; `users` are those that were compared, changed or not."""
    suite = TestSuite(SUITE)
    for user in sorted({*users, *(change.user for change in changes)}):
        suite.add_testcases([_case(user, aspect, changes) for aspect in ("user", *ASPECTS)])
    report = JUnitXml()
    report.add_testsuite(suite)
    report.write(str(path), pretty=True)


def _case(user: str, aspect: str, changes: Sequence[Change]) -> TestCase:
    case = TestCase(aspect, f"regress.{user}", 0)
    found = [c.text for c in changes if (c.user, c.aspect) == (user, aspect)]
    if found:
        case.result = [Failure("; ".join(found), "changed")]
    return case
