"""A schedule as a file: which kernel computes which layer on a target, and why it was chosen.

    format = 1
    target = "cortex-m4"
    architecture = "net-p"
    valid_for = "5f0c..."                  # SHA-256 of the layers, operators and shapes
    objective = "cycles"
    measured = "mps2-an386 in qemu, arm-none-eabi-gcc 12.2.1"

    [limits]                               # within which it was chosen, bytes
    [total]                                # what one inference costs with it
    [layers]                               # a line each: kernel, its options, what it costs
    conv0 = {kernel = "conv_tile", options = {weight_bits = 8, steps = 24}, cycles = 1000, ...}

Only `target`, `valid_for` and each layer's kernel with its options decide what is emitted; the
rest is for people. Weights are not in the hash: a schedule serves each person of an architecture,
and a model that was calibrated anew. Same schedule, same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from codegen.errors import GateBreach, HvError
from codegen.nets import Architecture

FORMAT = 1
Objective = Literal["cycles", "ram", "flash"]
Unit = Literal["cycles", "instructions"]
Option = int | str | bool

OBJECTIVES: tuple[Objective, ...] = ("cycles", "ram", "flash")
UNITS: tuple[Unit, ...] = ("cycles", "instructions")
_TUNE = "make it again with hvcodegen tune"
HEADING = (
    "# Which kernel computes which layer, chosen by measurement: hvcodegen tune.\n"
    "# Used by emit, build, run, profile and verify with --schedule.\n"
)
_TEXTS = ("target", "architecture", "valid_for", "objective", "measured")
_MEMORIES = ("flash_bytes", "ram_bytes")
_KEYS = {"format", *_TEXTS, "limits", "total", "layers"}
_LAYER_BYTES = ("code_bytes", "weight_bytes", "scratch_bytes")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class LayerChoice:
    """What computes a layer, and what that costs.

    Attributes:
        kernel: its name.
        options: its blocking.
        cost: cycles or instructions of one inference.
        code_bytes: of the layer's own functions.
        weight_bytes: of its tensors as the kernel reads them.
        scratch_bytes: working memory.
    """

    kernel: str
    options: Mapping[str, Option]
    cost: int
    code_bytes: int
    weight_bytes: int
    scratch_bytes: int


@dataclass(frozen=True, kw_only=True)
class ScheduleFile:
    """A schedule and its reasons.

    Attributes:
        target: the core.
        architecture: its name, for people; the network may be called otherwise.
        valid_for: of `valid_for()`.
        objective: what was to be least.
        unit: of all costs; instructions where nothing is published about the core's timing.
        measured: where and how, in words.
        flash_limit_bytes: for code, weights and tables.
        ram_limit_bytes: for arena, input, output, variables and stack.
        cost: of one inference.
        flash_bytes: what it takes of flash.
        ram_bytes: what it takes of RAM.
        layers: by name, in the order they run.
    """

    target: str
    architecture: str
    valid_for: str
    objective: Objective
    unit: Unit
    measured: str
    flash_limit_bytes: int
    ram_limit_bytes: int
    cost: int
    flash_bytes: int
    ram_bytes: int
    layers: Mapping[str, LayerChoice]


def valid_for(arch: Architecture) -> str:
    """SHA-256 of what a schedule depends on, hexadecimal: operators, shapes and wiring."""
    facts = {key: value for key, value in arch.to_json().items() if key != "name"}
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def to_text(chosen: ScheduleFile) -> str:
    """The file's text, TOML."""
    lines = [
        f"format = {FORMAT}",
        *(f"{key} = {_string(getattr(chosen, key))}" for key in _TEXTS),
        "",
        "[limits]",
        f"flash_bytes = {chosen.flash_limit_bytes}",
        f"ram_bytes = {chosen.ram_limit_bytes}",
        "",
        "[total]",
        f"{chosen.unit} = {chosen.cost}",
        f"flash_bytes = {chosen.flash_bytes}",
        f"ram_bytes = {chosen.ram_bytes}",
        "",
        "[layers]",
        *(_layer_line(name, layer, chosen.unit) for name, layer in chosen.layers.items()),
    ]
    return HEADING + "\n".join(lines) + "\n"


