"""`hvcodegen enroll`: from photographs to a person's own network in the store."""

from __future__ import annotations

from pathlib import Path

import click

from codegen.cli.common import DEFAULT_CHECKPOINT, json_option, print_result, store_option, talk


@click.command(short_help="Enrol a person from photographs.")
@click.option("--user", required=True, metavar="NAME", help="Name for the new user.")
@click.option(
    "--image",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="A photograph of the person; several make a better verifier.",
)
@click.option(
    "--checkpoint",
    default=DEFAULT_CHECKPOINT,
    show_default=True,
    metavar="NAME|FILE",
    help="The hypernetwork: pq (last layer personal), pq-full (everything personal), or a card.",
)
@click.option("--replace", is_flag=True, help="Replace the user if already enrolled.")
@store_option
@json_option
def command(
    user: str, files: tuple[Path, ...], checkpoint: str, replace: bool, store: Path, as_json: bool
) -> None:
    """Enrol a person from one or more photographs.

    Finds and aligns the face, generates the person's weights, quantises them, and checks that the
    integer network says what the real one says. Photographs are not kept.

    \b
    Examples:
      hvcodegen enroll --user alice --image alice.jpg
      hvcodegen enroll --user bob --image bob1.jpg --image bob2.jpg --checkpoint pq-full
    """
    from codegen.names import check_user_name
    from codegen.store import User, list_users, save_user

    check_user_name(user)
    if not replace and user in list_users(store):
        from codegen.errors import HvError

        raise HvError(
            f"user {user} is already enrolled",
            where=str(store),
            hint=f"use --replace, or: hvcodegen users remove {user}",
        )
    from codegen.cli.enrolling import enrol_person

    talk(f"enrolling {user} from {len(files)} photograph{'s' if len(files) > 1 else ''} ...")
    enrolled: User = enrol_person(user, files, checkpoint)
    file = save_user(store, enrolled, replace=replace)
    arch = enrolled.quant_net.arch
    gate = enrolled.facts["gate"]
    data = {"user": user, "file": str(file), "architecture": arch.name, **enrolled.facts}
    print_result(
        as_json,
        data,
        [
            f"enrolled {user}: architecture {arch.name}, {arch.parameters():,} parameters, "
            f"{arch.macs():,} multiply-accumulates",
            f"gate passed: int8 against float score {gate['drift']:.4f} (limit 0.05), "
            f"saturation {gate['saturation']:.2%}, "
            f"largest accumulator {gate['largest_accumulator']:,} of 2,147,483,647",
            f"next: hvcodegen emit --user {user} --target cortex-m4",
        ],
    )
