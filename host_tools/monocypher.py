"""Monocypher's C, which checks signatures on a device, out of pymonocypher's source distribution.

Taken at set-up, pinned by hash, kept in the cache and never in the repository. The distribution has
Monocypher's own file but not its optional SHA-512, which is why there is an hv_sha512.c.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from codegen.errors import HvError
from host_tools.cache import cache_folder, write_atomically
from host_tools.packages import Source, download, member, sha256_of

VERSION = "4.0.3"
_SOURCE = Source(
    requirement="pymonocypher==4.0.3.4",
    sha256="5e56e3d3eb770a53e0b9f6274146663c11a11f3d0de5cd48e3be0428d1b07a4a",
    # pip asks a source distribution for its name; setuptools is here, Cython is not needed for that
    options=("--no-binary", ":all:", "--no-build-isolation"),
)
_FOLDER = "pymonocypher-4.0.3.4"
_MEMBERS = {"monocypher.inc": "monocypher.c", "monocypher.h": "monocypher.h"}
FILES: Mapping[str, str] = {
    "monocypher.inc": "57eb914fc88136119bd41655cccb8c250048bf54d470540625186f8ab16f64be",
    "monocypher.h": "c494da712122da7ff679fdcf318a5317e84972b6c950fe9d896212947797facd",
}


def fetch_monocypher(report: Callable[[str], None]) -> dict[str, bytes]:
    """Returns Monocypher's files by name, from the cache or out of the package.

    Its monocypher.c is called monocypher.inc: hv_monocypher.c includes it, and whoever compiles
    every .c file of a folder shall have it once.

    Args:
        report: told before anything is downloaded.

    Raises:
        HvError: the package cannot be had, or its bytes are not the pinned ones.
    """
    folder = cache_folder("monocypher")
    if not all(_is_there(folder, name) for name in FILES):
        report(f"taking Monocypher {VERSION} out of {_SOURCE.requirement}")
        _unpack(folder)
    return {name: (folder / name).read_bytes() for name in FILES}


def _is_there(folder: Path, name: str) -> bool:
    path = folder / name
    return path.is_file() and sha256_of(path.read_bytes()) == FILES[name]


def _unpack(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        try:
            package = download(_SOURCE, Path(scratch))
        except HvError as error:
            raise HvError(
                error.what,
                where="Monocypher, which checks signatures on the device",
                hint=f"{error.hint}, or build without signatures: --no-signature",
            ) from error
        for name, pinned in FILES.items():
            data = member(package, f"{_FOLDER}/{_MEMBERS[name]}")
            if sha256_of(data) != pinned:
                raise HvError(
                    "the file is not the pinned one",
                    where=f"{_SOURCE.requirement}, {name}",
                    hint="the package has changed; do not use it",
                )
            write_atomically(folder / name, data)


if __name__ == "__main__":
    fetch_monocypher(print)  # at set-up: bootstrap.sh
