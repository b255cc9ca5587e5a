"""Where results that can be made again are kept, and how files appear whole or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import platformdirs

# Set this to keep the cache somewhere else, for instance in a build machine's scratch folder.
CACHE_VARIABLE = "HVCODEGEN_CACHE_DIR"


def cache_folder(name: str) -> Path:
    """Returns the cache's folder `name`, created when needed."""
    chosen = os.environ.get(CACHE_VARIABLE)
    root = Path(chosen).absolute() if chosen else platformdirs.user_cache_path("hvcodegen")
    folder = root / name
    # nobody else's: a library here holds the weights of the person it was built for
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def content_hash(parts: Iterable[bytes]) -> str:
    """Returns the SHA-256 of byte strings, in hexadecimal; where one part ends matters."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file that others see as it was or complete, even when two write it at once."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
