"""The proved bound of the stack: the deepest path through gcc's own call graph.

Source: GCC manual, `-fcallgraph-info=su,da`: one VCG file for each
object, with every function's frame size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from codegen.errors import HvError

_NODE = re.compile(r'^node: \{ title: "(?P<title>[^"]+)" label: "(?P<label>[^"]*)"')
_EDGE = re.compile(r'^edge: \{ sourcename: "(?P<caller>[^"]+)" targetname: "(?P<callee>[^"]+)"')
_FRAME = re.compile(r"(?P<bytes>\d+) bytes \((?P<kind>[\w,]+)\)")
_INDIRECT = "__indirect_call"
# Armv7-M Architecture Reference Manual, B1.5.7: 26 words with the FPU's registers, aligned to 8.
EXCEPTION_FRAME_BYTES = 108

# Functions of libgcc, which gcc calls on cores that lack an instruction; they have no call graph.
# Frames of libgcc 12.2 for Armv6-M (__aeabi..., __gnu...) and RV32IMC (others), in bytes; a test
# compares them with its disassembly.
LIBRARY_FRAMES: Mapping[str, int] = {
    "__aeabi_lmul": 28,
    "__aeabi_llsl": 0,
    "__aeabi_llsr": 0,
    "__aeabi_lasr": 0,
    "__aeabi_idiv": 8,
    "__aeabi_idivmod": 8,
    "__aeabi_uidiv": 8,
    "__aeabi_uidivmod": 8,
    "__gnu_thumb1_case_sqi": 4,
    "__gnu_thumb1_case_uqi": 4,
    "__gnu_thumb1_case_shi": 8,
    "__gnu_thumb1_case_uhi": 8,
    "__ashldi3": 0,
    "__ashrdi3": 0,
    "__lshrdi3": 0,
}


@dataclass(frozen=True, kw_only=True)
class StackBound:
    """The most stack a program can ever use.

    Attributes:
        size_bytes: the bound. No interrupt is ever enabled: of exceptions, only the one that may
            come and go while the program runs is in it.
        path: the functions on the deepest path, with their frames in bytes.
    """

    size_bytes: int
    path: tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class CallGraph:
    """Who calls whom, and each function's frame.

    Attributes:
        frames_bytes: function -> frame size; functions outside the program are missing.
        callees: function -> the functions it calls.
        pointed: what a call through a pointer may reach, see `stack_bound`.
    """

    frames_bytes: Mapping[str, int]
    callees: Mapping[str, frozenset[str]]
    pointed: tuple[str, ...] = ()


def stack_bound(
    callgraph_files: Iterable[Path],
    root: str,
    assembly_frames: Mapping[str, int] = MappingProxyType({}),
    pointed: Sequence[str] = (),
    handler: str = "",
) -> StackBound:
    """Returns the deepest path from function `root`.

    Args:
        callgraph_files: what gcc wrote, one for each object.
        root: where the path begins.
        assembly_frames: function -> frame in bytes, of those in assembly; they call nothing.
        pointed: functions that any call through a pointer may reach. Below one of them, only those
            behind it: the order is the author's word that none comes back to an earlier one.
        handler: of an exception that may come at any moment, but not while it is handled.

    Raises:
        HvError: recursion, a call through a pointer without `pointed`, a frame of variable size,
            or a function without a known frame: there is no bound then.
    """
    graph = _read_graph(callgraph_files, root, assembly_frames)
    graph = CallGraph(
        frames_bytes=graph.frames_bytes, callees=graph.callees, pointed=tuple(pointed)
    )
    bound = _deepest(graph, root, (), {})
    if not handler:
        return bound
    titles = {_short_name(title): title for title in sorted(graph.frames_bytes)}
    handled = _deepest(graph, titles.get(handler, handler), (), {}, len(graph.pointed))
    return StackBound(
        size_bytes=bound.size_bytes + EXCEPTION_FRAME_BYTES + handled.size_bytes,
        path=(*bound.path, ("exception", EXCEPTION_FRAME_BYTES), *handled.path),
    )


def stack_before(callgraph_files: Iterable[Path], root: str, function: str) -> int:
    """Returns how many bytes of stack the callers of a function hold, `root` the outermost.

    Raises:
        HvError: `root` does not lead to it, or by ways of different depths.
    """
    graph = _read_graph(callgraph_files, root, {})
    depths = set(_depths(graph, root, function, ()))
    if len(depths) != 1:
        ways = "no way" if not depths else "ways of different depths"
        raise HvError(f"{ways} from {root} to {function}", where="stack bound")
    return depths.pop()


def stack_through(
    callgraph_files: Iterable[Path],
    root: str,
    functions: Iterable[str],
    assembly_frames: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, int]:
    """Returns for each function the bytes of the deepest path from `root` that goes through it.

    Raises:
        HvError: `root` does not lead to it, or there is no bound; see `stack_bound`.
    """
    graph = _read_graph(callgraph_files, root, assembly_frames)
    titles = {_short_name(title): title for title in sorted(graph.frames_bytes)}
    known: _Known = {}
    found = {}
    for function in functions:
        title = titles.get(function, function)
        depths = list(_depths(graph, root, title, ()))
        if not depths:
            raise HvError(f"no way from {root} to {function}", where="stack bound")
        found[function] = max(depths) + _deepest(graph, title, (), known).size_bytes
    return found


def _read_graph(
    callgraph_files: Iterable[Path], root: str, assembly_frames: Mapping[str, int]
) -> CallGraph:
    graph = parse_callgraph(path.read_text(encoding="utf-8") for path in callgraph_files)
    known = {**LIBRARY_FRAMES, **assembly_frames, **graph.frames_bytes}
    graph = CallGraph(frames_bytes=known, callees=graph.callees)
    if root not in graph.frames_bytes:
        raise HvError(f"no function {root} in the call graph", where="stack bound")
    return graph


def _depths(
    graph: CallGraph, function: str, wanted: str, callers: tuple[str, ...]
) -> Iterator[int]:
    """The frames of all that is called on the way, for each way."""
    if function == wanted:
        yield sum(graph.frames_bytes.get(caller, 0) for caller in callers)
        return
    for callee in sorted(graph.callees.get(function, ())):
        if callee not in callers:
            yield from _depths(graph, callee, wanted, (*callers, function))


def parse_callgraph(texts: Iterable[str]) -> CallGraph:
    """Joins the call graphs of several objects.

    Static functions carry their file's name ("hv_pq.c:hv_pq_conv0"), so names are unique.

    Raises:
        HvError: a function whose frame has no fixed size.
    """
    frames: dict[str, int] = {}
    callees: dict[str, set[str]] = {}
    for line in (line for text in texts for line in text.splitlines()):
        if node := _NODE.match(line):
            _read_frame(node["title"], node["label"], frames)
        elif edge := _EDGE.match(line):
            callees.setdefault(edge["caller"], set()).add(edge["callee"])
    return CallGraph(
        frames_bytes=frames,
        callees={caller: frozenset(called) for caller, called in callees.items()},
    )


def _read_frame(function: str, label: str, frames: dict[str, int]) -> None:
    frame = _FRAME.search(label)
    if frame is None:
        return  # a function of another object, or of the library
    if frame["kind"] != "static":
        raise HvError(
            f"the frame of {function} has no fixed size ({frame['kind']})", where="stack bound"
        )
    frames[function] = int(frame["bytes"])


# by function, and by how many of CallGraph.pointed are behind it
_Known = dict[tuple[str, int], StackBound]


def _deepest(
    graph: CallGraph, function: str, callers: tuple[str, ...], known: _Known, level: int = 0
) -> StackBound:
    if function in callers:
        cycle = " -> ".join((*callers[callers.index(function) :], function))
        raise HvError(f"recursion: {cycle}", where="stack bound")
    if (function, level) not in known:
        frame = _frame_bytes(graph, function, callers)
        below = [
            _deepest(graph, callee, (*callers, function), known, callee_level)
            for callee, callee_level in _called(graph, function, level)
        ]
        deepest = max(below, key=lambda bound: bound.size_bytes, default=_NOTHING)
        known[function, level] = StackBound(
            size_bytes=frame + deepest.size_bytes,
            path=((_short_name(function), frame), *deepest.path),
        )
    return known[function, level]


def _called(graph: CallGraph, function: str, level: int) -> Iterator[tuple[str, int]]:
    """The functions that one calls, pointers followed, and the level of each."""
    for callee in sorted(graph.callees.get(function, ())):
        if callee != _INDIRECT or not graph.pointed[level:]:
            yield callee, level
            continue
        for index, name in enumerate(graph.pointed[level:], start=level):
            titles = [title for title in graph.frames_bytes if _short_name(title) == name]
            if not titles:
                raise HvError(f"no function {name} in the call graph", where="stack bound")
            yield from ((title, index + 1) for title in sorted(titles))


def _frame_bytes(graph: CallGraph, function: str, callers: tuple[str, ...]) -> int:
    if function == _INDIRECT:
        raise HvError(f"{callers[-1]} calls through a pointer", where="stack bound")
    frame = graph.frames_bytes.get(function)
    if frame is None:
        raise HvError(f"the frame of {function} is not known", where="stack bound")
    return frame


def _short_name(function: str) -> str:
    """Drops the file's path that gcc puts before static functions."""
    return function.rpartition(":")[2]


_NOTHING = StackBound(size_bytes=0, path=())
