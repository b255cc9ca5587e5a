"""The store of enrolled users: one file a user, `<store>/<user>.safetensors`.

Beside it lies `<user>.bundle.json` once a bundle was issued (`bundle_versions`).

Its tensors are "float.<layer>.<tensor>" and "quant.<layer>.<tensor>": what passed the gate is
what is emitted. Its metadata has one entry, "user": architecture, constants, how the enrolment
went, and a SHA-256 of all of it and of the tensors.

Plain files rather than a database: a user appears, changes and disappears in one rename or one
unlink, even if the power fails; nothing of a removed person stays in a journal; and safetensors
is read by every tool of the field.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from codegen.errors import HvError
from codegen.names import USER_NAME, check_user_name
from codegen.nets import IMAGE, Architecture, FloatNet, QuantNet
from codegen.ops.base import Quantity, QuantLayer

FORMAT = 1
SUFFIX = ".safetensors"
BUNDLE_SUFFIX = ".bundle.json"
_FLOAT, _QUANT, _METADATA = "float.", "quant.", "user"


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


def user_file(store: Path, name: str) -> Path:
    """Where a user of that name is kept. Raises HvError if it is no user name."""
    return store / (check_user_name(name) + SUFFIX)


def bundle_file(store: Path, name: str) -> Path:
    """Where the pseudonym and the version of a user's bundles are kept (`bundle_versions`)."""
    return store / (check_user_name(name) + BUNDLE_SUFFIX)


def save_user(store: Path, user: User, *, replace: bool = False) -> Path:
    """Writes a user, whole or not at all. Returns the user's file.

    Raises:
        HvError: the user exists and `replace` is false, or the store cannot be written.
    """
    path = user_file(store, user.name)
    if path.exists() and not replace:
        raise HvError(
            f"user {user.name} is already enrolled",
            where=str(path),
            hint="use --replace, or remove the user first: hvcodegen users remove",
        )
    data = _serialise(user)
    try:
        store.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_whole(path, data)
    except OSError as error:
        raise _unusable(store, error) from error
    return path


def load_user(store: Path, name: str) -> User:
    """Reads a user back and checks every byte against its digest.

    Raises:
        HvError: no such user, or the file is truncated or altered.
    """
    path = user_file(store, name)
    if not path.is_file():
        known = list_users(store)
        raise HvError(
            f"there is no user {name}",
            where=str(store),
            hint=f"enrolled: {', '.join(known)}"
            if known
            else f"enrol one: hvcodegen enroll --user {name} --image photo.jpg",
        )
    try:
        with safe_open(path, framework="numpy") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dict
            content = json.loads((file.metadata() or {})[_METADATA])
        _check(content, tensors)
        arch = Architecture.from_json(content["architecture"])
        return User(
            name=name,
            float_net=_float_net(arch, content, _part(tensors, _FLOAT)),
            quant_net=_quant_net(arch, content, _part(tensors, _QUANT)),
            facts=content["facts"],
        )
    except (OSError, ValueError, KeyError, TypeError, HvError, SafetensorError) as error:
        raise HvError(
            f"the store's entry of {name} is damaged: {error}",
            where=str(path),
            hint="restore it from a backup, or enrol the person again with --replace",
        ) from error


def list_users(store: Path) -> list[str]:
    """Names of all users, sorted."""
    if not store.exists():
        return []
    try:
        files = [entry for entry in store.iterdir() if entry.suffix == SUFFIX and entry.is_file()]
    except OSError as error:
        raise _unusable(store, error) from error
    return sorted(file.stem for file in files if USER_NAME.fullmatch(file.stem))


def remove_user(store: Path, name: str) -> None:
    """Removes a user; raises HvError if there is none."""
    path = user_file(store, name)
    if not path.is_file():
        load_user(store, name)  # raises the error that lists who is there
    try:
        path.unlink()
        bundle_file(store, name).unlink(missing_ok=True)
    except OSError as error:
        raise _unusable(store, error) from error


def _serialise(user: User) -> bytes:
    net = user.float_net
    tensors = {
        # safetensors writes an array's memory as it lies, so it must lie in the order of its axes
        **{_FLOAT + k: np.ascontiguousarray(v, np.float32) for k, v in net.tensors.items()},
        **{_QUANT + k: np.ascontiguousarray(v) for k, v in user.quant_net.tensors().items()},
    }
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
    }
    content = json.loads(json.dumps(content))  # as it will be read: tuples become lists
    content["digest"] = _digest(content, tensors)
    return save(tensors, metadata={_METADATA: json.dumps(content, sort_keys=True)})


def _digest(content: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    """SHA-256 of everything but the digest itself."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode())
    for name, values in sorted(tensors.items()):
        digest.update(f"{name} {values.dtype} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


def _check(content: Any, tensors: Mapping[str, np.ndarray]) -> None:  # noqa: ANN401 - any JSON
    if content["format"] != FORMAT:
        raise ValueError(f"format {content['format']}, this program reads format {FORMAT}")
    if content["digest"] != _digest(content, tensors):
        raise ValueError("it was altered")


def _part(tensors: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): values
        for name, values in tensors.items()
        if name.startswith(prefix)
    }


def _float_net(
    arch: Architecture, content: Mapping[str, Any], tensors: dict[str, np.ndarray]
) -> FloatNet:
    return FloatNet(
        arch=arch,
        tensors=tensors,
        ranges={name: (lo, hi) for name, (lo, hi) in content["ranges"].items()},
        threshold=content["threshold"],
        left_shifts=content["left_shifts"],
    )


def _quant_net(
    arch: Architecture, content: Mapping[str, Any], tensors: dict[str, np.ndarray]
) -> QuantNet:
    quantities = {IMAGE: arch.image.quantity}
    layers = []
    for layer in arch.layers:
        stored = content["layers"][layer.name]
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
    return QuantNet(arch=arch, layers=tuple(layers), input_quantities={IMAGE: arch.image.quantity})


def write_whole(path: Path, data: bytes) -> None:
    """Writes a file: others see the old file or the new one, even after a power cut."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def _unusable(store: Path, error: OSError) -> HvError:
    return HvError(
        f"cannot use the store: {error.strerror or error}",
        where=str(store),
        hint="check the permissions and the free space, or choose another with --store",
    )
