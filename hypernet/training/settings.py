"""From parsed TOML or JSON to a frozen dataclass: every fault found, each with its key and a hint.

The dataclass is the schema: its annotations say the types, `number` says the limits, and what
`__post_init__` raises as ValueError concerns several keys at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from codegen.errors import HvError

T = TypeVar("T")


def number(default: Any, *, least: float | None = None, most: float | None = None) -> Any:  # noqa: ANN401 - a field's default, as dataclasses.field
    """A field with a default and limits, both allowed themselves."""
    return dataclasses.field(default=default, metadata={"least": least, "most": most})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads settings and collects what is wrong with them.

    Attributes:
        variants: for a base class, what chooses the subclass whose schema a table has; it may
            raise HvError.
        faults: every fault found so far.
    """

    variants: Mapping[type, Callable[[Mapping[str, Any]], type]]
    faults: list[HvError] = dataclasses.field(default_factory=list)

    def read(self, kind: type[T], data: Mapping[str, Any], where: str) -> T | None:
        """Makes a `kind` of `data`.

        Args:
            kind: a dataclass of keyword-only fields.
            data: by field name.
            where: the file, and the table in it, for messages.

        Returns:
            The dataclass; None where anything was wrong, and `faults` says what.
        """
        before = len(self.faults)
        hints = typing.get_type_hints(kind)
        fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
        for key in sorted(data.keys() - fields.keys()):
            self.faults.append(_unknown(key, sorted(fields), where))
        values = {}
        for name, field in fields.items():
            if name in data:
                values[name] = self._value(hints[name], data[name], f"{where}: {name}")
                self._check_limits(field, values[name], f"{where}: {name}")
            elif (
                field.default is dataclasses.MISSING
                and field.default_factory is dataclasses.MISSING
            ):
                fault = HvError(f"{name} is missing", where=where, hint=f"add {name} = ...")
                self.faults.append(fault)
        if len(self.faults) > before:
            return None
        try:
            return kind(**values)
        except ValueError as error:
            self.faults.append(HvError(str(error), where=where))
            return None

    def _value(self, kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - TOML is dynamic
        """The value as the annotation wants it; a fault where it cannot be."""
        origin, inside = typing.get_origin(kind), typing.get_args(kind)
        if origin is types.UnionType:  # X | None
            return None if value is None else self._value(inside[0], value, where)
        if origin is typing.Literal:
            if value not in inside:
                self._fault(f"cannot be {value!r}", where, f"one of {', '.join(map(str, inside))}")
            return value
        if origin is tuple:
            if isinstance(value, list | tuple):
                parts = enumerate(value)
                return tuple(self._value(inside[0], part, f"{where}[{i}]") for i, part in parts)
            return self._fault(f"a list is expected, not {value!r}", where)
        if dataclasses.is_dataclass(kind):
            return self._table(kind, value, where)
        return self._plain(kind, value, where)

    def _table(self, kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - see _value
        if not isinstance(value, Mapping):
            return self._fault(f"a table is expected, not {value!r}", where)
        try:
            schema = self.variants[kind](value) if kind in self.variants else kind
        except HvError as error:
            return self._fault(error.what, where, error.hint)
        return self.read(schema, value, where)

    def _plain(self, kind: Any, value: Any, where: str) -> Any:  # noqa: ANN401 - see _value
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            names = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
            return self._fault(f"{names[kind]} is expected, not {value!r}", where)
        if kind is float and not math.isfinite(value):
            return self._fault(f"a finite number is expected, not {value}", where)
        return value

    def _check_limits(self, field: dataclasses.Field[Any], value: Any, where: str) -> None:  # noqa: ANN401 - see _value
        if not isinstance(value, int | float) or isinstance(value, bool):
            return
        least, most = field.metadata.get("least"), field.metadata.get("most")
        if least is not None and value < least:
            self._fault(f"{value} is too small", where, f"at least {least}")
        if most is not None and value > most:
            self._fault(f"{value} is too large", where, f"at most {most}")

    def _fault(self, what: str, where: str, hint: str = "") -> None:
        self.faults.append(HvError(what, where=where, hint=hint))


def _unknown(key: str, known: list[str], where: str) -> HvError:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return HvError(f"unknown key {key}", where=where, hint=hint)
