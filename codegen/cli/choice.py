"""How the kernels are chosen: by a plan, or by a schedule file that `tune` wrote."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from codegen.plans import DEFAULT_PLAN, PLANS

if TYPE_CHECKING:
    from codegen.schedule_file import ScheduleFile

F = TypeVar("F", bound=Callable[..., Any])

SCHEDULE = "schedule"  # what a schedule is called where plans have names


def plan_option(function: F) -> F:
    """`--plan speed|balanced|small` or `--schedule FILE`; the verb gets a `plan`."""

    @functools.wraps(function)
    def chosen(*, plan: str, schedule: Path | None, **options: Any) -> Any:  # noqa: ANN401
        return function(plan=_choice(plan, schedule), **options)

    command: Any = chosen
    for decorator in (
        click.option(
            "--schedule",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="A schedule made by `hvcodegen tune`, instead of a plan.",
        ),
        click.option(
            "--plan",
            type=click.Choice([each.name for each in PLANS]),
            default=DEFAULT_PLAN,
            show_default=True,
            help="What the kernels are chosen for.",
        ),
    ):
        command = decorator(command)
    result: F = command
    return result


def plan_name(plan: str | ScheduleFile) -> str:
    """For people and JSON."""
    return plan if isinstance(plan, str) else SCHEDULE


def read_schedule(path: Path) -> ScheduleFile:
    """A schedule file.

    Raises:
        HvError: it cannot be read, or is no schedule.
    """
    from codegen.errors import HvError
    from codegen.schedule_file import from_text

    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        what = f"cannot read the schedule: {error.strerror or error}"
        raise HvError(what, where=str(path), hint="hvcodegen tune makes one") from error
    except UnicodeDecodeError as error:
        what = "no schedule: it is no text in UTF-8"
        raise HvError(what, where=str(path), hint="hvcodegen tune makes one") from error
    return from_text(text, str(path))


def _choice(plan: str, schedule: Path | None) -> str | ScheduleFile:
    if schedule is None:
        return plan
    source = click.get_current_context().get_parameter_source("plan")
    if source is ParameterSource.COMMANDLINE:
        raise click.UsageError("give --plan or --schedule, not both")
    return read_schedule(schedule)
