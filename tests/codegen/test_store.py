"""The store of users: what goes in comes out; damage is refused; an interruption loses nobody."""

from __future__ import annotations

import dataclasses
import errno
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save

from codegen.emit import emit
from codegen.errors import HvError
from codegen.names import check_user_name
from codegen.nets import Architecture, QuantNet
from codegen.quantise import quantise
from codegen.schedule import schedule
from codegen.store import (
    User,
    list_users,
    load_user,
    remove_user,
    save_user,
)
from codegen.targets import find_target
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL
from tests.networks import float_net

TARGET = find_target("cortex-m4")


def _user(name: str = "anna", seed: int = 2, data: dict[str, object] = CONV_HEAD) -> User:
    net = float_net(Architecture.from_json(data), person_seed=seed)
    facts = {"checkpoint": "test", "drift": 0.0125, "probes": 3}
    return User(name=name, float_net=net, quant_net=quantise(net), facts=facts)


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def _same(one: QuantNet, two: QuantNet) -> None:
    left, right = one.tensors(), two.tensors()
    assert list(left) == list(right)
    for name, values in left.items():
        np.testing.assert_array_equal(values, right[name])
        assert values.dtype == right[name].dtype
    for a, b in zip(one.layers, two.layers, strict=True):
        assert dataclasses.replace(a, tensors={}) == dataclasses.replace(b, tensors={})


@pytest.mark.parametrize("data", [CONV_HEAD, DEPTHWISE_ALL], ids=lambda d: d["name"])
def test_what_goes_in_comes_out(tmp_path: Path, data: dict[str, object]) -> None:
    user = _user(data=data)
    save_user(tmp_path / "store", user)
    back = load_user(tmp_path / "store", "anna")
    assert back.facts == user.facts
    assert back.float_net.arch == user.float_net.arch
    assert back.float_net.ranges == user.float_net.ranges
    assert back.float_net.threshold == user.float_net.threshold
    for name, values in user.float_net.tensors.items():
        np.testing.assert_array_equal(values, back.float_net.tensors[name])
    _same(user.quant_net, back.quant_net)
    assert (
        emit(schedule(user.quant_net, TARGET), "anna").files
        == emit(schedule(back.quant_net, TARGET), "anna").files
    )


def test_arrays_of_any_memory_order_are_kept(tmp_path: Path) -> None:
    user = _user()
    weight = user.float_net.tensors["conv0.weight"]
    strided = np.asfortranarray(weight)
    tensors = {**user.float_net.tensors, "conv0.weight": strided}
    net = dataclasses.replace(user.float_net, tensors=tensors)
    save_user(tmp_path, dataclasses.replace(user, float_net=net))
    np.testing.assert_array_equal(
        load_user(tmp_path, "anna").float_net.tensors["conv0.weight"], weight
    )


def test_saving_is_deterministic(tmp_path: Path) -> None:
    for store in ("one", "two"):
        save_user(tmp_path / store, _user())
    assert _tree(tmp_path / "one") == _tree(tmp_path / "two")


