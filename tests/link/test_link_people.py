"""Whom a device knows already, and whose bundle is sent."""

from __future__ import annotations

import dataclasses

import pytest

from codegen.bundle import Bundle, read_bundle, write_bundle
from host_tools.link.device import Person
from host_tools.link.people import number_of

USER = bytes(range(16))


@dataclasses.dataclass
class KnowsPeople:
    """A device, as far as `number_of` asks one."""

    known: list[Person]

    def people(self) -> list[Person]:
        return self.known

    def send_bundle(self, data: bytes) -> None:
        made = read_bundle(data)
        self.known = [*self.known[1:], _person(made.version, number=7)]


def _person(version: int, *, number: int = 4, size_bytes: int = 96) -> Person:
    return Person(
        number=number, user=USER.hex(), version=version, size_bytes=size_bytes, threshold=1
    )


@pytest.mark.parametrize(
    ("there", "number"),
    [
        (_person(2), 4),
        (_person(1), 7),  # an older one is not these weights
        (_person(2, size_bytes=0), 7),  # damaged
    ],
)
def test_only_the_same_version_is_known(there: Person, number: int) -> None:
    two = write_bundle(Bundle(abi=bytes(32), user_id=USER, version=2))
    device = KnowsPeople([there])
    assert number_of(device, two, lambda _: None) == number  # type: ignore[arg-type]
    assert len(device.known) == 1
