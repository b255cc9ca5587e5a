"""Targets that are no board: WebAssembly runs in wasmtime, 64-bit Arm is built."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wasmtime
from elftools.elf.elffile import ELFFile

from codegen import reference
from codegen.emit import emit, write_emission
from codegen.errors import HvError
from codegen.nets import QuantNet
from codegen.schedule import schedule
from codegen.targets import AARCH64, HOST, TARGETS, WASM32, Target
from host_tools.boards import board_names, load_board
from host_tools.manifest import Manifest, load_manifest
from host_tools.other_machines import FLAGS, build_library_for, plan_library_for
from tests.networks import images


@pytest.fixture
def manifest(net: QuantNet, tmp_path: Path) -> Manifest:
    write_emission(emit(schedule(net, WASM32), "someone"), tmp_path / "folder")
    return load_manifest(tmp_path / "folder")


class Module:
    """A WebAssembly module: its functions, and its memory behind what it uses itself."""

    def __init__(self, path: Path) -> None:
        engine = wasmtime.Engine()
        self._store = wasmtime.Store(engine)
        module = wasmtime.Module.from_file(engine, str(path))
        assert not module.imports
        self._exports = wasmtime.Instance(self._store, module, []).exports(self._store)
        self._memory = self._exports["memory"]
        self._next = int(self._exports["__heap_base"].value(self._store))

    def room(self, size_bytes: int) -> int:
        """The address of so many bytes, aligned like a cache line."""
        address = -(-self._next // 64) * 64
        self._next = address + size_bytes
        missing = self._next - self._memory.data_len(self._store)
        if missing > 0:
            self._memory.grow(self._store, -(-missing // 65536))
        return address

    def put(self, data: bytes) -> int:
        address = self.room(len(data))
        self._memory.write(self._store, data, address)
        return address

    def get(self, address: int, size_bytes: int) -> bytes:
        return bytes(self._memory.read(self._store, address, address + size_bytes))

    def call(self, name: str, *arguments: int) -> int:
        return int(self._exports[name](self._store, *arguments))


def test_every_tensor_in_webassembly(net: QuantNet, manifest: Manifest, tmp_path: Path) -> None:
    module = Module(build_library_for(manifest, WASM32, tmp_path / "kernel.wasm"))
    batch = images(net.arch, 5, seed=8)
    sizes = [layer.size_bytes for layer in manifest.layers]
    given, arena = module.put(batch.tobytes()), module.room(manifest.arena_bytes)
    out = module.room(len(batch) * sum(sizes))
    person = module.call("hv_simulator_person")
    assert module.call("hv_simulator_trace", person, given, len(batch), arena, out) == 0
    got = module.get(out, len(batch) * sum(sizes))
    expected = reference.run(net, batch)
    rows = np.frombuffer(got, np.uint8).reshape(len(batch), sum(sizes))
    ends = np.cumsum(sizes)
    for layer, end in zip(manifest.layers, ends, strict=True):
        tensor = rows[:, end - layer.size_bytes : end].copy().view(layer.dtype)
        np.testing.assert_array_equal(
            tensor.reshape(expected[layer.name].shape), expected[layer.name]
        )


def test_a_library_for_64_bit_arm(manifest: Manifest, tmp_path: Path) -> None:
    library = build_library_for(manifest, AARCH64, tmp_path / "libkernel.so")
    with library.open("rb") as stream:
        elf = ELFFile(stream)
        assert elf["e_machine"] == "EM_AARCH64"
        names = {symbol.name for symbol in elf.get_section_by_name(".dynsym").iter_symbols()}
    assert {"hv_simulator_run", "hv_simulator_trace"} <= names


def test_a_board_is_no_other_machine(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(HvError, match="host is not another machine"):
        plan_library_for(manifest, HOST, ("zig", "cc"), tmp_path / "x")


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_proof_of_a_target_is_what_the_tests_do(target: Target) -> None:
    if target.board is not None:
        assert target.proof == load_board(target.board).proof == "emulated"
    else:
        ran_here = {HOST.name, WASM32.name}  # tests/codegen/test_emitted_c.py, and above
        assert target.proof == ("run" if target.name in ran_here else "built")
        assert target.name in {HOST.name, *FLAGS}


def test_every_core_has_a_board() -> None:
    cores = {load_board(name).target for name in board_names()}
    assert cores == {target.name for target in TARGETS if target.board}
