"""Errors that a user can cause: what happened, where, and what to do about it."""

from __future__ import annotations

from typing import ClassVar


class HvError(Exception):
    """A fault the user can fix. The command line prints it without a traceback.

    Attributes:
        what: one sentence, the fault itself.
        where: the file, layer, option or value concerned, or "".
        hint: what to do next, or "".
        exit_code: exit status of the command line (README, "Exit codes").
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        """Keeps the three parts apart so that `--json` can print them apart."""
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        """All three parts, one to a line."""
        lines = [self.what]
        if self.where:
            lines.append(f"  where: {self.where}")
        if self.hint:
            lines.append(f"  hint:  {self.hint}")
        return "\n".join(lines)


class OutputsDiffer(HvError):
    """Two implementations gave different bits, or an answer was not the expected one."""

    exit_code = 3


class ProgramMissing(HvError):
    """A compiler, emulator or other program is not installed."""

    exit_code = 4


class GateBreach(HvError):
    """One or more checks on a step's result failed; all of them are in `breaches`."""

    def __init__(
        self,
        step: str,
        breaches: tuple[HvError, ...],
        *,
        what_failed: str = "checks failed",
        hint: str = "",
    ) -> None:
        """Collects every breach of one gate into one error; `hint` is for all of them."""
        self.breaches = breaches
        first = breaches[0]
        if len(breaches) == 1:
            hints = "; ".join(filter(None, (first.hint, hint)))
            super().__init__(f"{step}: {first.what}", where=first.where, hint=hints)
            return
        every = "\n".join(f"- {breach}" for breach in breaches)
        super().__init__(f"{step}: {len(breaches)} {what_failed}\n{every}", hint=hint)
