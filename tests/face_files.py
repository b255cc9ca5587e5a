"""Writes tiny collections of "photographs" in every form that is read: for tests only."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from hypernet.backbone import Box, Embedding, Face

MAGIC = struct.pack("<I", 0xCED7230A)
People = Mapping[str, int]


def picture(seed: int, size: int = 16) -> np.ndarray:
    """Smooth noise, different for every seed: uint8 [size, size, 3]."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    grown = Image.fromarray(coarse).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(grown)


def encoded(seed: int, size: int = 16, form: str = "PNG") -> bytes:
    """`picture` as a file; a PNG gives back every bit."""
    stream = io.BytesIO()
    Image.fromarray(picture(seed, size)).save(stream, form)
    return stream.getvalue()


class CornerEncoder:
    """A face encoder that needs no model: every photograph is a face, its corner tells which."""

    name = "corner"
    dimensions = 3

    def faces(self, image: np.ndarray, *, weak: bool = False) -> list[Face]:
        return [self.aligned_face(image)]

    def aligned_face(self, image: np.ndarray) -> Face:
        chip = np.resize(image, (128, 128, 3))
        height, width = image.shape[:2]
        box = Box(left=0, top=0, width=width, height=height)
        return Face(box=box, score=1.0, chip=chip, encoder_chip=chip)

    def embed(self, face: Face) -> Embedding:
        return self.describe_chip(face.chip)

    def describe_chip(self, chip: np.ndarray) -> Embedding:
        return chip[0, 0].astype(np.float32)


def write_people(root: Path, people: People, *, suffix: str = "png") -> Path:
    """A folder of people in LFW's layout; photographs are numbered through."""
    seed = 0
    for person, count in people.items():
        (root / person).mkdir(parents=True)
        for number in range(1, count + 1):
            (root / person / f"{person}_{number:04d}.{suffix}").write_bytes(encoded(seed))
            seed += 1
    return root


def write_bin(path: Path, images: Sequence[object], same: object, *, protocol: int = 4) -> Path:
    """A verification set."""
    path.write_bytes(pickle.dumps((list(images), same), protocol=protocol))
    return path


def python2_bin(images: Sequence[bytes], same: Sequence[bool]) -> bytes:
    """What Python 2's cPickle wrote with its highest protocol: text that is bytes."""
    out = [pickle.PROTO + b"\x02", pickle.EMPTY_LIST, pickle.MARK]
    out += [pickle.BINSTRING + struct.pack("<i", len(image)) + image for image in images]
    out += [pickle.APPENDS, pickle.EMPTY_LIST, pickle.MARK]
    out += [pickle.NEWTRUE if value else pickle.NEWFALSE for value in same]
    return b"".join([*out, pickle.APPENDS, pickle.TUPLE2, pickle.STOP])


def record(payload: bytes) -> bytes:
    """One RecordIO record, cut at every aligned magic number as MXNet's writer does."""
    cuts = [at for at in range(0, len(payload) // 4 * 4, 4) if payload[at : at + 4] == MAGIC]
    starts, ends = [0, *(at + 4 for at in cuts)], [*cuts, len(payload)]
    parts = [payload[start:end] for start, end in zip(starts, ends, strict=True)]
    last = len(parts) - 1
    flags = [0] if not last else [1, *[2] * (last - 1), 3]
    return b"".join(
        MAGIC + struct.pack("<I", flag << 29 | len(part)) + part + bytes(-len(part) % 4)
        for flag, part in zip(flags, parts, strict=True)
    )


def image_record(number: int, labels: float | Sequence[float], content: bytes) -> bytes:
    """A record with MXNet's image header."""
    if isinstance(labels, int | float):
        return record(struct.pack("<IfQQ", 0, labels, number, 0) + content)
    head = struct.pack("<IfQQ", len(labels), 0, number, 0)
    return record(head + struct.pack(f"<{len(labels)}f", *labels) + content)


def write_records(folder: Path, records: Mapping[int, bytes], people: int | None = None) -> Path:
    """`train.rec` and `train.idx` of finished records, and `property`."""
    folder.mkdir(parents=True, exist_ok=True)
    lines, data = [], b""
    for number, one in records.items():
        lines.append(f"{number}\t{len(data)}\n")
        data += one
    (folder / "train.rec").write_bytes(data)
    (folder / "train.idx").write_text("".join(lines))
    if people is not None:
        (folder / "property").write_text(f"{people},112,112")
    return folder


def training_records(labels: Sequence[int], images: Sequence[bytes]) -> dict[int, bytes]:
    """Records of a whole set: header, photographs, one for each person."""
    end, people = len(labels) + 1, sorted(set(labels))
    records = {0: image_record(0, (end, end + len(people)), b"")}
    for number, (label, image) in enumerate(zip(labels, images, strict=True), 1):
        records[number] = image_record(number, label, image)
    for number, person in enumerate(people, end):
        first = 1 + labels.index(person)
        records[number] = image_record(number, (first, first + labels.count(person)), b"")
    return records


def write_shard(path: Path, members: Sequence[tuple[str, bytes]]) -> Path:
    """One tar of named members."""
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def sample(
    key: str, person: object, image: bytes, *, label: str = "cls"
) -> list[tuple[str, bytes]]:
    """The members of one labelled photograph."""
    text = json.dumps({"label": person}) if label == "json" else str(person)
    return [(f"{key}.png", image), (f"{key}.{label}", text.encode())]
