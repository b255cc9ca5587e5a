"""Semihosting for emulators that have none: what the host answers, from files kept in memory.

Source: Arm, "Semihosting for AArch32 and AArch64" (ARM-software/abi-aa, semihosting.rst); RISC-V
uses the same operations.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ADP_STOPPED_APPLICATION_EXIT = 0x20026
FAILED = 0xFFFF_FFFF

# Mode numbers for fopen's "rb" and "wb".
MODE_READ_BINARY = 1
MODE_WRITE_BINARY = 5

# Operation numbers as Arm's semihosting specification names them.
SYS_OPEN = 0x01
SYS_CLOSE = 0x02
SYS_WRITE = 0x05
SYS_READ = 0x06
SYS_FLEN = 0x0C
SYS_EXIT_EXTENDED = 0x20

Arguments = tuple[int, int, int]


@dataclass(kw_only=True)
class _OpenFile:
    name: str
    position: int = 0


@dataclass(kw_only=True)
class SemihostingFiles:
    """The host's side of semihosting: files in memory, and no other file can be reached.

    Attributes:
        files: name -> contents, those that were given and those that the firmware wrote.
        created: names of the files that the firmware wrote.
        opened: handle -> file.
    """

    files: dict[str, bytearray]
    created: set[str] = field(default_factory=set)
    opened: dict[int, _OpenFile] = field(default_factory=dict)

    def calls(self) -> Mapping[int, Callable[[Any, Arguments], int]]:
        """Returns what answers each operation; the answer goes into the first register."""
        return {
            SYS_OPEN: self._open,
            SYS_CLOSE: self._close,
            SYS_WRITE: self._write,
            SYS_READ: self._read,
            SYS_FLEN: self._length,
        }

    def written(self, names: tuple[str, ...]) -> dict[str, bytes]:
        """Returns those files of `names` that the firmware wrote."""
        return {name: bytes(self.files[name]) for name in names if name in self.created}

    def _open(self, core: Any, arguments: Arguments) -> int:  # noqa: ANN401
        address, mode, length = arguments
        name = core.mem_read(address, length).decode("utf-8", errors="replace")
        if mode == MODE_WRITE_BINARY:
            self.files[name] = bytearray()
            self.created.add(name)
        elif mode != MODE_READ_BINARY or name not in self.files:
            return FAILED
        handle = len(self.opened) + 1
        self.opened[handle] = _OpenFile(name=name)
        return handle

    def _close(self, _core: Any, arguments: Arguments) -> int:  # noqa: ANN401
        return 0 if arguments[0] in self.opened else FAILED

    def _write(self, core: Any, arguments: Arguments) -> int:  # noqa: ANN401
        handle, address, size = arguments
        file = self.opened.get(handle)
        if file is None or file.name not in self.created:
            return size
        self.files[file.name] += core.mem_read(address, size)
        return 0

    def _read(self, core: Any, arguments: Arguments) -> int:  # noqa: ANN401
        handle, address, size = arguments
        file = self.opened.get(handle)
        if file is None:
            return size
        data = bytes(self.files[file.name][file.position : file.position + size])
        core.mem_write(address, data)
        file.position += len(data)
        return size - len(data)

    def _length(self, _core: Any, arguments: Arguments) -> int:  # noqa: ANN401
        file = self.opened.get(arguments[0])
        return FAILED if file is None else len(self.files[file.name])
