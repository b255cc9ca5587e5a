"""Finds the folders that are not Python: `templates` and `firmware`."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Returns the folder `templates` or `firmware`.

    The checkout comes first: an editable install copies force-included folders once,
    and that copy goes stale.
    """
    checkout = _PACKAGE.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    return _PACKAGE / "_resources" / name
