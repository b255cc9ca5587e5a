"""What each layer of a firmware takes of flash and stack, beside what all of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from host_tools.build import Firmware
from host_tools.manifest import Manifest
from host_tools.profile import Profile
from host_tools.sizes import Symbol, read_symbols
from host_tools.stack import stack_through


@dataclass(frozen=True, kw_only=True)
class LayerParts:
    """One layer's.

    Attributes:
        code_bytes: of its own functions.
        shared: functions that ran for it and are not its own: name and bytes.
        stack_bytes: of the deepest path from the run function through it; 0 where the compiler
            reports no call graph.
    """

    code_bytes: int
    shared: frozenset[tuple[str, int]]
    stack_bytes: int


def layer_parts(firmware: Firmware, manifest: Manifest, measured: Profile) -> dict[str, LayerParts]:
    """Takes a profiled firmware apart, by layer.

    A layer's own functions are called like its function or begin with that and an underscore or
    a dot, as the parts of assembly and of compilers do.
    """
    names = {layer.name: layer.function for layer in manifest.layers if layer.function}
    own = _own_functions(read_symbols(firmware.elf), names)
    stacks = _stacks(firmware, manifest, names.values())
    everyone = frozenset(symbol for symbols in own.values() for symbol in symbols)
    return {
        layer.name: LayerParts(
            code_bytes=_bytes(own.get(layer.name, [])),
            shared=frozenset((f.name, f.size_bytes) for f in layer.functions - everyone),
            stack_bytes=stacks.get(names.get(layer.name, ""), 0),
        )
        for layer in measured.layers
    }


def _own_functions(symbols: Sequence[Symbol], names: Mapping[str, str]) -> dict[str, list[Symbol]]:
    """Functions by layer; of names that begin alike the longest counts."""
    layers = sorted(names.items(), key=lambda item: -len(item[1]))
    found: dict[str, list[Symbol]] = {}
    for symbol in (symbol for symbol in symbols if symbol.kind == "STT_FUNC"):
        for layer, function in layers:
            if symbol.name == function or symbol.name.startswith((f"{function}_", f"{function}.")):
                found.setdefault(layer, []).append(symbol)
                break
    return found


def _bytes(symbols: Iterable[Symbol]) -> int:
    """Two names of the same code are one piece of flash."""
    return sum({symbol.address: symbol.size_bytes for symbol in symbols}.values())


def _stacks(firmware: Firmware, manifest: Manifest, functions: Iterable[str]) -> dict[str, int]:
    if not firmware.callgraphs:
        return {}
    root = manifest.run_function
    return stack_through(firmware.callgraphs, root, functions, manifest.frames)
