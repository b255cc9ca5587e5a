"""Makes sure that a device knows somebody."""

from __future__ import annotations

from collections.abc import Callable

from codegen.bundle import read_bundle
from host_tools.link.device import Device


def user_of(bundle: bytes) -> str:
    """The pseudonymous id in a bundle, in hexadecimal."""
    return read_bundle(bundle).user_id.hex()


def number_of(device: Device, bundle: bytes, report: Callable[[str], None]) -> int:
    """Returns the number of a bundle's person on the device, and sends the bundle if need be.

    A device that has another version of it knows the person, but not these weights.

    Raises:
        Refusal: the device does not take it, as when it has a newer one.
    """
    wanted = read_bundle(bundle)
    user = wanted.user_id.hex()
    for person in device.people():
        if (person.user, person.version) == (user, wanted.version) and not person.is_damaged:
            return person.number
    report(f"sending the bundle of {user[:8]}..., {len(bundle):,} bytes ...")
    device.send_bundle(bundle)
    return next(person.number for person in device.people() if person.user == user)
