"""Monocypher's C, which checks signatures on a device, out of pymonocypher's source distribution.

Taken at set-up, pinned by hash, kept in the cache and never in the repository. The distribution has
Monocypher's own file but not its optional SHA-512, which is why there is an hv_sha512.c.
"""

from __future__ import annotations

from collections.abc import Callable

from codegen.errors import HvError
from host_tools.cache import cache_folder
from host_tools.packages import Packed, Source, unpack

VERSION = "4.0.3"
_SOURCE = Source(
    requirement="pymonocypher==4.0.3.4",
    sha256="5e56e3d3eb770a53e0b9f6274146663c11a11f3d0de5cd48e3be0428d1b07a4a",
    # pip asks a source distribution for its name; setuptools is here, Cython is not needed for that
    options=("--no-binary", ":all:", "--no-build-isolation"),
)


def _file(name: str, member: str, sha256: str) -> Packed:
    member = f"pymonocypher-4.0.3.4/{member}"
    return Packed(name=name, source=_SOURCE, member=member, sha256=sha256)


FILES = (
    _file(
        "monocypher.inc",
        "monocypher.c",
        "57eb914fc88136119bd41655cccb8c250048bf54d470540625186f8ab16f64be",
    ),
    _file(
        "monocypher.h",
        "monocypher.h",
        "c494da712122da7ff679fdcf318a5317e84972b6c950fe9d896212947797facd",
    ),
)


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
    if not all(file.is_in(folder) for file in FILES):
        report(f"taking Monocypher {VERSION} out of {_SOURCE.requirement}")
        try:
            unpack(FILES, folder)
        except HvError as error:
            raise HvError(
                error.what,
                where="Monocypher, which checks signatures on the device",
                hint=f"{error.hint}, or build without signatures: --no-signature",
            ) from error
    return {file.name: (folder / file.name).read_bytes() for file in FILES}


if __name__ == "__main__":
    fetch_monocypher(print)  # at set-up: bootstrap.sh
