"""The exact calls of every flash tool; only gdb is run for real, by test_flash_gdb."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codegen.errors import HvError, OutputsDiffer, ProgramMissing
from host_tools.boards import Board, load_board
from host_tools.flash import RUNNERS, choose_runner, find_runner
from host_tools.flash.base import Call, FlashOrder, FlashPlan, carry_out, plan_flash
from host_tools.flash.images import Image, Segment, make_image

WHOLE = Image(
    segments=(
        Segment(address=0x08000000, data=b"\x01\x02\x03\x04"),
        Segment(address=0x08004000, data=b"\x05" * 8),
    )
)
PERSON = Image(segments=WHOLE.segments[1:])
F405 = load_board("netduinoplus2")
T = Path("/t")


def order(
    board: Board = F405, *, person: bool = False, verify: bool = False, port: str = "", at: Path = T
) -> FlashOrder:
    return FlashOrder(
        board=board,
        elf=Path("/fw/mailbox.elf"),
        image=PERSON if person else WHOLE,
        person=".person" if person else "",
        folder=at,
        verify=verify,
        port=port,
    )


def plan(name: str, wanted: FlashOrder) -> FlashPlan:
    return plan_flash(find_runner(name), wanted)


def texts(found: FlashPlan) -> list[str]:
    return [step.text() for step in found.steps]


def script(found: FlashPlan, suffix: str) -> list[str]:
    (data,) = (data for path, data in found.files.items() if path.suffix == suffix)
    return data.decode().splitlines()


def test_openocd() -> None:
    assert texts(plan("openocd", order(verify=True))) == [
        "openocd -f interface/stlink.cfg -f target/stm32f4x.cfg "
        "-c 'program {/t/firmware.hex} verify reset exit'"
    ]
    assert texts(plan("openocd", order(person=True, port="066D"))) == [
        "openocd -f interface/stlink.cfg -f target/stm32f4x.cfg -c 'adapter serial 066D' "
        "-c 'program {/t/person.hex} reset exit'"
    ]


def test_pyocd() -> None:
    found = plan("pyocd", order(verify=True))
    assert texts(found) == [
        "pyocd load --target stm32f405rgtx /t/firmware.hex",
        "pyocd commander --target stm32f405rgtx --command 'compare 0x08000000 /t/firmware-0.bin'",
        "pyocd commander --target stm32f405rgtx --command 'compare 0x08004000 /t/firmware-1.bin'",
    ]
    assert found.files[T / "firmware-1.bin"] == b"\x05" * 8
    assert texts(plan("pyocd", order(person=True, port="0E21"))) == [
        "pyocd load --target stm32f405rgtx --uid 0E21 /t/person.hex"
    ]


def test_jlink() -> None:
    found = plan("jlink", order(verify=True, port="683012345"))
    assert texts(found) == [
        "JLinkExe -USB 683012345 -device STM32F405RG -if SWD -speed 4000 -autoconnect 1 "
        "-NoGui 1 -ExitOnError 1 -CommandFile /t/firmware.jlink"
    ]
    assert script(found, ".jlink") == [
        "r",
        "h",
        'loadfile "/t/firmware.hex"',
        'verifybin "/t/firmware-0.bin", 0x08000000',
        'verifybin "/t/firmware-1.bin", 0x08004000',
        "r",
        "g",
        "qc",
    ]
    assert script(plan("jlink", order(person=True)), ".jlink")[2] == 'loadfile "/t/person.hex"'


def test_st_flash() -> None:
    assert texts(plan("st-flash", order(verify=True))) == [
        "st-flash --reset --format ihex write /t/firmware.hex"
    ]
    assert texts(plan("st-flash", order(person=True, port="55FF"))) == [
        "st-flash --serial 55FF --reset --format ihex write /t/person.hex"
    ]


def test_dfu_util() -> None:
    found = plan("dfu-util", order())
    assert texts(found) == [
        "dfu-util --device 0483:df11 --alt 0 --dfuse-address 0x08000000 "
        "--download /t/firmware-0.bin",
        "dfu-util --device 0483:df11 --alt 0 --dfuse-address 0x08004000:leave "
        "--download /t/firmware-1.bin",
    ]
    assert texts(plan("dfu-util", order(person=True, port="1-2"))) == [
        "dfu-util --device 0483:df11 --path 1-2 --alt 0 --dfuse-address 0x08004000:leave "
        "--download /t/person.bin"
    ]


def test_picotool() -> None:
    pico = load_board("pico")
    assert texts(plan("picotool", order(pico, verify=True))) == [
        "picotool load --verify --execute /t/firmware.uf2"
    ]
    assert texts(plan("picotool", order(pico, person=True, port="E66"))) == [
        "picotool load --execute /t/person.uf2 --ser E66"
    ]


def test_esptool() -> None:
    board = load_board("esp32-c3")
    segments = ((0x42000000, b"\x01"), (0x42000FFE, b"\x02"), (0x42001000, b"\x03" * 8))
    image = make_image([Segment(address=at, data=data) for at, data in segments], "here")
    found = plan("esptool", replace(order(board, verify=True, port="/dev/ttyUSB0"), image=image))
    places = "0x0 /t/firmware-0.bin 0x1000 /t/firmware-1.bin"
    assert texts(found) == [
        f"esptool --chip esp32c3 --port /dev/ttyUSB0 write-flash {places}",
        f"esptool --chip esp32c3 --port /dev/ttyUSB0 verify-flash {places}",
    ]
    assert found.files[T / "firmware-0.bin"] == b"\x01" + b"\xff" * 0xFFD + b"\x02"
    person = replace(order(board, person=True), image=Image(segments=image.segments[2:]))
    assert texts(plan("esptool", person)) == [
        "esptool --chip esp32c3 write-flash 0x1000 /t/person.bin"
    ]


@pytest.mark.parametrize(
    ("board", "name", "port", "file"),
    [
        ("pico", "uf2", "/media/RPI-RP2", "firmware.uf2"),
        ("microbit", "daplink", "/m", "firmware.hex"),
    ],
)
def test_drives(board: str, name: str, port: str, file: str) -> None:
    found = plan(name, order(load_board(board), port=port))
    assert texts(found) == [f"cp /t/{file} {port}"]
    with pytest.raises(HvError, match="none is given"):
        plan(name, order(load_board(board)))


def test_gdb() -> None:
    found = plan("gdb", order(verify=True, port="localhost:1234"))
    (step,) = found.steps
    assert isinstance(step, Call)
    assert step.argv[1:] == ("-nx", "-batch", "-x", "/t/firmware.gdb", "/fw/mailbox.elf")
    assert script(found, ".gdb") == [
        "set confirm off",
        "set pagination off",
        "set tcp connect-timeout 10",
        "set remotetimeout 30",
        "target remote localhost:1234",
        "load",
        "compare-sections",
        "set $sp = (unsigned int)&hv_stack_top",
        "set $xpsr = 0x01000000",
        "set $pc = (unsigned int)&hv_reset",
        "detach",
    ]
    found = plan("gdb", order(load_board("qemu-virt32"), person=True))
    assert script(found, ".gdb")[4:] == [
        "target remote localhost:3333",
        "load /t/person.hex",
        "set $pc = (unsigned int)&hv_entry",
        "detach",
    ]


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner.name)
def test_what_a_tool_cannot_do_is_refused(runner) -> None:  # noqa: ANN001
    boards = map(load_board, ("netduinoplus2", "pico", "microbit", "esp32-c3"))
    board = next(board for board in boards if runner.name in board.runners)
    for wanted, able in (
        (order(board, verify=True, port="/x"), runner.verifies),
        (order(board, person=True, port="/x"), runner.writes_parts),
    ):
        if able:
            assert plan_flash(runner, wanted).steps
        else:
            with pytest.raises(HvError, match=r"cannot read back|a whole firmware or nothing"):
                plan_flash(runner, wanted)


def test_the_first_tool_of_a_board_is_its_own() -> None:
    assert choose_runner(load_board("nucleo-h743zi")).name == "openocd"
    assert choose_runner(load_board("pico")).name == "picotool"
    with pytest.raises(HvError, match="nothing is known of how dfu-util") as caught:
        choose_runner(load_board("pico"), "dfu-util")
    assert "picotool, uf2, gdb" in caught.value.hint
    with pytest.raises(HvError, match="no flash tool is called 'hammer'"):
        choose_runner(F405, "hammer")


def test_a_tool_that_is_not_here_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    runner = find_runner("st-flash")
    with pytest.raises(ProgramMissing, match="st-flash is not installed") as caught:
        carry_out(plan_flash(runner, order(at=tmp_path)), runner)
    assert caught.value.hint == "apt install stlink-tools"
    assert not list(tmp_path.iterdir())


def pretend(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("echo 'no probe'; exit 1", HvError, r"failed \(exit code 1\): no probe"),
        ("echo 'Verification of flash failed'", OutputsDiffer, "does not hold what was written"),
    ],
)
def test_a_tool_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, error: type, message: str
) -> None:
    pretend(tmp_path, "st-flash", text)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    runner = find_runner("st-flash")
    with pytest.raises(error, match=message):
        carry_out(plan_flash(runner, order(at=tmp_path)), runner)


def test_a_tool_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(tmp_path, "st-flash", "exec sleep 600")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    runner = find_runner("st-flash")
    with pytest.raises(HvError, match="did not finish within"):
        carry_out(plan_flash(runner, order(at=tmp_path)), runner, timeout_s=0.3)


def test_only_the_drive_of_a_boot_loader_is_written_to(tmp_path: Path) -> None:
    drive, folder = tmp_path / "drive", tmp_path / "files"
    drive.mkdir()
    folder.mkdir()
    runner = find_runner("uf2")
    found = plan_flash(runner, order(load_board("pico"), port=str(drive), at=folder))
    with pytest.raises(HvError, match=r"it has no INFO_UF2\.TXT"):
        carry_out(found, runner)
    assert not list(drive.iterdir())
    (drive / "INFO_UF2.TXT").write_text("UF2 Bootloader\n")
    carry_out(found, runner)
    assert (drive / "firmware.uf2").read_bytes() == found.files[folder / "firmware.uf2"]
