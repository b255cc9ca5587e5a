from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from toy import planted, write_toy
from toy_firmware import Build, build_faulty, firmware_compiler

from codegen.errors import HvError
from codegen.resources import resource
from host_tools.boards import load_board
from host_tools.build import FirmwareOrder, build_firmware, plan_firmware
from host_tools.cache import CACHE_VARIABLE
from host_tools.host_library import build_host_library, plan_library
from host_tools.manifest import Manifest, load_manifest
from host_tools.toolchain import Purpose, Toolchain, choose

GCC = Toolchain(
    name="gcc",
    purpose=Purpose.CORTEX_M,
    argv=("arm-none-eabi-gcc",),
    version="test",
    path=Path("arm-none-eabi-gcc"),
)
ZIG = Toolchain(
    name="zig", purpose=Purpose.CORTEX_M, argv=("zig", "cc"), version="test", path=Path("zig")
)
WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
    "-Wundef",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Werror",
]


def _order(toolchain: Toolchain, manifest: Manifest, board: str, out: Path) -> FirmwareOrder:
    return FirmwareOrder(
        app="trace", board=load_board(board), toolchain=toolchain, manifest=manifest, out=out
    )


def _flags(toolchain_flags: list[str], manifest: Manifest) -> list[str]:
    firmware = resource("firmware")
    return [
        "-std=c11",
        *WARNINGS,
        "-O2",
        "-funroll-loops",
        "-g",
        "-fomit-frame-pointer",
        "-fno-common",
        "-ffunction-sections",
        "-fdata-sections",
        "-fno-unwind-tables",
        "-fno-asynchronous-unwind-tables",
        *toolchain_flags,
        "-ffile-prefix-map=/out=build",
        f"-ffile-prefix-map={firmware}=firmware",
        f"-ffile-prefix-map={manifest.folder}=kernel",
        "-isystem",
        f"{firmware}/startup/libc",
        "-I",
        f"{manifest.folder}",
        "-I",
        f"{firmware}/startup",
        "-I",
        f"{firmware}/startup/cortex-m",
        "-I",
        f"{firmware}/runtime",
    ]


def test_the_exact_calls_of_gcc(toy: Manifest) -> None:
    plan = plan_firmware(_order(GCC, toy, "mps2-an386", Path("/out")))
    core = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"]
    flags = _flags(
        ["-fcallgraph-info=su,da", "-fno-ipa-icf", "-fno-tree-loop-distribute-patterns"], toy
    )
    sources = ["hv_core", "hv_memory", "hv_reset", "hv_semihosting", "main", "hv_toy", "hv_crc"]
    assert [Path(argv[-3]).stem for argv in plan.compile_argvs] == sources
    kernel = plan.compile_argvs[5]
    source = f"{toy.folder}/hv_toy.c"
    assert list(kernel) == [
        "arm-none-eabi-gcc", *core, *flags, "-c", source, "-o", "/out/hv_toy.o"
    ]  # fmt: skip
    assert list(plan.link_argv) == [
        "arm-none-eabi-gcc",
        *core,
        "-nostdlib",
        "-Wl,--gc-sections",
        "-Wl,--build-id=none",
        "-Wl,--entry=hv_reset",
        "-T",
        "/out/link.ld",
        *(f"/out/{name}.o" for name in sources),
        "-lgcc",
        "-o",
        "/out/trace.elf.unfinished",
    ]
    assert plan.result == Path("/out/trace.elf")
    assert [str(path) for path in plan.callgraphs] == [f"/out/{name}.ci" for name in sources]


def test_each_family_begins_in_its_own_start_up(toy: Manifest) -> None:
    plan = plan_firmware(_order(GCC, toy, "qemu-virt32", Path("/out")))
    assert "-march=rv32imc" in plan.link_argv
    assert "-Wl,--entry=hv_entry" in plan.link_argv
    text = " ".join(part for argv in plan.compile_argvs for part in argv)
    assert "startup/riscv32/hv_core.c" in text
    assert "cortex-m" not in text


def test_the_exact_calls_of_zig(toy: Manifest) -> None:
    plan = plan_firmware(_order(ZIG, toy, "mps2-an386", Path("/out")))
    core = ["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4"]
    source = f"{toy.folder}/hv_toy.c"
    assert list(plan.compile_argvs[5]) == [
        "zig", "cc", *core, *_flags(["-fhosted"], toy), "-c", source, "-o", "/out/hv_toy.o"
    ]  # fmt: skip
    assert list(plan.link_argv[:6]) == ["zig", "cc", *core, "-Wl,--gc-sections"]
    assert "-lgcc" not in plan.link_argv
    assert plan.link_argv[-3] == "-Wl,-z,max-page-size=4"
    assert plan.callgraphs == ()


