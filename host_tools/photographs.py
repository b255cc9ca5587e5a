"""Public-domain photographs for the demonstration, taken out of packages, pinned by hash.

None is kept in the repository. scikit-image's wheel carries NASA's portrait of Eileen Collins;
face_recognition's source distribution carries official portraits of two office-holders.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from host_tools.cache import cache_folder
from host_tools.packages import Packed, Source, unpack


@dataclass(frozen=True, kw_only=True)
class Photograph(Packed):
    """One photograph inside a package; `person` is who is on it."""

    person: str


_PORTRAITS = Source(
    requirement="face_recognition==1.3.0",
    sha256="5e5efdd1686aa566af0d3cc1313b131e4b197657a8ffd03669e6d3fad92705ec",
    options=("--no-binary", ":all:"),
)
_ASTRONAUT = Source(
    requirement="scikit-image==0.26.0",
    sha256="74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    options=(
        "--only-binary=:all:",
        "--python-version=311",
        "--implementation=cp",
        "--platform=manylinux_2_28_x86_64",
    ),
)
_FOLDER = "face_recognition-1.3.0/tests/test_images"


def _portrait(name: str, person: str, sha256: str) -> Photograph:
    member = f"{_FOLDER}/{name}"
    return Photograph(name=name, person=person, source=_PORTRAITS, member=member, sha256=sha256)


PHOTOGRAPHS = (
    _portrait(
        "obama.jpg", "obama", "0930e3aa8cae5920329c0c8cbc6a2ab70f47b0e67b432875beaa95cbf7e741f6"
    ),
    _portrait(
        "obama2.jpg", "obama", "a7efcc907375274796f39646510704aa86672d59f6d5469d69af3c85590976a6"
    ),
    _portrait(
        "obama3.jpg", "obama", "76ac6bf97c36dc2da0ad16a537d6a5ac1b10f48d49aac29a0cca9a17cdbc3ca3"
    ),
    _portrait(
        "biden.jpg", "biden", "3c17508bb91554c637a2eabddfae790e5bb1caba93130814fc2ac50be9760c4c"
    ),
    Photograph(
        name="collins.png",
        person="collins",
        source=_ASTRONAUT,
        member="skimage/data/astronaut.png",
        sha256="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    ),
)


def fetch_photographs(report: Callable[[str], None]) -> dict[str, Path]:
    """Returns every photograph's file by name, from the cache or out of its package.

    Args:
        report: told before anything is downloaded.

    Raises:
        HvError: a package cannot be had, or its bytes are not the pinned ones.
    """
    folder = cache_folder("photographs")
    for source in sorted({photo.source for photo in PHOTOGRAPHS}, key=lambda s: s.requirement):
        wanted = [photo for photo in PHOTOGRAPHS if photo.source == source]
        if not all(photo.is_in(folder) for photo in wanted):
            report(f"taking {len(wanted)} public-domain photographs out of {source.requirement}")
            unpack(wanted, folder)
    return {photo.name: folder / photo.name for photo in PHOTOGRAPHS}
