"""Unpickles plain data only: bytes, lists, tuples, numbers, and numpy's bools and bytes.

A pickle is a program: it may name any function of any module and call it. Here the few names that
numpy's and Python's own writers use stand for harmless doubles, defined below; every other name is
refused before it is looked up. Not even numpy's constructors are called with what a file says.
"""

from __future__ import annotations

import io
import math
import pickle
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray


class PickleFault(Exception):
    """The pickle is damaged, or holds more than plain data."""


def load_plain(data: bytes) -> Any:  # noqa: ANN401 - whatever the pickle holds
    """Reads one pickle, of Python 2 (whose text becomes bytes) or 3.

    Args:
        data: the pickle.

    Returns:
        Lists, tuples, bytes, numbers, and arrays of bool or uint8.

    Raises:
        PickleFault: damaged, or it names something beyond plain data; nothing has been run.
    """
    try:
        return _plain(_Unpickler(io.BytesIO(data), encoding="bytes").load())
    except PickleFault:
        raise
    except Exception as error:  # a damaged pickle raises anything from anywhere
        raise PickleFault(f"{type(error).__name__}: {error}") from error


class _Kind:
    """Stands for `numpy.dtype`; knows two."""

    def __init__(self, name: object = None, *_: object) -> None:
        word = name.decode("latin1") if isinstance(name, bytes) else name
        if word not in ("b1", "bool", "u1", "uint8"):
            raise PickleFault(f"an array of {word!r}")
        self.type: type[np.bool_ | np.uint8] = np.bool_ if word in ("b1", "bool") else np.uint8

    def __setstate__(self, _: object) -> None:
        """Byte order and alignment: of no concern for single bytes."""


class _Array:
    """Stands for `numpy.ndarray`; filled by what numpy pickled as its state."""

    def __init__(self) -> None:
        self.value: NDArray[Any] | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise PickleFault("an array in a form that is not known")
        _, shape, kind, fortran, content = state
        self.value = _filled(content, kind, shape, "F" if fortran else "C")


def _filled(content: object, kind: object, shape: object, order: object) -> Any:  # noqa: ANN401
    if (
        not isinstance(kind, _Kind)
        or not isinstance(content, bytes | bytearray)
        or not isinstance(shape, tuple)
        or not all(type(side) is int and side >= 0 for side in shape)
        or order not in ("C", "F")
        or math.prod(shape) != len(content)
    ):
        raise PickleFault("an array whose content does not fit its shape")
    flat = np.frombuffer(bytes(content), np.uint8)
    values = flat != 0 if kind.type is np.bool_ else flat
    return values.reshape(shape, order="F" if order == "F" else "C")


def _new_array(*_: object) -> _Array:
    return _Array()


def _scalar(kind: object, content: object = b"\0") -> np.bool_ | np.uint8:
    value: np.bool_ | np.uint8 = _filled(_as_bytes(content), kind, (), "C")[()]
    return value


def _from_buffer(content: object, kind: object, shape: object, order: object) -> _Array:
    array = _Array()
    array.value = _filled(content, kind, shape, order)
    return array


def _encode(text: object, encoding: object = b"latin1") -> bytes:
    """How Python 3 writes bytes for readers of Python 2."""
    if encoding not in ("latin1", b"latin1"):
        raise PickleFault(f"text in {encoding!r}")
    return _as_bytes(text)


def _as_bytes(content: object = b"") -> bytes:
    if isinstance(content, str):
        return content.encode("latin1")
    if not isinstance(content, bytes | bytearray):
        raise PickleFault("bytes made of something else")
    return bytes(content)


_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
_DOUBLES: dict[tuple[str, str], object] = {
    ("_codecs", "encode"): _encode,
    **{(module, "bytes"): _as_bytes for module in ("__builtin__", "builtins")},
    **{(module, "bytearray"): _as_bytes for module in ("__builtin__", "builtins")},
    **{(module, "_reconstruct"): _new_array for module in _MULTIARRAY},
    **{(module, "scalar"): _scalar for module in _MULTIARRAY},
    **{(module, "_frombuffer"): _from_buffer for module in _NUMERIC},
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Kind,
}
"""Every name a pickle may use, and what stands for it."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 - a double
        try:
            return _DOUBLES[module, name]
        except KeyError:
            raise PickleFault(f"it names {module}.{name}, which plain data does not need") from None

    def persistent_load(self, _: object) -> NoReturn:
        raise PickleFault("it refers to something outside itself")


def _plain(value: object) -> object:
    """Takes the arrays out of their doubles, two lists deep: as deep as our format goes."""
    if isinstance(value, _Array):
        return value.value
    if isinstance(value, list | tuple):
        return [_inner(part) for part in value]
    return value


def _inner(part: object) -> object:
    if isinstance(part, list | tuple):
        return [item.value if isinstance(item, _Array) else item for item in part]
    return part.value if isinstance(part, _Array) else part