def from_text(text: str, where: str) -> ScheduleFile:
    """Reads a schedule.

    Args:
        text: the file's.
        where: what to call it in messages.

    Raises:
        HvError: it is no TOML, or of another format.
        GateBreach: everything else that is wrong with it, all at once.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HvError(f"no schedule: {error}", where=where, hint=_TUNE) from error
    if data.get("format") != FORMAT:
        raise HvError(
            f"a schedule of format {data.get('format')!r}, and this program reads {FORMAT}",
            where=where,
            hint=_TUNE,
        )
    reader = _Reader(where)
    read = reader.schedule(data)
    if reader.faults or read is None:
        raise GateBreach("schedule", tuple(reader.faults))
    return read


class _Reader:
    """Reads the parts and collects what is wrong with them."""

    def __init__(self, where: str) -> None:
        self.faults: list[HvError] = []
        self._where = where

    def schedule(self, data: Mapping[str, Any]) -> ScheduleFile | None:
        self._strangers(data, _KEYS, "")
        texts = {key: self._text(data, key) for key in _TEXTS}
        if texts["objective"] and texts["objective"] not in OBJECTIVES:
            self._fault("objective", f"is none of {', '.join(OBJECTIVES)}")
        if texts["valid_for"] and not _HASH.fullmatch(texts["valid_for"]):
            self._fault("valid_for", "is not 64 hexadecimal digits")
        limits, total = self._table(data, "limits"), self._table(data, "total")
        unit: Unit = "instructions" if "instructions" in total else "cycles"
        self._strangers(limits, set(_MEMORIES), "limits.")
        self._strangers(total, {unit, *_MEMORIES}, "total.")
        numbers = {
            "flash_limit_bytes": self._number(limits, "flash_bytes", "limits."),
            "ram_limit_bytes": self._number(limits, "ram_bytes", "limits."),
            "cost": self._number(total, unit, "total."),
            "flash_bytes": self._number(total, "flash_bytes", "total."),
            "ram_bytes": self._number(total, "ram_bytes", "total."),
        }
        layers = {
            name: self._layer(entry, unit, f"layers.{name}")
            for name, entry in self._table(data, "layers").items()
        }
        if self.faults:
            return None
        fields: dict[str, Any] = {**texts, **numbers, "unit": unit, "layers": layers}
        return ScheduleFile(**fields)

    def _layer(self, entry: object, unit: Unit, where: str) -> LayerChoice | None:
        if not isinstance(entry, dict):
            self._fault(where, "is no table")
            return None
        self._strangers(entry, {"kernel", "options", unit, *_LAYER_BYTES}, f"{where}.")
        kernel = self._text(entry, "kernel", f"{where}.")
        options = entry.get("options", {})
        if not isinstance(options, dict) or not all(
            isinstance(value, Option) for value in options.values()
        ):
            self._fault(f"{where}.options", "is no table of numbers and texts")
            options = {}
        numbers = {key: self._number(entry, key, f"{where}.") for key in _LAYER_BYTES}
        cost = self._number(entry, unit, f"{where}.")
        return LayerChoice(kernel=kernel, options=options, cost=cost, **numbers)

    def _strangers(self, table: Mapping[str, Any], known: set[str], prefix: str) -> None:
        for key in sorted(set(table) - known):
            self._fault(f"{prefix}{key}", "is nothing that a schedule has")

    def _table(self, data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        value = data.get(key)
        if isinstance(value, dict):
            return value
        self._fault(key, "is missing" if value is None else "is no table")
        return {}

    def _text(self, table: Mapping[str, Any], key: str, prefix: str = "") -> str:
        value = table.get(key)
        if isinstance(value, str):
            return value
        self._fault(f"{prefix}{key}", "is missing" if value is None else "is no text")
        return ""

    def _number(self, table: Mapping[str, Any], key: str, prefix: str) -> int:
        value = table.get(key)
        if type(value) is int and value >= 0:
            return value
        self._fault(f"{prefix}{key}", "is missing" if value is None else "is no count")
        return 0

    def _fault(self, key: str, what: str) -> None:
        self.faults.append(HvError(f"{key} {what}", where=self._where, hint=_TUNE))


def _layer_line(name: str, layer: LayerChoice, unit: Unit) -> str:
    options = ", ".join(f"{_key(key)} = {_value(value)}" for key, value in layer.options.items())
    parts = [
        f"kernel = {_string(layer.kernel)}",
        *([f"options = {{{options}}}"] if options else []),
        f"{unit} = {layer.cost}",
        *(f"{key} = {getattr(layer, key)}" for key in _LAYER_BYTES),
    ]
    return f"{_key(name)} = {{{', '.join(parts)}}}"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _string(name)


def _value(value: Option) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else _string(value)


def _string(text: str) -> str:
    """A basic string: JSON's escapes are TOML's, which wants one more."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