def test_the_exact_call_of_the_library(toy: Manifest) -> None:
    host = replace(GCC, purpose=Purpose.HOST, argv=("cc",))
    simulator = resource("firmware") / "apps" / "simulator"
    plan = plan_library(toy, host, Path("/out/x.so"))
    assert list(plan.link_argv) == [
        "cc",
        "-std=c11",
        *WARNINGS,
        "-O3",
        "-shared",
        "-fPIC",
        "-fvisibility=hidden",
        "-I",
        f"{toy.folder}",
        "-I",
        f"{simulator}",
        f"{toy.folder}/hv_toy.c",
        f"{toy.folder}/hv_crc.c",
        f"{simulator}/hv_simulator.c",
        "-o",
        "/out/x.so",
    ]


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_the_same_sources_give_the_same_bytes_wherever_they_lie(
    compiler: str, tmp_path: Path
) -> None:
    toolchain = firmware_compiler(compiler)
    elves = []
    for place in ("here", "somewhere/else"):
        manifest = load_manifest(write_toy(tmp_path / place / "toy"))
        order = _order(toolchain, manifest, "mps2-an386", tmp_path / place / "out")
        elves.append(build_firmware(order).elf.read_bytes())
    assert elves[0] == elves[1]


def test_sizes_and_stack_come_with_the_firmware(build: Build) -> None:
    firmware = build("mps2-an386", "gcc")
    assert firmware.sizes is not None
    assert firmware.sizes.person_weights == 16
    assert firmware.stack is not None
    assert [name for name, _ in firmware.stack.path[:2]] == ["hv_reset", "main"]
    assert build("mps2-an386", "zig").stack is None


def test_a_warning_stops_the_build_and_leaves_nothing(tmp_path: Path) -> None:
    kernel = planted("hv_result_t result = {0, 0, 0};", "hv_result_t result = {0, 0, 0}; int x;")
    with pytest.raises(HvError, match=r"gcc refused: .*hv_toy.c:.*unused variable 'x'") as caught:
        build_faulty(kernel, tmp_path)
    assert caught.value.where == "trace for mps2-an386"
    assert "to see all of it, run:" in caught.value.hint
    assert not list((tmp_path / "out").glob("*.elf*"))


def test_a_failed_build_removes_the_old_firmware(toy: Manifest, tmp_path: Path) -> None:
    toolchain = firmware_compiler("gcc")
    out = tmp_path / "out"
    assert build_firmware(_order(toolchain, toy, "mps2-an386", out)).elf.is_file()
    broken = load_manifest(write_toy(tmp_path / "toy", kernel="not C\n"))
    with pytest.raises(HvError):
        build_firmware(_order(toolchain, broken, "mps2-an386", out))
    assert not (out / "trace.elf").exists()


@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize("memory", ["flash", "ram"])
def test_a_budget_is_kept(toy: Manifest, tmp_path: Path, compiler: str, memory: str) -> None:
    board = load_board("mps2-an386")
    small = replace(board, **{memory: replace(getattr(board, memory), budget_bytes=1000)})
    order = _order(firmware_compiler(compiler), toy, "mps2-an386", tmp_path)
    with pytest.raises(HvError, match=f"(?i)exceeds the board's {memory} budget"):
        build_firmware(replace(order, board=small))


def test_a_memory_that_is_too_small_is_told(toy: Manifest, tmp_path: Path) -> None:
    board = load_board("mps2-an386")
    small = replace(board, ram=replace(board.ram, size_bytes=4096 + 16))
    order = _order(firmware_compiler("gcc"), toy, "mps2-an386", tmp_path)
    with pytest.raises(HvError, match=r"does not fit the board: .*RAM.* overflowed by \d+ bytes"):
        build_firmware(replace(order, board=small))


def test_a_stack_that_is_too_small_is_told(toy: Manifest, tmp_path: Path) -> None:
    board = replace(load_board("mps2-an386"), stack_bytes=128)
    order = _order(firmware_compiler("gcc"), toy, "mps2-an386", tmp_path)
    with pytest.raises(HvError, match=r"needs \d+ bytes of stack, the board gives 128"):
        build_firmware(replace(order, board=board))
    assert not (tmp_path / "trace.elf").exists()


def test_a_kernel_for_a_larger_core_is_refused(tmp_path: Path) -> None:
    manifest = load_manifest(write_toy(tmp_path / "toy", target="cortex-m4"))
    with pytest.raises(
        HvError, match="made for cortex-m4, uses dsp, fpu, long-multiply, which cortex-m0 lacks"
    ):
        plan_firmware(_order(GCC, manifest, "microbit", tmp_path))


def test_an_unknown_application_is_refused(toy: Manifest, tmp_path: Path) -> None:
    order = replace(_order(GCC, toy, "microbit", tmp_path), app="blink")
    with pytest.raises(HvError, match="no application called 'blink'") as caught:
        plan_firmware(order)
    assert "selftest, trace" in caught.value.hint


def test_libraries_are_kept_by_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    toolchain = choose(Purpose.HOST)
    first = load_manifest(write_toy(tmp_path / "first"))
    library = build_host_library(first, toolchain)
    written = library.stat().st_mtime_ns
    copy = load_manifest(Path(shutil.copytree(first.folder, tmp_path / "copy")))
    assert build_host_library(copy, toolchain) == library
    assert library.stat().st_mtime_ns == written
    changed = planted("{2, 3}", "{2, 4}")
    other = load_manifest(write_toy(tmp_path / "other", kernel=changed))
    assert build_host_library(other, toolchain) != library
    assert len(list(library.parent.iterdir())) == 2  # and no scratch folder


def test_a_library_that_does_not_compile_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    manifest = load_manifest(write_toy(tmp_path / "toy", kernel="not C\n"))
    with pytest.raises(HvError, match="refused"):
        build_host_library(manifest, choose(Purpose.HOST))
    assert not list((tmp_path / "cache" / "libraries").iterdir())
