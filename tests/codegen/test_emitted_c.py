"""The emitted folder in the hands of somebody who has only C."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codegen.nets import QuantNet
from codegen.resources import resource
from codegen.targets import TARGETS, Target, find_target
from host_tools.toolchain import Purpose, candidates
from tests.c_host import HERE, WARNINGS, compiler, emitted, program, run
from tests.networks import conv_head, depthwise_all, moves, two_inputs

VERIFIERS: tuple[Callable[[], QuantNet], ...] = (conv_head, depthwise_all, moves)
MAKERS = (*VERIFIERS, two_inputs)
NETWORK_CONTRACT = Path(__file__).parent / "c" / "network_contract.c"
CONTRACT = Path(__file__).parent / "c" / "contract.c"
KNOWN_ANSWER = Path(__file__).parent / "c" / "known_answer.c"
# libgcc's names for floating point, on Arm and elsewhere
FLOATING = r"__aeabi_[fd]|__(add|sub|mul|div|neg)[sd]f|__(fix|float)"
LEVELS = ("-O0", "-O2", "-O3", "-Os")
# as the emitted CMakeLists.txt says; without it, gcc calls memset on a Cortex-M0
NO_CALLS = {"gcc": "-fno-tree-loop-distribute-patterns", "clang": "-fno-builtin"}


@pytest.fixture(scope="module", params=MAKERS, ids=lambda make: make.__name__)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place: Path = tmp_path_factory.mktemp("emitted") / "folder"
    emitted(request.param(), place)
    return place


@pytest.fixture(scope="module", params=VERIFIERS, ids=lambda make: make.__name__)
def verifier_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    place: Path = tmp_path_factory.mktemp("emitted") / "folder"
    emitted(request.param(), place)
    return place


@pytest.fixture(scope="module", params=["gcc", "clang"])
def compiled(request: pytest.FixtureRequest) -> str:
    return compiler(request.param)


def _sources(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.c"))


@pytest.mark.parametrize("level", LEVELS)
def test_compiles_without_warnings_and_keeps_its_contract(
    folder: Path, compiled: str, level: str, tmp_path: Path
) -> None:
    objects = []
    for source in _sources(folder):
        objects.append(tmp_path / f"{source.stem}.o")
        run(
            [
                compiled,
                *WARNINGS,
                level,
                NO_CALLS[Path(compiled).name],
                "-I",
                folder,
                "-c",
                source,
                "-o",
                objects[-1],
            ]
        )
    binary = tmp_path / "contract"
    bundles = sorted(folder.glob("*.hvb"))
    contract = CONTRACT if bundles else NETWORK_CONTRACT
    run([compiled, "-std=c11", level, "-I", folder, contract, *objects, "-o", binary])
    assert run([binary, *bundles]) == "known answer 0\n"
    assert not _undefined("nm", objects)


@pytest.mark.parametrize("target", [t for t in TARGETS if t.board], ids=lambda target: target.name)
def test_needs_no_library_on_targets(folder: Path, target: Target, tmp_path: Path) -> None:
    candidate = candidates(Purpose(target.family))[0]
    gcc = program(candidate.program, candidate.hint)
    nm = candidate.program.replace("gcc", "nm")
    objects = []
    flags = [*WARNINGS, "-O2", NO_CALLS["gcc"], *target.gcc_flags, "-I", str(folder)]
    for source in _sources(folder):
        objects.append(tmp_path / f"{source.stem}.o")
        run([gcc, *flags, "-c", source, "-o", objects[-1]])
    # Armv6-M has no long multiply and no jump table: libgcc, which comes with the compiler
    undefined = _undefined(nm, objects)
    assert all(name.startswith("__") for name in undefined)
    assert not [name for name in undefined if re.match(FLOATING, name)]


def test_misra_deviations_are_those_written_down(folder: Path) -> None:
    """cppcheck's MISRA add-on may report only the rules of the table in templates/README.md."""
    _check_misra(folder)


def test_misra_deviations_of_kernels_for_helium(tmp_path: Path) -> None:
    for make in (conv_head, depthwise_all):
        emitted(make(), tmp_path / make.__name__, target=find_target("cortex-m55"))
        _check_misra(tmp_path / make.__name__)


