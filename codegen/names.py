"""Names that users choose and that end up in file names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from codegen.errors import HvError

USER_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def near_names(name: str, names: Sequence[str]) -> str:
    """For the hint of an error: the nearest names that exist, and all of them."""
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    question = f"did you mean {' or '.join(near)}? " if near else ""
    return f"{question}known: {', '.join(names)}"


def check_user_name(name: str) -> str:
    """Returns the name if it is safe as a file name and in C, else raises HvError."""
    if not USER_NAME.fullmatch(name):
        raise HvError(
            f"{name!r} is no user name",
            hint="up to 32 lower-case letters, digits, - and _, beginning with a letter or digit",
        )
    return name
