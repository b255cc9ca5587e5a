"""The store of enrolled users: one folder a user, plain files.

    <store>/<user>/user.json          facts, architecture, constants, SHA-256 of the two below
    <store>/<user>/float.safetensors  the person's network in real numbers
    <store>/<user>/quant.safetensors  the same in integers: what passed the gate is what is emitted

Plain files rather than a database: a person is removed by removing a folder, nothing of them
stays in a journal; a user appears and disappears in one rename; and people can look at it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from codegen.errors import HvError
from codegen.names import USER_NAME, check_user_name
from codegen.nets import IMAGE, Architecture, FloatNet, QuantNet
from codegen.ops.base import Quantity, QuantLayer

FORMAT = 1
_FLOAT, _QUANT, _FACTS = "float.safetensors", "quant.safetensors", "user.json"


@dataclass(frozen=True, kw_only=True)
class User:
    """An enrolled person.

    Attributes:
        name: what the command line calls them.
        float_net: the network in real numbers.
        quant_net: the network in integers.
        facts: how the enrolment went: checkpoint, encoder, photographs, gate.
    """

    name: str
    float_net: FloatNet
    quant_net: QuantNet
    facts: Mapping[str, Any]


def save_user(store: Path, user: User, *, replace: bool = False) -> Path:
    """Writes a user: all files, or nothing. Returns the user's folder.

    Raises:
        HvError: the user exists and `replace` is false, or the store cannot be written.
    """
    folder = store / check_user_name(user.name)
    if folder.exists() and not replace:
        raise HvError(
            f"user {user.name} is already enrolled",
            where=str(folder),
            hint="use --replace, or remove the user first: hvcodegen users remove",
        )
    float_bytes = _save(user.float_net.tensors, np.float32)
    quant_bytes = _save(user.quant_net.tensors())
    facts = _facts(user, float_bytes, quant_bytes)
    try:
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=store))
    except OSError as error:
        raise _unusable(store, error) from error
    try:
        for name, data in ((_FLOAT, float_bytes), (_QUANT, quant_bytes), (_FACTS, facts)):
            _write_synced(fresh / name, data)
        if folder.exists():
            _exchange(fresh, folder, store)
        else:
            fresh.replace(folder)
    except OSError as error:
        raise _unusable(store, error) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def load_user(store: Path, name: str) -> User:
    """Reads a user back and checks every byte against its digest.

    Raises:
        HvError: no such user, or a file is missing, truncated or altered.
    """
    folder = store / check_user_name(name)
    if not folder.is_dir():
        known = list_users(store)
        raise HvError(
            f"there is no user {name}",
            where=str(store),
            hint=f"enrolled: {', '.join(known)}"
            if known
            else f"enrol one: hvcodegen enroll --user {name} --image photo.jpg",
        )
    try:
        raw = {file: (folder / file).read_bytes() for file in (_FLOAT, _QUANT, _FACTS)}
        facts = json.loads(raw[_FACTS])
        _check_digests(facts, raw)
        arch = Architecture.from_json(facts["architecture"])
        return User(
            name=name,
            float_net=_float_net(arch, facts, load(raw[_FLOAT])),
            quant_net=_quant_net(arch, facts, load(raw[_QUANT])),
            facts=facts["facts"],
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise HvError(
            f"the store's entry of {name} is damaged: {error}",
            where=str(folder),
            hint="restore it from a backup, or enrol the person again with --replace",
        ) from error


def list_users(store: Path) -> list[str]:
    """Names of all users, sorted."""
    if not store.is_dir():
        return []
    try:
        return sorted(e.name for e in store.iterdir() if USER_NAME.fullmatch(e.name) and e.is_dir())
    except OSError as error:
        raise _unusable(store, error) from error


def remove_user(store: Path, name: str) -> None:
    """Removes a user's folder; raises HvError if there is none."""
    folder = store / check_user_name(name)
    if not folder.is_dir():
        load_user(store, name)  # raises the error that lists who is there
    try:
        _retire(folder, store)
    except OSError as error:
        raise _unusable(store, error) from error


