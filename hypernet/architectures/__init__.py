"""The architectures that ship: one JSON file each."""

from __future__ import annotations

import json
from pathlib import Path

from codegen.errors import HvError
from codegen.nets import Architecture

_FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The shipped architectures, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.json"))


def load_architecture(name: str | Path) -> Architecture:
    """Reads a shipped architecture by name, or one's own by path.

    Args:
        name: one of `names()`, or the path of a JSON file.

    Raises:
        HvError: no such architecture, no JSON, or not valid.
    """
    path = _FOLDER / f"{name}.json" if str(name) in names() else Path(name)
    try:
        return Architecture.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise HvError(
            f"no architecture {str(name)!r}",
            hint=f"one of {', '.join(names())}, or the path of a JSON file",
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise HvError(f"not an architecture: {error}", where=str(path)) from error
