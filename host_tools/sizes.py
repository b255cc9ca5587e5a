"""Where a firmware's flash and RAM go, read from its ELF file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from codegen.errors import HvError

PERSON_OBJECT = "hv_person"


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """All in bytes; each pair of totals is the sum of the parts named before it.

    Attributes:
        kernel_code: functions of the generated kernel.
        shared_weights: constants of the generated kernel, the same for everybody.
        person_weights: constants of one person.
        other_flash: start-up, application, library and alignment.
        flash: all of it.
        arena: where the tensors live.
        stack: reserved, used or not.
        other_ram: variables, the application's image buffer among them.
        ram: all of it.
    """

    kernel_code: int
    shared_weights: int
    person_weights: int
    other_flash: int
    flash: int
    arena: int
    stack: int
    other_ram: int
    ram: int


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """A function or object of an ELF file.

    Attributes:
        name: as the linker knows it.
        kind: "STT_FUNC" or "STT_OBJECT".
        address: without the Thumb bit.
        size_bytes: its size.
        file: the source file of a local symbol, "" for a global one.
    """

    name: str
    kind: str
    address: int
    size_bytes: int
    file: str


def measure(elf: Path, prefix: str) -> Sizes:
    """Measures a firmware.

    Args:
        elf: the linked firmware.
        prefix: what the kernel's names begin with, such as "hv_pq".

    Raises:
        HvError: not an ELF file, or not one that this project linked.
    """
    symbols = read_symbols(elf)
    limits = read_addresses(elf, ("hv_flash_used_bytes", "hv_ram_used_bytes", "hv_stack_bytes"))
    flash, ram, stack = limits.values()
    kernel_code = sum(s.size_bytes for s in symbols if _is_kernel(s, "STT_FUNC", prefix))
    shared = sum(s.size_bytes for s in symbols if _is_kernel(s, "STT_OBJECT", prefix))
    person = sum(s.size_bytes for s in symbols if s.name == PERSON_OBJECT)
    arena = _section_bytes(elf, ".arena")
    return Sizes(
        kernel_code=kernel_code,
        shared_weights=shared,
        person_weights=person,
        other_flash=flash - kernel_code - shared - person,
        flash=flash,
        arena=arena,
        stack=stack,
        other_ram=ram - arena - stack,
        ram=ram,
    )


def read_symbols(elf: Path) -> tuple[Symbol, ...]:
    """Returns the functions and objects of an ELF file that occupy memory, by address."""
    with elf.open("rb") as stream:
        found = tuple(_symbols(_open(stream, elf)))
    return tuple(sorted(found, key=lambda symbol: (symbol.address, symbol.name)))


def read_addresses(elf: Path, names: tuple[str, ...]) -> dict[str, int]:
    """Returns the values of symbols that the linker script defines, in the order of `names`.

    Raises:
        HvError: one of them is not there.
    """
    with elf.open("rb") as stream:
        table = _open(stream, elf).get_section_by_name(".symtab")
        symbols = table.iter_symbols() if table is not None else ()
        values = {symbol.name: int(symbol["st_value"]) for symbol in symbols}
    missing = [name for name in names if name not in values]
    if missing:
        raise HvError(f"no symbol {', '.join(missing)}", where=str(elf))
    return {name: values[name] for name in names}


def function_addresses(elf: Path, functions: tuple[str, ...]) -> tuple[int, ...]:
    """Returns where functions begin, static ones included.

    A compiler may rename a specialised copy to "name.constprop.0"; that is found, too.

    Raises:
        HvError: a function is not in the file: it was inlined, or the file is another kernel's.
    """
    starts = {s.name.partition(".")[0]: s.address for s in read_symbols(elf) if _is_function(s)}
    missing = [function for function in functions if function not in starts]
    if missing:
        raise HvError(
            f"no function {', '.join(missing)}", where=str(elf), hint="build the firmware again"
        )
    return tuple(starts[function] for function in functions)


def section_range(elf: Path, name: str) -> tuple[int, int]:
    """Returns a section's first address and the first after it; equal when there is no such one."""
    with elf.open("rb") as stream:
        section = _open(stream, elf).get_section_by_name(name)
        if section is None:
            return 0, 0
        start = int(section["sh_addr"])
        return start, start + int(section["sh_size"])


def _is_function(symbol: Symbol) -> bool:
    return symbol.kind == "STT_FUNC"


def _is_kernel(symbol: Symbol, kind: str, prefix: str) -> bool:
    """Static names belong to the kernel by their file, global ones by their prefix."""
    mine = symbol.file == f"{prefix}.c" if symbol.file else symbol.name.startswith(f"{prefix}_")
    return symbol.kind == kind and mine


def _symbols(elf: Any) -> Iterator[Symbol]:  # noqa: ANN401
    file = ""
    table = elf.get_section_by_name(".symtab")
    for symbol in table.iter_symbols() if table is not None else ():
        kind = symbol["st_info"]["type"]
        is_local = symbol["st_info"]["bind"] == "STB_LOCAL"
        if kind == "STT_FILE":
            file = Path(symbol.name).name
        if kind not in ("STT_FUNC", "STT_OBJECT") or not symbol["st_size"]:
            continue
        yield Symbol(
            name=symbol.name,
            kind=kind,
            address=int(symbol["st_value"]) & (~1 if kind == "STT_FUNC" else ~0),
            size_bytes=int(symbol["st_size"]),
            file=file if is_local else "",
        )


def _section_bytes(elf: Path, name: str) -> int:
    start, end = section_range(elf, name)
    return end - start


def _open(stream: Any, path: Path) -> Any:  # noqa: ANN401
    try:
        return ELFFile(stream)
    except ELFError as error:
        raise HvError(f"not an ELF file: {error}", where=str(path)) from error
