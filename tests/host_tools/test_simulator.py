from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from toy import PERSON, planted, reference, toy_images, write_toy

from codegen.errors import HvError
from host_tools.compare import compare
from host_tools.manifest import Manifest, check_files, load_manifest
from host_tools.simulator import Simulator
from host_tools.toolchain import Purpose, Toolchain, all_available

COMPILERS = all_available(Purpose.HOST)


@pytest.mark.parametrize("toolchain", COMPILERS, ids=lambda toolchain: toolchain.name)
def test_every_host_compiler_gives_the_reference(toy: Manifest, toolchain: Toolchain) -> None:
    simulator = Simulator(toy.folder, toolchain=toolchain)
    expected = reference(toy_images(5))
    assert compare(expected, simulator.trace(toy_images(5))).bit_exact
    np.testing.assert_array_equal(simulator.run(toy_images(5)), expected["decision"])


def test_a_planted_fault_is_found(tmp_path: Path) -> None:
    folder = write_toy(tmp_path / "toy", kernel=planted("result.score >= 100", "result.score > 99"))
    assert compare(reference(toy_images(4)), Simulator(folder).trace(toy_images(4))).bit_exact
    folder = write_toy(tmp_path / "off", kernel=planted("{2, 3}", "{2, 4}"))
    verdict = compare(reference(toy_images(4)), Simulator(folder).trace(toy_images(4)))
    assert verdict.first_difference is not None
    assert verdict.first_difference.layer == "conv0"


def test_another_person_needs_no_other_library(toy: Manifest) -> None:
    own = Simulator(toy.folder)
    same = Simulator(toy.folder, person=PERSON.tobytes())
    nobody = Simulator(toy.folder, person=bytes(16))
    np.testing.assert_array_equal(own.run(toy_images(3)), same.run(toy_images(3)))
    assert not nobody.run(toy_images(3)).any()
    assert not own.of(bytes(16)).run(toy_images(3)).any()
    np.testing.assert_array_equal(
        nobody.of(PERSON.tobytes()).run(toy_images(3)), own.run(toy_images(3))
    )


def test_weights_of_another_size_are_refused(toy: Manifest) -> None:
    with pytest.raises(HvError, match="16 bytes for this kernel, not 17"):
        Simulator(toy.folder, person=bytes(17))
    with pytest.raises(HvError, match="16 bytes for this kernel, not 17"):
        Simulator(toy.folder).of(bytes(17))


def test_threads_may_share_a_simulator(toy: Manifest) -> None:
    simulator = Simulator(toy.folder)
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: simulator.run(toy_images(500)), range(8)))
    for run in runs:
        np.testing.assert_array_equal(run, reference(toy_images(500))["decision"])


def test_a_refusal_of_the_kernel_is_told(tmp_path: Path) -> None:
    kernel = planted("    case 1u:\n        break;", "    case 1u:\n        return HV_ERROR_ABI;")
    with pytest.raises(HvError, match="the kernel refused with status 3"):
        Simulator(write_toy(tmp_path / "toy", kernel=kernel)).run(toy_images(1))


def test_images_of_another_size_are_refused(toy: Manifest) -> None:
    with pytest.raises(HvError, match="do not fit a kernel that takes 16 bytes"):
        Simulator(toy.folder).run(np.zeros((1, 4, 5, 1), np.uint8))


def test_a_manifest_of_another_kernel_is_refused(tmp_path: Path) -> None:
    _change(write_toy(tmp_path / "toy"), "abi", "0" * 64)
    with pytest.raises(HvError, match="of different kernels"):
        Simulator(tmp_path / "toy")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("format", 2, "format 2"),
        ("abi", "12", "must have 64 characters"),
        ("layers", [], "without layers"),
        ("layers", [{}], "not understood"),
        ("arena_bytes", 20, "outside the arena"),
        ("image_bytes", "many", "not understood"),
    ],
)
def test_faulty_manifests_are_refused(
    tmp_path: Path, key: str, value: object, message: str
) -> None:
    _change(write_toy(tmp_path / "toy"), key, value)
    with pytest.raises(HvError, match=message) as caught:
        load_manifest(tmp_path / "toy")
    assert "manifest.json" in caught.value.where
    assert caught.value.hint == "emit the folder again"


def test_a_folder_without_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HvError, match="not an emitted folder"):
        load_manifest(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(HvError, match="cannot read it"):
        load_manifest(tmp_path)


def test_changed_and_missing_files_are_found(tmp_path: Path) -> None:
    manifest = load_manifest(write_toy(tmp_path / "toy"))
    check_files(manifest)
    with (manifest.folder / "hv_toy.c").open("a") as file:
        file.write("\n")
    with pytest.raises(HvError, match="changed after it was emitted"):
        check_files(manifest)
    (manifest.folder / "hv_toy.c").unlink()
    with pytest.raises(HvError, match="an emitted file is missing"):
        check_files(manifest)


def _change(folder: Path, key: str, value: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