def _retire(folder: Path, store: Path) -> None:
    """Takes a user out of sight in one rename, then deletes the files."""
    grave = Path(tempfile.mkdtemp(prefix=".old-", dir=store))
    folder.replace(grave / folder.name)
    shutil.rmtree(grave, ignore_errors=True)


def _exchange(fresh: Path, folder: Path, store: Path) -> None:
    """Puts `fresh` in the place of `folder`, or leaves `folder` where it was."""
    grave = Path(tempfile.mkdtemp(prefix=".old-", dir=store))
    old = grave / folder.name
    try:
        folder.replace(old)
        fresh.replace(folder)
    except BaseException:
        if old.exists() and not folder.exists():
            old.replace(folder)
        grave.rmdir()
        raise
    shutil.rmtree(grave, ignore_errors=True)


def _save(tensors: Mapping[str, np.ndarray], dtype: type[np.generic] | None = None) -> bytes:
    """Safetensors writes an array's memory as it lies, so it must lie in the order of its axes."""
    return save({name: np.ascontiguousarray(v, dtype) for name, v in tensors.items()})


def _facts(user: User, float_bytes: bytes, quant_bytes: bytes) -> bytes:
    net = user.float_net
    content: dict[str, Any] = {
        "format": FORMAT,
        "architecture": net.arch.to_json(),
        "ranges": {name: list(bounds) for name, bounds in sorted(net.ranges.items())},
        "left_shifts": dict(sorted(net.left_shifts.items())),
        "threshold": net.threshold,
        "layers": {
            layer.name: {
                "scale": layer.quantity.scale,
                "zero_point": layer.quantity.zero_point,
                "constants": dict(layer.constants),
            }
            for layer in user.quant_net.layers
        },
        "facts": dict(user.facts),
        "files": {
            _FLOAT: hashlib.sha256(float_bytes).hexdigest(),
            _QUANT: hashlib.sha256(quant_bytes).hexdigest(),
        },
    }
    content["digest"] = _digest(content)
    return (json.dumps(content, indent=2) + "\n").encode()


def _digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of the facts without the digest itself."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _check_digests(facts: Mapping[str, Any], raw: Mapping[str, bytes]) -> None:
    if facts["format"] != FORMAT:
        raise ValueError(f"format {facts['format']}, this program reads format {FORMAT}")
    if facts["digest"] != _digest(facts):
        raise ValueError(f"{_FACTS} was altered")
    for name, digest in facts["files"].items():
        if hashlib.sha256(raw[name]).hexdigest() != digest:
            raise ValueError(f"{name} was altered")


def _float_net(
    arch: Architecture, facts: Mapping[str, Any], tensors: dict[str, np.ndarray]
) -> FloatNet:
    return FloatNet(
        arch=arch,
        tensors=tensors,
        ranges={name: (lo, hi) for name, (lo, hi) in facts["ranges"].items()},
        threshold=facts["threshold"],
        left_shifts=facts["left_shifts"],
    )


def _quant_net(
    arch: Architecture, facts: Mapping[str, Any], tensors: dict[str, np.ndarray]
) -> QuantNet:
    quantities = {IMAGE: arch.image.quantity}
    layers = []
    for layer in arch.layers:
        stored = facts["layers"][layer.name]
        quantity = Quantity(scale=stored["scale"], zero_point=stored["zero_point"])
        quantities[layer.name] = quantity
        shapes = arch.input_shapes(layer)
        layers.append(
            QuantLayer(
                name=layer.name,
                op=layer.op,
                inputs=layer.inputs,
                input_shapes=shapes,
                output_shape=layer.op.output_shape(shapes),
                input_quantities=tuple(quantities[name] for name in layer.inputs),
                quantity=quantity,
                constants=stored["constants"],
                tensors={
                    name: tensors[f"{layer.name}.{name}"] for name in layer.op.tensor_specs(shapes)
                },
            )
        )
    return QuantNet(arch=arch, layers=tuple(layers))


def _write_synced(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _unusable(store: Path, error: OSError) -> HvError:
    return HvError(
        f"cannot use the store: {error.strerror or error}",
        where=str(store),
        hint="check the permissions and the free space, or choose another with --store",
    )
