from __future__ import annotations

from pathlib import Path

import pytest

from codegen.errors import HvError, ProgramMissing
from codegen.targets import find_target
from host_tools import toolchain
from host_tools.doctor import diagnose, is_able
from host_tools.toolchain import Purpose, all_available, choose


@pytest.fixture
def _no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")


@pytest.fixture
def _no_zig(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toolchain, "_zig_path", lambda: None)


def test_what_is_found_says_its_version() -> None:
    for purpose in Purpose:
        for found in all_available(purpose):
            assert found.version
            assert found.path.is_file()
            assert Path(found.argv[0]) == found.path


@pytest.mark.usefixtures("_no_programs")
@pytest.mark.parametrize("purpose", Purpose)
def test_without_system_compilers_zig_is_taken(purpose: Purpose) -> None:
    chosen = choose(purpose)
    assert (chosen.name, chosen.argv[1:]) == ("zig", ("cc",))
    assert chosen.version.startswith("zig ")
    assert set(chosen.environment()) == {"ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"}


@pytest.mark.usefixtures("_no_programs", "_no_zig")
def test_without_any_compiler_all_hints_are_given() -> None:
    with pytest.raises(ProgramMissing, match="a compiler for cortex-m is not installed") as caught:
        choose(Purpose.CORTEX_M)
    assert caught.value.exit_code == 4
    assert caught.value.hint == "apt install gcc-arm-none-eabi, or pip install ziglang"
    assert all_available(Purpose.CORTEX_M) == ()


@pytest.mark.usefixtures("_no_programs")
def test_a_compiler_asked_for_by_name_is_not_replaced() -> None:
    with pytest.raises(
        ProgramMissing, match="the compiler gcc for cortex-m is not installed"
    ) as caught:
        choose(Purpose.CORTEX_M, "gcc")
    assert caught.value.hint == "apt install gcc-arm-none-eabi"


def test_an_unknown_compiler_is_refused() -> None:
    with pytest.raises(HvError, match="no compiler for cortex-m is called 'icc'") as caught:
        choose(Purpose.CORTEX_M, "icc")
    assert (caught.value.exit_code, caught.value.hint) == (1, "choose one of gcc, zig")


@pytest.mark.parametrize("name", ["gcc", "zig"])
def test_each_compiler_gets_the_core_in_its_own_words(name: str) -> None:
    target = find_target("cortex-m4")
    flags = choose(Purpose.CORTEX_M, name).target_flags(target)
    assert flags == (target.zig_flags if name == "zig" else target.gcc_flags)


def test_the_doctor_names_everything_and_chooses_one_of_each() -> None:
    checks = diagnose()
    assert [check.name for check in checks] == [
        "cortex-m compiler gcc",
        "cortex-m compiler zig",
        "riscv32 compiler gcc",
        "riscv32 compiler zig",
        "host compiler gcc",
        "host compiler clang",
        "host compiler cc",
        "host compiler zig",
        "cortex-m emulator qemu",
        "cortex-m emulator unicorn",
        "riscv32 emulator qemu",
        "riscv32 emulator unicorn",
    ]
    assert is_able(checks)
    assert sum(check.chosen for check in checks) == 5
    for check in checks:
        assert bool(check.hint) != check.found
        assert bool(check.version) == bool(check.path) == check.found


@pytest.mark.usefixtures("_no_programs")
def test_the_doctor_finds_a_way_without_system_packages() -> None:
    checks = diagnose()
    chosen = [check.name for check in checks if check.chosen]
    assert chosen == [
        "cortex-m compiler zig",
        "riscv32 compiler zig",
        "host compiler zig",
        "cortex-m emulator unicorn",
        "riscv32 emulator unicorn",
    ]
    hints = {check.name: check.hint for check in checks}
    assert hints["cortex-m compiler gcc"] == "apt install gcc-arm-none-eabi"
    assert hints["cortex-m emulator qemu"] == "apt install qemu-system-arm"
    assert hints["riscv32 compiler gcc"] == "apt install gcc-riscv64-unknown-elf"
    assert hints["riscv32 emulator qemu"] == "apt install qemu-system-misc"


@pytest.mark.usefixtures("_no_programs", "_no_zig")
def test_the_doctor_says_when_nothing_can_be_built() -> None:
    assert not is_able(diagnose())
