"""The verbs that talk to a device, on an emulated board and without any."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from codegen.store import User
from tests import networks
from tests.cli.conftest import Run

BOARD = "mps2-an386"


@pytest.fixture
def crops(tmp_path: Path, alice: User) -> Path:
    folder = tmp_path / "crops"
    folder.mkdir()
    for number, image in enumerate(networks.images(alice.quant_net.arch, 3, 1)):
        Image.fromarray(image).save(folder / f"{number}.png")
    return folder


def test_a_session_is_streamed_recorded_and_replayed(
    run: Run, alice: User, crops: Path, tmp_path: Path
) -> None:
    session = tmp_path / "session.jsonl"
    words = ("stream", "--emulate", BOARD, "--user", "alice", "--images", crops, "--aligned")
    live = run(*words, "--json", "--record", session)
    assert live.code == 0, live.err
    seen = [json.loads(line) for line in live.out.splitlines()]
    assert [line["image"] for line in seen] == ["0.png", "1.png", "2.png"]
    expected = run("simulate", "--user", "alice", "--images", crops, "--aligned", "--json").json
    for line, score in zip(seen, expected["scores"], strict=True):
        (answer,) = line["answers"]
        assert answer["name"] == "alice"
        assert answer["accumulator"] == score["accumulator"]
        assert answer["score"] == pytest.approx(score["score"])
        assert answer["accepted"] == score["accepted"]
        assert line["who"] == ("alice" if score["accepted"] else "nobody")

    replayed = run("stream", "--replay", session, "--json")
    assert replayed.code == 0, replayed.err
    for line, then in zip(replayed.out.splitlines(), seen, strict=True):
        (answer,), (old,) = json.loads(line)["answers"], then["answers"]
        assert {**answer, "score": None} == {**old, "score": None}
    lines = run("stream", "--replay", session).out.splitlines()
    assert lines[0].split()[:3] == ["image", "who", "alice"]
    assert len(lines) == 4

    again = run(*words, "--record", session)
    assert again.code == 1
    assert "there is a file of that name" in again.err


def test_monitor_shows_who_is_there_and_the_known_answers(run: Run, alice: User) -> None:
    assert alice.name == "alice"
    words = ("monitor", "--emulate", BOARD, "--user", "alice", "--count", 2, "--every", 0)
    answer = run(*words, "--json")
    assert answer.code == 0, answer.err
    first, *rounds = (json.loads(line) for line in answer.out.splitlines())
    assert first["identity"]["board"] == BOARD
    assert len(first["people"]) == 1
    assert [line["round"] for line in rounds] == [1, 2]
    assert all(line["equal"] for line in rounds)


def test_verify_on_an_emulated_device_compares_every_tensor(run: Run, alice: User) -> None:
    answer = run("verify", "--user", "alice", "--emulate", BOARD, "--json")
    assert answer.code == 0, answer.err
    assert answer.json["bit_exact"]
    layers = len(alice.quant_net.layers)
    assert answer.json["tensors_compared"] == 4 * layers
    assert answer.json["checks"][0]["where"] == f"{BOARD} over an emulated serial port"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("monitor",), "give PORT or --emulate BOARD"),
        (("monitor", "COM1", "--emulate", BOARD), "give PORT or --emulate BOARD"),
        (("monitor", "--emulate", BOARD), "--emulate needs a kernel"),
        (("stream", "COM1"), "give one of --images, --camera and --replay"),
        (("stream", "COM1", "--images", ".", "--camera", 0), "give one of --images"),
        (("stream", "--images", "."), "give PORT or --emulate BOARD"),
        (("verify", "--user", "alice", "--on-device", "COM1", "--emulate", BOARD), "give PORT"),
    ],
)
def test_wrong_usage_is_told(run: Run, alice: User, words: tuple[object, ...], said: str) -> None:
    assert alice.name == "alice"
    answer = run(*words)
    assert (answer.code, said in answer.err) == (2, True), answer.err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("monitor", "socket://127.0.0.1:1"), 1, "cannot connect"),
        (("verify", "--user", "alice", "--on-device", "socket://x"), 1, "host and number"),
        (("stream", "--emulate", "nowhere", "--user", "alice", "--images", "."), 1, "no board"),
        (("stream", "socket://127.0.0.1:1", "--user", "bob", "--images", "."), 1, "bob"),
    ],
)
def test_what_a_user_gets_wrong_is_told(
    run: Run, alice: User, words: tuple[object, ...], code: int, said: str
) -> None:
    assert alice.name == "alice"
    answer = run(*words)
    assert (answer.code, said in answer.err) == (code, True), answer.err


def test_a_replay_of_something_else_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text("{}\n")
    assert "no recording" in run("stream", "--replay", path).err
    both = run("stream", "COM1", "--replay", path)
    assert (both.code, "--replay needs no device" in both.err) == (2, True)


def test_a_camera_gives_its_frames_and_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    from codegen.cli import live_images

    pictures = [np.full((4, 6, 3), number, np.uint8) for number in (1, 2)]
    released = []
    camera = SimpleNamespace(
        isOpened=lambda: True,
        read=lambda: (True, pictures.pop(0)) if pictures else (False, None),
        release=lambda: released.append(True),
    )
    module = SimpleNamespace(VideoCapture=lambda _number: camera)
    monkeypatch.setitem(__import__("sys").modules, "cv2", module)
    monkeypatch.setattr(
        live_images, "face_crop", lambda photo, _shape: photo if photo[0, 0, 0] > 1 else None
    )
    frames = list(live_images.from_camera(0, (4, 6, 3)))
    assert [frame.name for frame in frames] == ["frame 1", "frame 2"]
    assert frames[0].reason == "no face found"
    assert frames[1].image is not None
    assert released == [True]


def test_without_opencv_a_camera_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from codegen.cli.live_images import from_camera
    from codegen.errors import HvError, ProgramMissing

    monkeypatch.setitem(__import__("sys").modules, "cv2", None)
    with pytest.raises(ProgramMissing, match="OpenCV"):
        list(from_camera(0, (1, 1, 3)))
    closed = SimpleNamespace(isOpened=lambda: False, release=lambda: None)
    module = SimpleNamespace(VideoCapture=lambda _number: closed)
    monkeypatch.setitem(__import__("sys").modules, "cv2", module)
    with pytest.raises(HvError, match="there is no camera 3"):
        list(from_camera(3, (1, 1, 3)))


def test_a_port_that_is_not_there_leaves_no_recording(run: Run, tmp_path: Path) -> None:
    session = tmp_path / "session.jsonl"
    answer = run(
        "stream", "socket://127.0.0.1:1", "--images", tmp_path, "--aligned", "--record", session
    )
    assert answer.code == 1
    assert not session.exists()


def test_one_source_of_images_and_no_more(run: Run, tmp_path: Path) -> None:
    session = tmp_path / "session.jsonl"
    session.write_text("{}\n")
    sources = ("--images", tmp_path, "--camera", 0, "--replay", session)
    for words in ((), sources[:4], sources[2:], sources):
        answer = run("stream", *words)
        assert (answer.code, "give one of --images" in answer.err) == (2, True), words


@pytest.mark.parametrize(
    "words", [("--board", BOARD), ("--compiler", "gcc"), ("--emulator", "qemu"), ("--witness", "x")]
)
def test_a_device_is_verified_alone(run: Run, alice: User, words: tuple[str, str]) -> None:
    """What would be left out is refused: nobody shall believe that it was compared too."""
    answer = run("verify", "--user", alice.name, "--emulate", BOARD, *words)
    assert answer.code == 2, answer.err
