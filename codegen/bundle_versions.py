"""A user's pseudonym and the versions of their bundles: `<store>/<user>.bundle.json`.

The pseudonym is 16 random bytes, made once: a device knows by it whose bundle replaces which, and
it tells nothing about the person. The version rises whenever other content is issued; the same
content again is the same version, so that the same input stays the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from codegen.bundle import HIGHEST_VERSION, USER_BYTES, Bundle, write_bundle
from codegen.errors import HvError
from codegen.store import bundle_file, write_whole


@dataclass(frozen=True, kw_only=True)
class Issued:
    """What was issued last; `content` is its SHA-256 without pseudonym, version, signature."""

    user_id: bytes
    version: int
    content: str


def issued(store: Path, name: str, draft: Bundle, wanted: int | None = None) -> Bundle:
    """The draft with the user's pseudonym and its version; remembers both in the store.

    Args:
        store: the folder of users.
        name: the user.
        draft: a bundle without them.
        wanted: this version instead of the next one.

    Raises:
        HvError: the store's file is damaged or cannot be written, or no version is left.
    """
    file = bundle_file(store, name)
    last = _load(file)
    content = _digest(draft)
    if wanted is not None:
        version = wanted
    elif last.content == content:
        version = last.version
    else:
        version = last.version + 1
    if version > HIGHEST_VERSION:
        raise HvError(
            "there is no higher version than the last bundle's",
            where=str(file),
            hint="remove the user and enrol them anew: they get a new pseudonym",
        )
    if version >= last.version:  # what was asked for again, below the last, takes nothing back
        _save(file, Issued(user_id=last.user_id, version=version, content=content))
    return dataclasses.replace(draft, user_id=last.user_id, version=version)


def _digest(draft: Bundle) -> str:
    plain = dataclasses.replace(draft, user_id=bytes(USER_BYTES), version=0, signature=None)
    return hashlib.sha256(write_bundle(plain)).hexdigest()


def _load(file: Path) -> Issued:
    try:
        content = json.loads(file.read_text())
        found = Issued(
            user_id=bytes.fromhex(content["user_id"]),
            version=int(content["version"]),
            content=str(content["content"]),
        )
        if len(found.user_id) != USER_BYTES or not 0 <= found.version <= HIGHEST_VERSION:
            raise ValueError("a value is out of range")
    except FileNotFoundError:
        return Issued(user_id=secrets.token_bytes(USER_BYTES), version=0, content="")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise HvError(
            f"the pseudonym and version of the user's bundles cannot be read: {error}",
            where=str(file),
            hint="restore it from a backup, or remove the user and enrol them anew",
        ) from error
    return found


def _save(file: Path, what: Issued) -> None:
    facts = {"user_id": what.user_id.hex(), "version": what.version, "content": what.content}
    data = (json.dumps(facts, indent=2) + "\n").encode()
    try:
        write_whole(file, data)
    except OSError as error:
        raise HvError(
            f"cannot note the bundle's version: {error.strerror or error}",
            where=str(file),
            hint="check the permissions and the free space of the store",
        ) from error
