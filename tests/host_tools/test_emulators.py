from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy import planted, reference, toy_images
from toy_firmware import Build, build_faulty, installed_emulator

from codegen.errors import HvError, OutputsDiffer, ProgramMissing
from codegen.targets import TARGETS
from host_tools.boards import board_names, load_board
from host_tools.compare import compare
from host_tools.emulators import EMULATORS, choose_emulator, find_emulator
from host_tools.emulators.base import Emulator, Job
from host_tools.emulators.instruction_sets import RISCV_CODE, THUMB_CODE, CodeReader
from host_tools.emulators.qemu import Qemu, plan_plugin
from host_tools.run import run_trace
from host_tools.toolchain import Purpose, choose

BOTH = [emulator.name for emulator in EMULATORS]
COMPILERS = ["gcc", "zig"]
# one board of each core; tests/boards has all of them
CORES = sorted(target.board for target in TARGETS if target.board)

LOOP_START = "    for (uint32_t i = 0u; i < 16u; i++) {\n        const int32_t x"


def _job(build: Build, board: str, compiler: str, *, count: bool) -> Job:
    return Job(
        firmware=build(board, compiler),
        inputs={"images.bin": toy_images(4).tobytes()},
        outputs=("trace.bin",),
        count=count,
    )


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("board", CORES)
def test_every_emulator_gives_the_reference_on_every_board(
    build: Build, board: str, compiler: str
) -> None:
    for name in load_board(board).emulators:
        run = run_trace(installed_emulator(name, board), build(board, compiler), toy_images(4))
        assert compare(reference(toy_images(4)), run.trace.tensors).bit_exact


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("board", [b for b in CORES if len(load_board(b).emulators) > 1])
def test_both_emulators_write_the_same_bytes_and_count_alike(
    build: Build, board: str, compiler: str
) -> None:
    job = _job(build, board, compiler, count=True)
    first, second = (installed_emulator(name, board).run(job) for name in BOTH)
    assert first.files == second.files
    assert first.counts == second.counts
    assert first.counts is not None
    assert [layer.layer for layer in first.counts.layers] == ["conv0", "decision"]
    for layer in first.counts.layers:
        assert layer.calls == 8  # four images, each layer by layer and whole
        assert 0 < layer.least <= layer.most
        assert layer.instructions < first.counts.total


def test_both_compilers_write_the_same_tensors(build: Build) -> None:
    emulator = installed_emulator("qemu")
    runs = [run_trace(emulator, build("mps2-an386", name), toy_images(4)) for name in COMPILERS]
    assert compare(runs[0].trace.tensors, runs[1].trace.tensors).bit_exact


@pytest.mark.parametrize("board", ["mps2-an386", "qemu-virt32"])
def test_paint_stores_and_proof_agree_on_the_stack(build: Build, board: str) -> None:
    firmware = build(board, "gcc")
    run = run_trace(installed_emulator("qemu", board), firmware, toy_images(2), watch_stores=True)
    assert run.outcome.stores is not None
    assert firmware.stack is not None
    assert run.trace.stack_used_bytes == run.outcome.stores.stack_used_bytes
    # a frame may begin with padding that nothing writes to
    assert 0 <= firmware.stack.size_bytes - run.trace.stack_used_bytes < 16


def test_counting_and_watching_change_no_result(build: Build) -> None:
    emulator = installed_emulator("qemu")
    firmware = build("mps2-an386", "gcc")
    plain = run_trace(emulator, firmware, toy_images(2))
    watched = run_trace(emulator, firmware, toy_images(2), count=True, watch_stores=True)
    assert compare(plain.trace.tensors, watched.trace.tensors).bit_exact
    assert plain.outcome.counts is None
    assert plain.outcome.stores is None


def test_stray_stores_are_found(tmp_path_factory: pytest.TempPathFactory) -> None:
    kernel = planted(
        LOOP_START,
        "    static volatile int32_t stray;\n    stray = 1;\n    (void)stray;\n" + LOOP_START,
    )
    firmware = build_faulty(kernel, tmp_path_factory.mktemp("stray"))
    emulator = installed_emulator("qemu")
    run_trace(emulator, firmware, toy_images(1))  # unnoticed when nobody watches
    with pytest.raises(OutputsDiffer, match="2 stores of the kernel went outside"):
        run_trace(emulator, firmware, toy_images(1), watch_stores=True)


