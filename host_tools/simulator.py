"""Runs an emitted kernel on this machine: the same C, as a library called through cffi."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import cffi
import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from host_tools.host_library import build_host_library
from host_tools.manifest import load_manifest
from host_tools.run import image_rows
from host_tools.toolchain import Purpose, Toolchain, choose

# The declarations of firmware/apps/simulator/hv_simulator.h, as cffi reads them.
DECLARATIONS = """
const char *hv_simulator_abi(void);
uint32_t hv_simulator_person_bytes(void);
const void *hv_simulator_person(void);
int32_t hv_simulator_run(const void *person, const uint8_t images[], uint32_t count,
                         uint8_t arena[], uint8_t results[]);
int32_t hv_simulator_trace(const void *person, const uint8_t images[], uint32_t count,
                           uint8_t arena[], uint8_t tensors[]);
"""

# At least HV_MODEL_ARENA_ALIGNMENT and the alignment of a person's weights; a cache line.
ALIGNMENT = 64

# hv_status_t of firmware/runtime/hv_types.h
_STATUS_OK = 0


class Simulator:
    """An emitted folder's kernel, loaded into this process.

    Each call has an arena of its own, so threads may share a Simulator.
    """

    def __init__(
        self, folder: Path, *, person: bytes | None = None, toolchain: Toolchain | None = None
    ) -> None:
        """Compiles the folder, or finds it in the cache, and loads it.

        Args:
            folder: an emitted folder.
            person: another person's weights, the payload of a bundle; None takes the folder's own.
            toolchain: a host compiler; None takes the preferred one.

        Raises:
            HvError: not an emitted folder, it does not compile, or the weights have another size.
            ProgramMissing: no host compiler is installed.
        """
        self.manifest = load_manifest(folder)
        library = build_host_library(self.manifest, toolchain or choose(Purpose.HOST))
        self._ffi: Any = cffi.FFI()
        self._ffi.cdef(DECLARATIONS)
        self._library: Any = self._ffi.dlopen(str(library))
        self._check_abi()
        self._person = self._choose_person(person)

    def of(self, person: bytes) -> Simulator:
        """The same library with another person's weights: nothing is compiled or loaded again.

        Raises:
            HvError: the weights have another size.
        """
        other = copy.copy(self)
        other._person = self._choose_person(person)
        return other

    def run(self, images: NDArray[np.uint8]) -> NDArray[np.int32]:
        """Runs whole images of a verifier.

        Args:
            images: uint8 [N, H, W, C].

        Returns:
            int32 [N, 3]: score, norm_squared (0 for a plain decision) and accepted (0 or 1).

        Raises:
            HvError: images of another size, or the kernel refused.
        """
        return self.run_bytes(images).view(np.int32)

    def run_bytes(self, samples: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Runs whole samples of any network.

        Args:
            samples: uint8 [N, ...], each the bytes that `codegen.packing.pack_inputs` makes.

        Returns:
            uint8 [N, result_bytes]: the bytes of each answer, hv_model_result_t.

        Raises:
            HvError: samples of another size, or the kernel refused.
        """
        rows = image_rows(samples, self.manifest)
        results = np.zeros((len(rows), self.manifest.result_bytes), np.uint8)
        self._call(self._library.hv_simulator_run, rows, self._pointer("uint8_t[]", results))
        return results

    def trace(self, images: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Runs images layer by layer and keeps every tensor.

        Args:
            images: uint8 [N, H, W, C].

        Returns:
            layer name -> int8 or int32 array [N, *shape], in the order the layers run.

        Raises:
            HvError: images of another size, or the kernel refused.
        """
        rows = image_rows(images, self.manifest)
        tensors = np.zeros((len(rows), self.manifest.trace_bytes), np.uint8)
        self._call(self._library.hv_simulator_trace, rows, self._pointer("uint8_t[]", tensors))
        return self.manifest.split_tensors(tensors)

    def _call(self, function: Any, rows: NDArray[np.uint8], output: Any) -> None:  # noqa: ANN401
        arena = _aligned(self.manifest.arena_bytes)
        given = _aligned(rows.size)
        given[:] = rows.reshape(-1)
        status = function(
            self._person,
            self._pointer("uint8_t[]", given),
            len(rows),
            self._pointer("uint8_t[]", arena),
            output,
        )
        if status != _STATUS_OK:
            raise HvError(
                f"the kernel refused with status {status}",
                where=str(self.manifest.folder),
                hint="see hv_status_t in hv_types.h",
            )

    def _pointer(self, kind: str, array: NDArray[Any]) -> Any:  # noqa: ANN401
        return self._ffi.from_buffer(kind, array)

    def _check_abi(self) -> None:
        abi = self._ffi.string(self._library.hv_simulator_abi()).decode("ascii")
        if abi != self.manifest.abi:
            raise HvError(
                "manifest.json and the kernel's sources are of different kernels",
                where=str(self.manifest.folder),
                hint="emit the folder again",
            )

    def _choose_person(self, person: bytes | None) -> Any:  # noqa: ANN401
        if person is None:
            return self._library.hv_simulator_person()
        expected = self._library.hv_simulator_person_bytes()
        if len(person) != expected:
            raise HvError(
                f"a person's weights are {expected} bytes for this kernel, not {len(person)}",
                where=str(self.manifest.folder),
            )
        weights = _aligned(expected)
        weights[:] = np.frombuffer(person, np.uint8)
        return self._pointer("uint8_t[]", weights)


def _aligned(size_bytes: int) -> NDArray[np.uint8]:
    """Returns that many bytes, beginning at a multiple of ALIGNMENT."""
    room = np.zeros(size_bytes + ALIGNMENT, np.uint8)
    start = -int(room.ctypes.data) % ALIGNMENT
    return room[start : start + size_bytes]
