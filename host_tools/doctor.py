"""Tells which compilers and emulators are here, which are used and why, and how to get the rest."""

from __future__ import annotations

from dataclasses import dataclass

from codegen.targets import FAMILIES
from host_tools.emulators import EMULATORS
from host_tools.emulators.base import Emulator
from host_tools.toolchain import Candidate, Purpose, candidates, find


@dataclass(frozen=True, kw_only=True)
class Check:
    """One program or package.

    Attributes:
        name: what it is, such as "cortex-m compiler gcc".
        found: whether it is here.
        version: what it says about itself, or "".
        path: where it is, or "".
        needed_for: what it is good for.
        hint: how to install it, or "" when it is here.
        chosen: whether it is the one used when nothing else is asked for.
        reason: why it is, or is not.
    """

    name: str
    found: bool
    version: str
    path: str
    needed_for: str
    hint: str
    chosen: bool
    reason: str


def diagnose() -> list[Check]:
    """Looks for every compiler and emulator this project can use; changes nothing."""
    return [
        *(check for purpose in Purpose for check in _check_compilers(purpose)),
        *(check for family in FAMILIES for check in _check_emulators(family)),
    ]


def is_able(checks: list[Check]) -> bool:
    """Whether one of each kind was found: everything can be built and checked then."""
    kinds = {check.needed_for for check in checks}
    return kinds == {check.needed_for for check in checks if check.chosen}


def _check_compilers(purpose: Purpose) -> list[Check]:
    checks: list[Check] = []
    for candidate in candidates(purpose):
        checks.append(_check_compiler(candidate, taken=any(check.chosen for check in checks)))
    return checks


def _check_compiler(candidate: Candidate, *, taken: bool) -> Check:
    toolchain = find(candidate)
    return _check(
        f"{candidate.purpose.value} compiler {candidate.name}",
        version=toolchain.version if toolchain else None,
        path=str(toolchain.path) if toolchain else "",
        needed_for=_needed_for(candidate.purpose),
        hint=candidate.hint,
        taken=taken,
    )


def _needed_for(purpose: Purpose) -> str:
    if purpose is Purpose.HOST:
        return "simulating a kernel on this machine, counting instructions in QEMU"
    return f"building firmware for a {purpose.value} board"


def _check_emulators(family: str) -> list[Check]:
    checks: list[Check] = []
    for emulator in EMULATORS:
        taken = any(check.chosen for check in checks)
        checks.append(_check_emulator(emulator, family, taken=taken))
    return checks


def _check_emulator(emulator: Emulator, family: str, *, taken: bool) -> Check:
    path = emulator.path(family)
    return _check(
        f"{family} emulator {emulator.name}",
        version=emulator.version(family),
        path=str(path) if path else "",
        needed_for=f"running {family} firmware without a board",
        hint=emulator.hint(family),
        taken=taken,
    )


def _check(
    name: str, *, version: str | None, path: str, needed_for: str, hint: str, taken: bool
) -> Check:
    found = version is not None
    return Check(
        name=name,
        found=found,
        version=version or "",
        path=path,
        needed_for=needed_for,
        hint="" if found else hint,
        chosen=found and not taken,
        reason=_reason(found=found, taken=taken),
    )


def _reason(*, found: bool, taken: bool) -> str:
    if not found:
        return "not installed"
    return "another one is preferred" if taken else "the first one found, in order of preference"