@pytest.mark.parametrize("name", BOTH)
def test_a_whole_run_that_differs_is_found(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kernel = planted("(void)memcpy(result, &arena[16]", "(void)memcpy(result, &arena[0]")
    firmware = build_faulty(kernel, tmp_path_factory.mktemp("differs"))
    with pytest.raises(OutputsDiffer, match="a whole run and the layers run one by one"):
        run_trace(installed_emulator(name), firmware, toy_images(1))


@pytest.mark.parametrize("name", BOTH)
def test_a_refusal_of_the_kernel_is_told(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kernel = planted("    case 1u:\n        break;", "    case 1u:\n        return HV_ERROR_ABI;")
    firmware = build_faulty(kernel, tmp_path_factory.mktemp("refuses"))
    with pytest.raises(HvError, match="the kernel refused its arguments"):
        run_trace(installed_emulator(name), firmware, toy_images(1))


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("board", "nowhere"),
    [("mps2-an386", "0x30000000u"), ("microbit", "0x30000000u"), ("qemu-virt32", "0xF0000000u")],
)
def test_a_fault_is_told(
    name: str, board: str, nowhere: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    wild = f"    *(volatile uint32_t *){nowhere} = 1u;\n"
    kernel = planted(LOOP_START, wild + LOOP_START)
    firmware = build_faulty(kernel, tmp_path_factory.mktemp("wild"), board=board)
    with pytest.raises(HvError, match=r"HardFault|store without access|the firmware faulted"):
        run_trace(installed_emulator(name, board), firmware, toy_images(1))


# boards where nothing can be written below the stack
@pytest.mark.parametrize("board", ["microbit", "qemu-virt32"])
@pytest.mark.parametrize("name", BOTH)
def test_a_stack_overflow_is_told(
    name: str, board: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    large = """    volatile uint8_t large[8192];
    for (uint32_t n = 0u; n < 8192u; n++) {
        large[n] = image[0];
    }
    (void)large[0];
"""
    kernel = planted(LOOP_START, large + LOOP_START)
    # zig, because gcc's bound refuses it before it runs
    firmware = build_faulty(
        kernel, tmp_path_factory.mktemp("overflow"), board=board, compiler="zig"
    )
    with pytest.raises(HvError) as caught:
        run_trace(installed_emulator(name, board), firmware, toy_images(1))
    assert "stack overflow" in caught.value.hint


@pytest.mark.parametrize("name", BOTH)
def test_an_endless_loop_is_ended(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    endless = "    for (volatile uint32_t n = 1u; n != 0u;) {\n    }\n"
    firmware = build_faulty(planted(LOOP_START, endless + LOOP_START), tmp_path_factory.mktemp("x"))
    with pytest.raises(HvError, match=r"did not finish within 1 seconds"):
        run_trace(installed_emulator(name), firmware, toy_images(1), timeout_s=1)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "cannot open its input file"),
        ({"images.bin": b""}, "empty or not a whole number"),
        ({"images.bin": b"123"}, "empty or not a whole number"),
    ],
)
def test_bad_inputs_are_told(
    build: Build, name: str, inputs: dict[str, bytes], message: str
) -> None:
    from host_tools.exits import check_exit

    firmware = build("mps2-an386")
    outcome = installed_emulator(name).run(
        Job(firmware=firmware, inputs=inputs, outputs=("trace.bin",))
    )
    with pytest.raises(HvError, match=message):
        check_exit(outcome.exit_code, where="test")


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 4, 5, 1), np.uint8),
        np.zeros((0, 4, 4, 1), np.uint8),
        np.zeros((1, 4, 4, 1), np.int8),
        np.zeros(16, np.uint8),
    ],
)
def test_images_that_do_not_fit_are_refused(build: Build, images: np.ndarray) -> None:
    with pytest.raises(HvError, match="images"):
        run_trace(find_emulator("unicorn"), build("mps2-an386"), images)


def test_the_exact_call_of_qemu(build: Build) -> None:
    firmware = build("mps2-an386")
    job = Job(firmware=firmware, inputs={}, outputs=())
    assert Qemu().argv(job) == (
        "qemu-system-arm",
        "-machine",
        "mps2-an386",
        "-display",
        "none",
        "-monitor",
        "none",
        "-serial",
        "none",
        "-semihosting-config",
        "enable=on,target=native",
        "-kernel",
        str(firmware.elf),
    )


def test_the_exact_call_of_qemu_for_riscv(build: Build) -> None:
    """Without -bios none QEMU starts a firmware of its own first."""
    firmware = build("qemu-virt32")
    argv = Qemu().argv(Job(firmware=firmware, inputs={}, outputs=()))
    assert argv[:3] == ("qemu-system-riscv32", "-machine", "virt")
    reset = ("-bios", "none", "-device", "loader,addr=0x80000000,cpu-num=0")
    assert argv[-6:] == ("-kernel", str(firmware.elf), *reset)


def test_the_plugin_is_told_the_layers_and_the_memories(build: Build, tmp_path) -> None:  # noqa: ANN001
    job = Job(firmware=build("mps2-an386"), inputs={}, outputs=(), count=True, watch_stores=True)
    *_, flag, option = Qemu().argv(job, tmp_path / "a,b.so")
    names = [part.partition("=")[0] for part in option.replace(",,", ";").split(",")]
    assert flag == "-plugin"
    assert "a,,b.so,out=" in option
    assert names[1:] == ["out", "layer", "layer", "main", "stack", "allow", "allow"]
    assert "stack=0x20000000-0x20001000" in option


