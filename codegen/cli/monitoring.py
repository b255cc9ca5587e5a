"""What `monitor` asks and prints."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from codegen.errors import OutputsDiffer
from host_tools.link import protocol
from host_tools.link.device import Device

_ROW = "{:>5}  {:<10}  {:>12}  {:<8}  {:<8}  {:>9}"


class Monitor:
    """Watches one device, after `hello`."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._identity = device.identity()
        self._people = device.people() if self._identity.person_bytes else ()

    def introduce(self, as_json: bool) -> None:
        """Who it is and whom it knows."""
        identity = self._identity
        if as_json:
            people = [asdict(person) for person in self._people]
            click.echo(json.dumps({"identity": asdict(identity), "people": people}))
            return
        height, width, channels = identity.image_shape
        image = f"{height} x {width} x {channels}" if height else f"{identity.image_bytes} bytes"
        click.echo(f"board   {identity.board}")
        click.echo(f"kernel  {identity.model}, {identity.layers} layers, ABI {identity.abi[:16]}")
        click.echo(f"image   {image}")
        click.echo(
            f"people  {identity.people} of {identity.slots}, "
            f"bundles up to {identity.slot_bytes:,} bytes"
        )
        for person in self._people:
            click.echo(
                f"        {person.number}: {person.user}, version {person.version}, "
                + ("DAMAGED" if person.is_damaged else f"{person.size_bytes:,} bytes")
            )
        click.echo("")
        click.echo(_ROW.format("round", "person", "accumulator", "verdict", "known", "ms"))

    def round(self, number: int, as_json: bool) -> None:
        """One known answer of each person, or of the network.

        Raises:
            OutputsDiffer: the device computed something else.
            Refusal: a layer of a network gave other bytes.
        """
        if not self._identity.person_bytes:
            self._row(number, "-", as_json)
        for person in self._people:
            if person.is_damaged:
                continue
            self._row(number, person.user[:8], as_json, person.number)

    def _row(self, number: int, who: str, as_json: bool, person: int = 0) -> None:
        now = self._device.link.transport.now
        begun = now()
        data = self._device.selftest(person)
        ms = 1000 * (now() - begun)
        facts: dict[str, Any] = {"round": number, "person": who, "ms": round(ms, 1)}
        equal = True
        score, verdict = "-", "-"
        if len(data) == protocol.TESTED.size:
            _, *numbers = protocol.TESTED.unpack(data)
            expected, got = numbers[:3], numbers[3:]
            equal = expected == got
            score, verdict = f"{got[0]:,}", "accepted" if got[2] else "rejected"
            facts |= {"score": got[0], "norm_squared": got[1], "accepted": bool(got[2])}
        facts["equal"] = equal
        known = "equal" if equal else "DIFFERS"
        line = _ROW.format(number, who, score, verdict, known, f"{ms:.1f}")
        click.echo(json.dumps(facts) if as_json else line)
        if not equal:
            raise OutputsDiffer(
                f"the device computed {got}, the known answer is {expected}",
                where=f"{self._identity.board}, person {who}",
                hint="do not use this device",
            )
