"""`hvcodegen users`: who is enrolled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from codegen.cli.common import json_option, print_result, store_option, table


@click.group()
def command() -> None:
    """List, show and remove enrolled users.

    \b
    Examples:
      hvcodegen users list
      hvcodegen users show alice --json
      hvcodegen users remove alice
    """


@command.command("list")
@store_option
@json_option
def list_(store: Path, as_json: bool) -> None:
    """List all enrolled users."""
    from codegen.store import list_users

    names = list_users(store)
    lines = names or [f"nobody is enrolled in {store}"]
    print_result(as_json, {"store": str(store), "users": names}, lines)


@command.command()
@click.argument("user")
@store_option
@json_option
def show(user: str, store: Path, as_json: bool) -> None:
    """Show how a user was enrolled."""
    from codegen.layout import abi_hash, person_layout
    from codegen.scheduled_net import portable
    from codegen.store import load_user

    entry = load_user(store, user)
    net = entry.quant_net
    scheduled = portable(net)
    data: dict[str, Any] = {
        "user": user,
        "architecture": net.arch.name,
        "parameters": net.arch.parameters(),
        "macs": net.arch.macs(),
        "personal": list(net.arch.personal),
        "person_bytes": person_layout(scheduled).size_bytes,
        "threshold": entry.float_net.threshold,
        "abi": abi_hash(scheduled).hex(),
        **entry.facts,
    }
    rows = [(key, value) for key, value in data.items() if not isinstance(value, dict)]
    rows += [(f"gate.{key}", value) for key, value in entry.facts.get("gate", {}).items()]
    print_result(as_json, data, table(("what", "value"), [(k, str(v)) for k, v in rows]))


@command.command()
@click.argument("user")
@store_option
@json_option
def remove(user: str, store: Path, as_json: bool) -> None:
    """Remove a user and their weights from the store."""
    from codegen.store import remove_user

    remove_user(store, user)
    print_result(as_json, {"removed": user}, [f"removed {user} from {store}"])