def test_the_plugin_is_told_the_run_and_the_flash(build: Build, tmp_path) -> None:  # noqa: ANN001
    job = Job(firmware=build("mps2-an386"), inputs={}, outputs=(), profile=True)
    option = Qemu().argv(job, tmp_path / "x.so")[-1]
    names = [part.partition("=")[0] for part in option.split(",")]
    assert names[1:] == ["out", "layer", "layer", "main", "stack", "run", "flash"]
    assert "flash=0x0-0x400000" in option


def test_the_exact_call_that_compiles_the_plugin(tmp_path) -> None:  # noqa: ANN001
    toolchain = choose(Purpose.HOST)
    argv = plan_plugin(toolchain, tmp_path / "x.so")
    assert argv[0] == str(toolchain.path)
    assert [Path(source).name for source in argv[-5:-2]] == [
        "hv_calls.c",
        "hv_count.c",
        "hv_profile.c",
    ]
    assert argv[-2:] == ("-o", str(tmp_path / "x.so"))
    assert "-Werror" in argv


def test_unicorn_says_that_it_does_not_watch_stores(build: Build) -> None:
    with pytest.raises(HvError, match="unicorn does not watch stores"):
        run_trace(
            installed_emulator("unicorn"), build("mps2-an386"), toy_images(1), watch_stores=True
        )


def test_thumb_instructions_are_counted_by_their_length() -> None:
    # push {r4, lr}; mov.w r2, #0xe000e000; bkpt 0xab
    assert THUMB_CODE.count(bytes.fromhex("10b5 4ff0e022 abbe")) == 3
    assert THUMB_CODE.count(b"") == 0


@pytest.mark.parametrize(
    ("reader", "code", "calls"),
    [
        (THUMB_CODE, "00f000f8", True),  # bl .
        (THUMB_CODE, "9847", True),  # blx r3
        (THUMB_CODE, "00bf 9847", True),
        (THUMB_CODE, "9847 00bf", False),
        (THUMB_CODE, "1847", False),  # bx r3
        (THUMB_CODE, "00f000b8", False),  # b.w .
        (THUMB_CODE, "00f00080", False),  # beq.w .
        (THUMB_CODE, "4ff0e022", False),  # mov.w r2, #0xe000e000
        (THUMB_CODE, "", False),
        (RISCV_CODE, "ef00 0000", True),  # jal .
        (RISCV_CODE, "e780 0000", True),  # jalr ra
        (RISCV_CODE, "0120", True),  # c.jal .
        (RISCV_CODE, "8296", True),  # c.jalr a3
        (RISCV_CODE, "6f00 0000", False),  # j .
        (RISCV_CODE, "6780 0000", False),  # ret
        (RISCV_CODE, "8280", False),  # c.jr ra
        (RISCV_CODE, "0290", False),  # c.ebreak
        (RISCV_CODE, "b696", False),  # c.add a3, a3, a3
        (RISCV_CODE, "", False),
    ],
)
def test_calls_are_told_from_other_branches(reader: CodeReader, code: str, calls: bool) -> None:
    assert reader.ends_with_call(bytes.fromhex(code)) is calls


def test_riscv_instructions_are_counted_by_their_length() -> None:
    # addi sp, sp, -16 (16 bits); slli x0, x0, 0x1f; ebreak
    assert RISCV_CODE.count(bytes.fromhex("4111 1310f001 73001000")) == 3
    assert RISCV_CODE.count(b"") == 0


def test_boards_say_who_runs_them() -> None:
    for name in board_names():
        assert set(load_board(name).emulators) <= set(BOTH)
    for name in CORES:
        # no other emulator has Helium
        able = {"qemu"} if name == "mps3-an547" else set(BOTH)
        assert set(load_board(name).emulators) == able


def test_an_unknown_emulator_is_refused() -> None:
    with pytest.raises(HvError, match="no emulator is called 'renode'") as caught:
        find_emulator("renode")
    assert caught.value.hint == "choose one of qemu, unicorn"


def test_without_qemu_the_other_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert choose_emulator(load_board("mps2-an386")).name == "unicorn"


def test_a_missing_emulator_says_how_to_install_it(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    firmware = build("mps2-an386")
    monkeypatch.setenv("PATH", "")
    for action in (
        lambda: choose_emulator(load_board("mps2-an386"), "qemu"),
        lambda: run_trace(Qemu(), firmware, toy_images(1)),
    ):
        with pytest.raises(ProgramMissing) as caught:
            action()
        assert caught.value.exit_code == 4
        assert caught.value.hint == "apt install qemu-system-arm"


def test_every_emulator_is_an_emulator() -> None:
    emulators: tuple[Emulator, ...] = EMULATORS
    assert [emulator.name for emulator in emulators] == BOTH
    assert [emulator.watches_stores for emulator in emulators] == [True, False]
    assert [emulator.profiles for emulator in emulators] == [True, False]
