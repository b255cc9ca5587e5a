"""The record: for each user the images, a hash of every tensor, the verdicts, and the figures.

A folder with fleet.json, which this file describes, and images/<user>.npy, uint8 [N, image bytes].
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from host_tools.cache import write_atomically

FORMAT = 1
FLEET_FILE = "fleet.json"
IMAGES_FOLDER = "images"
HASH_CHARACTERS = 16  # 64 bits: enough to tell tensors apart, short enough to read


@dataclass(frozen=True, kw_only=True)
class UserRecord:
    """One user.

    Attributes:
        weights: hash of the weights and the threshold as enrolled, before any compiler.
        images: names, for people.
        layers: layer -> hash of its tensor for each image, in the order they run.
        verdicts: score, norm squared and decision (1 or 0) for each image.
        figures: what an inference costs: instructions, cycles (at zero wait states), ram, flash;
            one that is not known is not there.
    """

    weights: str
    images: tuple[str, ...]
    layers: Mapping[str, tuple[str, ...]]
    verdicts: tuple[tuple[int, int, int], ...]
    figures: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Users, and what they were run on.

    Attributes:
        version: of hvcodegen.
        target: name of the codegen target.
        board: name of the emulated board.
        toolchain: what compiled it, in its own words.
        users: by name.
    """

    version: str
    target: str
    board: str
    toolchain: str
    users: Mapping[str, UserRecord]


def tensor_hashes(tensor: NDArray[Any]) -> tuple[str, ...]:
    """Returns a hash for each image of an array [N, ...]: dtype, shape and little-endian bytes."""
    rows = np.ascontiguousarray(tensor.astype(tensor.dtype.newbyteorder("<")))
    head = f"{tensor.dtype.name} {tensor.shape[1:]}".encode()
    return tuple(_short(head + row.tobytes()) for row in rows)


def weights_hash(tensors: Mapping[str, NDArray[Any]], threshold: float) -> str:
    """Returns a hash of all weights and the threshold."""
    digest = hashlib.sha256(repr(float(threshold)).encode("ascii"))
    for name in sorted(tensors):
        for part in tensor_hashes(tensors[name][np.newaxis]):
            digest.update(f"{name} {part}\n".encode())
    return digest.hexdigest()[:HASH_CHARACTERS]


def write_fleet(folder: Path, fleet: Fleet, images: Mapping[str, NDArray[np.uint8]]) -> None:
    """Writes a record; fleet.json comes last, so that a folder with it is whole."""
    (folder / IMAGES_FOLDER).mkdir(parents=True, exist_ok=True)
    for user, rows in images.items():
        path = folder / IMAGES_FOLDER / f"{user}.npy"
        with path.open("wb") as file:
            np.save(file, rows, allow_pickle=False)
    write_record(folder, fleet)


def write_record(folder: Path, fleet: Fleet) -> None:
    """Writes fleet.json alone, over an earlier one."""
    text = json.dumps({"format": FORMAT, **asdict(fleet)}, indent=1, ensure_ascii=False)
    write_atomically(folder / FLEET_FILE, f"{text}\n".encode())


def read_fleet(folder: Path) -> Fleet:
    """Reads fleet.json.

    Raises:
        HvError: there is none, or it is not a record of this version.
    """
    path = folder / FLEET_FILE
    if not path.is_file():
        raise HvError(
            "there is no record", where=str(folder), hint="make one: hvcodegen regress record DIR"
        )
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("format") != FORMAT:
            raise HvError("a record of another version", where=str(path), hint="record it again")
        users = {name: _user(user) for name, user in data.pop("users").items()}
        return Fleet(users=users, **data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HvError(
            f"not a whole record: {error!r}", where=str(path), hint="record it again"
        ) from error


def read_images(folder: Path, user: str) -> NDArray[np.uint8]:
    """Reads a user's images, uint8 [N, image bytes].

    Raises:
        HvError: they are not there, or not such an array.
    """
    path = folder / IMAGES_FOLDER / f"{user}.npy"
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise HvError(
            f"cannot be read: {error}", where=str(path), hint="record it again"
        ) from error
    if not isinstance(rows, np.ndarray) or rows.dtype != np.uint8 or rows.ndim != 2:
        raise HvError("not images, uint8 [N, bytes]", where=str(path), hint="record it again")
    return rows


def forget_images(folder: Path, user: str) -> None:
    """Deletes the images of a user whom the record no longer holds."""
    (folder / IMAGES_FOLDER / f"{user}.npy").unlink(missing_ok=True)


def _user(data: Mapping[str, Any]) -> UserRecord:
    return UserRecord(
        weights=str(data["weights"]),
        images=tuple(data["images"]),
        layers={name: tuple(hashes) for name, hashes in data["layers"].items()},
        verdicts=tuple((int(s), int(n), int(a)) for s, n, a in data["verdicts"]),
        figures={name: int(value) for name, value in data["figures"].items()},
    )


def _short(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:HASH_CHARACTERS]
