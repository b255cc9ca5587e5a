"""Names that users choose and that end up in file names."""

from __future__ import annotations

import re

from codegen.errors import HvError

USER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def check_user_name(name: str) -> str:
    """Returns the name if it is safe as a file name and in C, else raises HvError."""
    if not USER_NAME.fullmatch(name):
        raise HvError(
            f"{name!r} is no user name",
            hint="up to 32 lower-case letters, digits, - and _, beginning with a letter or digit",
        )
    return name
