"""The command line: one file per verb, each parses, calls, prints.

Verb modules import nothing heavy at their top, so that `--help` is quick.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import click

from codegen import __version__
from codegen.errors import GateBreach, HvError

VERBS = (
    "enroll",
    "users",
    "emit",
    "keys",
    "simulate",
    "build",
    "run",
    "flash",
    "send",
    "profile",
    "tune",
    "verify",
    "monitor",
    "stream",
    "export",
    "inspect",
    "regress",
    "evaluate",
    "train",
    "targets",
    "boards",
    "doctor",
    "demo",
)
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


class VerbGroup(click.Group):
    """Loads verbs by name, and turns every user error into its message and exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the work, not of the alphabet."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the verb's module."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"codegen.cli.{cmd_name}").command
        return command

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Runs a verb."""
        try:
            return super().invoke(ctx)
        except HvError as error:
            _print_error(error)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo("interrupted; nothing was left half-written", err=True)
            ctx.exit(INTERRUPTED)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            _print_error(_from_os(error))
            ctx.exit(HvError.exit_code)


def _print_error(error: HvError) -> None:
    if _json_asked():
        click.echo(json.dumps({"error": _as_json(error)}, indent=2))
    click.echo(f"error: {error}", err=True)


def _json_asked() -> bool:
    context = click.get_current_context(silent=True)
    return bool(context and context.find_root().meta.get("json"))


def _as_json(error: HvError) -> dict[str, Any]:
    content: dict[str, Any] = {"what": error.what, "where": error.where, "hint": error.hint}
    if isinstance(error, GateBreach):
        content["breaches"] = [_as_json(breach) for breach in error.breaches]
    return content


def _from_os(error: OSError) -> HvError:
    return HvError(
        error.strerror or str(error),
        where=str(error.filename or ""),
        hint="check the path, the permissions and the free space",
    )


@click.group(cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hvcodegen")
def cli() -> None:
    """From one photograph to verified face-recognition firmware.

    \b
    Enrol a person, make their code, prove it, run it:
      hvcodegen enroll --user alice --image alice.jpg
      hvcodegen emit --user alice --target cortex-m4
      hvcodegen verify --user alice --target cortex-m4 --image alice.jpg

    \b
    Or take any small network from an ONNX file:
      hvcodegen emit --onnx model.onnx --calibration samples.npz --target cortex-m4

    Exit codes: 0 done, 1 something you can fix, 2 wrong usage, 3 outputs differ,
    4 a program is missing.
    """


def main() -> None:
    """Entry point of the `hvcodegen` program."""
    cli(prog_name="hvcodegen")
