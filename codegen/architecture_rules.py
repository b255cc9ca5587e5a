"""What an architecture must keep to: types in its JSON, names, image, wiring."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from codegen.errors import HvError
from codegen.ops.base import DType, Op, Shape

IMAGE = "image"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_NAME_HINT = "a lower-case letter, then letters, digits and _; not 'image'"
_ARCHITECTURE_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")

# what the C around a kernel is called already: hv_<architecture>.h, hv_<architecture>_<layer>()
# fmt: off
_TAKEN_ARCHITECTURES = frozenset({
    "accept", "arena", "arith", "at", "bundle", "clamp", "core", "crc32", "exit", "file", "known",
    "layer", "memory", "model", "person", "requantise", "reset", "result", "selftest",
    "semihosting", "simulator", "stack", "status", "tensor", "trace", "types", "vector", "vectors",
})
_TAKEN_LAYERS = frozenset({
    "abi", "arena_t", "layer", "person_from_bundle", "person_t", "run", "shared", "shared_t",
    "tensors",
})
# fmt: on

_TOP = {"name": str, "image": Mapping, "layers": list, "personal": list}
_IMAGE = {"height": int, "width": int, "channels": int, "scale": (int, float)}
_NETWORK = {"name": str, "inputs": list, "layers": list, "outputs": list}
_INPUT = {"name": str, "shape": list}
_LAYER = {"name": str, "op": str, "inputs": list}


def check_json(data: Mapping[str, Any]) -> None:
    """Raises HvError unless the keys that every architecture has are there, with their types."""
    _check_keys(data, _TOP, "the architecture")
    _check_keys(data["image"], _IMAGE, "image")
    unknown = sorted(set(data["image"]) - set(_IMAGE))
    if unknown:
        raise HvError(f"image has no field {', '.join(map(str, unknown))}")
    _check_layers(data["layers"])
    _check_texts("personal", data["personal"])


def check_network_json(data: Mapping[str, Any]) -> None:
    """The same for a network that is no verifier: named inputs and outputs."""
    _check_keys(data, _NETWORK, "the network")
    for index, entry in enumerate(data["inputs"]):
        if not isinstance(entry, Mapping):
            raise HvError(f"input {index} is no table of fields")
        _check_keys(entry, _INPUT, f"input {index}")
    _check_layers(data["layers"])
    _check_texts("outputs", data["outputs"])


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


def input_faults(shapes: Mapping[str, Shape]) -> list[HvError]:
    """What a network is given: names and sizes."""
    faults = [
        HvError(
            f"no {name}: its shape is {shape}", where=name, hint="every size is a positive integer"
        )
        for name, shape in shapes.items()
        if not shape or not all(type(size) is int and size > 0 for size in shape)
    ]
    names = [name for name in shapes if name != IMAGE]
    return faults + [
        HvError(f"{name!r} is no name of an input", where=name, hint=_NAME_HINT)
        for name in names
        if not _NAME.fullmatch(name)
    ]


def output_faults(
    outputs: tuple[str, ...],
    known: Mapping[str, DType],
    ops: Sequence[Op],
    *,
    is_verifier: bool,
) -> list[HvError]:
    """A verifier ends with its one decision; any other network has none, and leaves something."""
    decisions = sum(op.is_decision for op in ops)
    faults = []
    if is_verifier and (not ops or not ops[-1].is_decision):
        faults.append(HvError("the last layer must be a decision"))
    if is_verifier and decisions > 1:
        faults.append(HvError("there must be one decision, the last layer"))
    if not is_verifier and decisions:
        faults.append(HvError("a decision needs the camera's image as the network's input"))
    if not is_verifier and not outputs:
        faults.append(HvError("the network has no output"))
    faults += [HvError(f"the output {name!r} is no layer") for name in outputs if name not in known]
    return faults


def wiring_faults(
    name: str, op: Op, inputs: tuple[str, ...], known: Mapping[str, DType]
) -> list[HvError]:
    """A layer's name, and whether it can read what it wants to; `known`: earlier outputs."""
    faults = []
    if name in _TAKEN_LAYERS:
        faults.append(HvError(f"the kernel uses the name {name} itself"))
    if not _NAME.fullmatch(name) or name == IMAGE:
        faults.append(HvError(f"{name!r} is no layer name", hint=_NAME_HINT))
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


def _check_layers(layers: list[Any]) -> None:
    for index, entry in enumerate(layers):
        if not isinstance(entry, Mapping):
            raise HvError(f"layer {index} is no table of fields")
        if type(entry.get("inputs")) is list:
            _check_texts("inputs", entry["inputs"])


def _check_texts(key: str, texts: list[Any]) -> None:
    if not all(isinstance(text, str) for text in texts):
        raise HvError(f"{key} must hold texts")