def test_truncated_and_empty_files_are_refused(tmp_path: Path) -> None:
    path = save_user(tmp_path, _user())
    data = path.read_bytes()
    for size in (0, 1, 7, len(data) // 2, len(data) - 2):
        path.write_bytes(data[:size])
        with pytest.raises(HvError, match="entry of anna is damaged"):
            load_user(tmp_path, "anna")


def test_any_altered_byte_is_refused(tmp_path: Path) -> None:
    path = save_user(tmp_path, _user())
    data = path.read_bytes()
    positions = np.linspace(0, len(data) - 2, 240, dtype=int).tolist()
    for position in positions:
        if data[position : position + 1].isspace():
            continue  # white space between JSON's words carries nothing
        changed = bytearray(data)
        changed[position] ^= 0x01
        path.write_bytes(bytes(changed))
        try:
            back = load_user(tmp_path, "anna")
        except HvError:
            continue
        _same(back.quant_net, _user().quant_net)  # e.g. the 18th digit of a number in JSON
        assert back.facts == _user().facts


@pytest.mark.parametrize("text", ["[]", "null", "7", '"x"', "{}", '{"format": 2}', "{", "\xff"])
def test_other_json_is_refused(tmp_path: Path, text: str) -> None:
    path = save_user(tmp_path, _user())
    path.write_bytes(save({"float.x": np.zeros(1, np.float32)}, metadata={"user": text}))
    with pytest.raises(HvError, match="is damaged"):
        load_user(tmp_path, "anna")


def test_tensors_of_another_user_are_refused(tmp_path: Path) -> None:
    files = [save_user(tmp_path, _user(name, seed=s)) for name, s in (("anna", 2), ("bernd", 3))]
    heads = [8 + int.from_bytes(file.read_bytes()[:8], "little") for file in files]
    anna, bernd = (file.read_bytes() for file in files)
    files[0].write_bytes(anna[: heads[0]] + bernd[heads[1] :])
    with pytest.raises(HvError, match="it was altered"):
        load_user(tmp_path, "anna")
    load_user(tmp_path, "bernd")


def test_an_existing_user_is_replaced_only_on_request(tmp_path: Path) -> None:
    save_user(tmp_path, _user())
    with pytest.raises(HvError, match="already enrolled"):
        save_user(tmp_path, _user(seed=3))
    _same(load_user(tmp_path, "anna").quant_net, _user().quant_net)
    save_user(tmp_path, _user(seed=3), replace=True)
    _same(load_user(tmp_path, "anna").quant_net, _user(seed=3).quant_net)
    assert [p.name for p in tmp_path.iterdir()] == ["anna.safetensors"], (
        "nothing of the old user stays"
    )


ERRORS = [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), MemoryError()]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("function", ["os.fsync", "pathlib.Path.replace", "pathlib.Path.unlink"])
def test_an_interrupted_save_leaves_the_old_user_or_the_new(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    function: str,
) -> None:
    save_user(tmp_path, _user())
    module, _, name = function.rpartition(".")
    owner = {"os": os, "pathlib.Path": Path}[module]
    real = getattr(owner, name)
    calls: list[object] = []

    def interrupted(*args: object, **kwargs: object) -> object:
        calls.append(args)
        if len(calls) == 1:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(owner, name, interrupted)
    completed = False
    try:
        save_user(tmp_path, _user(seed=3), replace=True)
        completed = True
    except (HvError, KeyboardInterrupt, MemoryError):
        pass
    monkeypatch.undo()
    assert calls
    assert list_users(tmp_path) == ["anna"]
    found = load_user(tmp_path, "anna").quant_net.tensors()["head.weight"].tolist()
    old, new = (_user(seed=s).quant_net.tensors()["head.weight"].tolist() for s in (2, 3))
    assert found in ((new,) if completed else (old, new))


def test_a_failed_first_save_leaves_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(HvError, match="No space left"):
        save_user(tmp_path, _user())
    assert not any(tmp_path.iterdir())


def test_removing(tmp_path: Path) -> None:
    for name in ("anna", "bernd"):
        save_user(tmp_path, _user(name))
    remove_user(tmp_path, "anna")
    assert list_users(tmp_path) == ["bernd"]
    assert [p.name for p in tmp_path.iterdir()] == ["bernd.safetensors"]
    with pytest.raises(HvError, match="no user anna") as caught:
        remove_user(tmp_path, "anna")
    assert "bernd" in caught.value.hint


def test_an_empty_or_missing_store_has_nobody(tmp_path: Path) -> None:
    assert list_users(tmp_path / "nowhere") == []
    with pytest.raises(HvError, match="no user anna") as caught:
        load_user(tmp_path / "nowhere", "anna")
    assert "hvcodegen enroll" in caught.value.hint


def test_only_its_own_files_are_users(tmp_path: Path) -> None:
    save_user(tmp_path, _user())
    (tmp_path / "notes").write_text("not a user")
    assert list_users(tmp_path) == ["anna"]


@pytest.mark.parametrize("name", ["a", "anna", "0", "a-b_c9", "x" * 32])
def test_good_names(name: str) -> None:
    assert check_user_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Anna", "a b", "a/b", "..", ".a", "-a", "_a", "a\n", "x" * 33, "änna", "a\0b"]
)
def test_bad_names(tmp_path: Path, name: str) -> None:
    for call in (
        lambda n: load_user(tmp_path, n),
        lambda n: remove_user(tmp_path, n),
    ):
        with pytest.raises(HvError, match="no user name"):
            call(name)


def test_the_store_is_private(tmp_path: Path) -> None:
    """A person's weights are biometric data: nobody else on the machine reads them."""
    store = tmp_path / "store"
    folder = save_user(store, _user())
    assert store.stat().st_mode & 0o077 == 0
    assert folder.stat().st_mode & 0o077 == 0


def test_other_tools_can_read_a_user(tmp_path: Path) -> None:
    path = save_user(tmp_path, _user())
    with safe_open(path, framework="numpy") as file:
        head = file.get_tensor("quant.head.weight")
    assert head.tolist() == _user().quant_net.tensors()["head.weight"].tolist()
