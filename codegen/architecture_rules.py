"""What an architecture must keep to: types in its JSON, names, image, wiring."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from codegen.errors import HvError
from codegen.ops.base import DType, Op

IMAGE = "image"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ARCHITECTURE_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")

# what the C around a kernel is called already: hv_<architecture>.h, hv_<architecture>_<layer>()
# fmt: off
_TAKEN_ARCHITECTURES = frozenset({
    "accept", "arena", "arith", "at", "bundle", "clamp", "crc32", "exit", "file", "known", "layer",
    "memory", "model", "person", "requantise", "result", "selftest", "semihosting", "simulator",
    "stack", "startup", "status", "tensor", "trace", "types", "vector", "vectors",
})
_TAKEN_LAYERS = frozenset({
    "abi", "arena_t", "layer", "person_from_bundle", "person_t", "run", "shared", "shared_t",
    "tensors",
})
# fmt: on

_TOP = {"name": str, "image": Mapping, "layers": list, "personal": list}
_IMAGE = {"height": int, "width": int, "channels": int, "scale": (int, float)}
_LAYER = {"name": str, "op": str, "inputs": list}


def check_json(data: Mapping[str, Any]) -> None:
    """Raises HvError unless the keys that every architecture has are there, with their types."""
    _check_keys(data, _TOP, "the architecture")
    _check_keys(data["image"], _IMAGE, "image")
    unknown = sorted(set(data["image"]) - set(_IMAGE))
    if unknown:
        raise HvError(f"image has no field {', '.join(map(str, unknown))}")
    for index, entry in enumerate(data["layers"]):
        if not isinstance(entry, Mapping):
            raise HvError(f"layer {index} is no table of fields")
    for key, texts in (("personal", data["personal"]), *_layer_inputs(data["layers"])):
        if not all(isinstance(text, str) for text in texts):
            raise HvError(f"{key} must hold texts")


def check_layer_json(entry: Mapping[str, Any]) -> None:
    """The same for one layer."""
    _check_keys(entry, _LAYER, "a layer")


def name_faults(name: str) -> list[HvError]:
    """An architecture's name becomes part of C names and file names."""
    if not _ARCHITECTURE_NAME.fullmatch(name):
        return [
            HvError(
                f"{name!r} is no architecture name",
                hint="a lower-case letter, then letters, digits and dashes",
            )
        ]
    if name in _TAKEN_ARCHITECTURES:
        return [HvError(f"the C runtime uses the name hv_{name} itself", hint="choose another")]
    return []


def image_faults(sizes: tuple[int, ...], scale: float) -> list[HvError]:
    """Height, width and channels, and what a byte's unit stands for."""
    if all(type(size) is int and size > 0 for size in sizes) and 0 < scale < math.inf:
        return []
    return [
        HvError(
            f"no image: {sizes} with scale {scale}",
            where="image",
            hint="height, width and channels are positive integers, scale is a positive number",
        )
    ]


def wiring_faults(
    name: str, op: Op, inputs: tuple[str, ...], known: Mapping[str, DType]
) -> list[HvError]:
    """A layer's name, and whether it can read what it wants to; `known`: earlier outputs."""
    faults = []
    if name in _TAKEN_LAYERS:
        faults.append(HvError(f"the kernel uses the name {name} itself"))
    if not _NAME.fullmatch(name) or name == IMAGE:
        faults.append(
            HvError(
                f"{name!r} is no layer name",
                hint="a lower-case letter, then letters, digits and _; not 'image'",
            )
        )
    if name in known:
        faults.append(HvError("the name is used twice"))
    if op.input_count is None and not inputs:
        faults.append(HvError(f"{op.kind} takes one input or more"))
    if op.input_count is not None and len(inputs) != op.input_count:
        faults.append(HvError(f"{op.kind} takes {op.input_count} inputs"))
    faults += [
        HvError(f"reads {source!r}, which is no earlier layer")
        for source in inputs
        if source not in known
    ]
    if IMAGE in inputs and not op.reads_image:
        faults.append(HvError(f"{op.kind} cannot read camera bytes"))
    return faults + _type_faults(op, inputs, known)


def _type_faults(op: Op, inputs: tuple[str, ...], known: Mapping[str, DType]) -> list[HvError]:
    faults = []
    for index, source in enumerate(inputs):
        expected = "int32" if index < op.accumulator_inputs else "int8"
        if known.get(source, expected) != expected:
            what = "one int32 accumulator" if expected == "int32" else "int8 values"
            faults.append(HvError(f"{op.kind} needs {what}, and {source} is {known[source]}"))
    return faults


def _check_keys(data: Any, types: Mapping[str, Any], what: str) -> None:  # noqa: ANN401 - JSON
    missing = [key for key in types if key not in data]
    if missing:
        raise HvError(f"{what} has no {', '.join(missing)}")
    for key, kind in types.items():
        if not isinstance(data[key], kind) or isinstance(data[key], bool):
            raise HvError(f"{what}: {key} cannot be {data[key]!r}")


def _layer_inputs(layers: list[Mapping[str, Any]]) -> list[tuple[str, list[Any]]]:
    return [("inputs", entry["inputs"]) for entry in layers if type(entry.get("inputs")) is list]