def _check_misra(folder: Path) -> None:
    cppcheck = program("cppcheck", "apt install cppcheck")
    flags = ["--addon=misra", "--std=c11", "--platform=unix32", "-q", "."]
    said = run([cppcheck, *flags], cwd=folder)
    reported = set(re.findall(r"misra-c2012-([\d.]+)", said))
    rows = (resource("templates") / "README.md").read_text().split("| rule |")[1]
    listed = {
        rule for row in re.findall(r"^\| ([\d., ]+) \|", rows, re.M) for rule in row.split(", ")
    }
    assert "15.5" in reported, said
    assert reported <= listed


def test_a_changed_weight_is_found_by_the_known_answers(
    verifier_folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(verifier_folder, copy)
    header = copy / "hv_person.h"
    text = header.read_text()
    start = text.index("{", text.index(".head_weight")) + 1
    number = re.compile(r"-?\d+").search(text, start)
    assert number is not None
    changed = int(number[0]) ^ 1
    header.write_text(text[: number.start()] + str(changed) + text[number.end() :])
    binary = tmp_path / "known_answer"
    for place, expected in ((verifier_folder, 0), (copy, 6)):  # 6: HV_ERROR_BUNDLE_CRC
        flags = ("-std=c11", "-O1", "-I", place)
        run([compiler("gcc"), *flags, KNOWN_ANSWER, *_sources(place), "-o", binary])
        assert subprocess.run([binary], check=False).returncode == expected


def test_cmake_builds_it_alone_and_as_a_part(folder: Path, tmp_path: Path) -> None:
    cmake = program("cmake", "apt install cmake")
    run([cmake, "-S", folder, "-B", tmp_path / "alone"])
    run([cmake, "--build", tmp_path / "alone"])
    assert list((tmp_path / "alone").glob("libhv_*.a"))
    project = tmp_path / "project"
    project.mkdir()
    prefix = json.loads((folder / "manifest.json").read_text())["prefix"]
    (project / "main.c").write_text(
        '#include "hv_model.h"\nint main(void) { return HV_MODEL_LAYERS == 0u; }\n'
    )
    (project / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(door C)\n"
        f'add_subdirectory("{folder}" verifier)\nadd_executable(door main.c)\n'
        f"target_link_libraries(door {prefix})\n"
    )
    run([cmake, "-S", project, "-B", tmp_path / "part"])
    run([cmake, "--build", tmp_path / "part"])
    run([tmp_path / "part" / "door"])


def test_generated_c_is_formatted(folder: Path) -> None:
    style = HERE.parent / ".clang-format"
    formatter = Path(sys.executable).parent / "clang-format"
    if not formatter.exists():
        pytest.skip("clang-format is not installed: pip install 'hvcodegen[dev]'")
    files = sorted(p for p in folder.iterdir() if p.suffix in (".c", ".h"))
    run([formatter, "--dry-run", "-Werror", f"--style=file:{style}", *files])


def test_cppcheck_finds_nothing(folder: Path) -> None:
    cppcheck = program("cppcheck", "apt install cppcheck")
    flags = ("--std=c11", "--enable=warning,performance,portability", "--error-exitcode=1", "-q")
    run([cppcheck, *flags, "--inline-suppr", "-I", folder, *_sources(folder)])


def test_nothing_of_this_machine_or_time_is_inside(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        data = path.read_bytes()
        for word in (str(HERE.parent), str(folder.parent), "/home/", "/tmp/"):
            assert word.encode() not in data, (path.name, word)
        if path.suffix != ".hvb":
            assert not re.search(rb"\b20\d\d-\d\d-\d\d\b|\d\d:\d\d:\d\d", data), path.name


def test_inference_has_no_floating_point_heap_or_goto(folder: Path) -> None:
    for path in _sources(folder):
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
        found = re.findall(r"\b(float|double|malloc|calloc|free|goto|alloca|setjmp)\b", code)
        assert not found, (path.name, found)


def _undefined(nm: str, objects: list[Path]) -> set[str]:
    tool = program(nm, "apt install binutils")
    lines = [line.split() for line in run([tool, *objects]).splitlines()]
    defined = {p[2] for p in lines if len(p) == 3 and p[1] in "TDRBC"}
    wanted = {p[1] for p in lines if len(p) == 2 and p[0] == "U"}
    return wanted - defined
