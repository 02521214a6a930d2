"""What cannot be used is told with the reason, and costs nothing else."""

from __future__ import annotations

import csv
import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import write_media
from tests.data.conftest import listed

from voice2face.data import file_readers
from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.prepare import PairingSettings, prepare
from voice2face.data.store import StoreSettings
from voice2face.data.store_card import kind_of_reason
from voice2face.errors import DataError

ALIGNED = StoreSettings()


def rejected(folder: Path) -> dict[str, str]:
    with (folder / "rejected.csv").open(newline="") as file:
        return {Path(row["file"]).name: row["reason"] for row in csv.DictReader(file)}


def png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


BAD_FACES = {
    "empty.jpg": "is empty (0 bytes)",
    "words.jpg": "is not an image of a known kind",
    "cut.jpg": "damaged image",
    "animation.jpg": "is GIF, not what .jpg says",
    "bomb.png": "has over 178,956,970 pixels",
    "dangling.jpg": "no such file",
    "loop.jpg": "Too many levels of symbolic links",
    "vanished.jpg": "no such file",
    "clip.mp4": "is a video",
}
BAD_VOICES = {
    "empty.wav": "not a recording that FFmpeg can read",
    "words.flac": "contains no audio (0 samples)",
    "silence.wav": "0.00 s of speech found in 2.00 s of sound; at least 0.4 s",
    "vanished.wav": "no such file",
    "short.npy": "0.39 s of speech found in 39 frames; at least 0.4 s",
    "bands.npy": "has the shape (100, 40); frames x 64 mel bands is needed",
    "nan.npy": "NaN or infinite",
    "whole.npy": "holds int64; an array of floats is needed",
    "pickled.npy": "not an array that NumPy can read",
    "lies.npy": "not an array that NumPy can read",
    "empty.npy": "not an array that NumPy can read",
}


def test_every_bad_file_has_a_reason_and_no_good_one_is_lost(subset, tmp_path):
    faces, voices = tmp_path / "faces" / "Ann", tmp_path / "voices"
    faces.mkdir(parents=True)
    voices.mkdir()
    good = (subset / "fairface/train/7.jpg").read_bytes()
    (faces / "good.jpg").write_bytes(good)
    (faces / "empty.jpg").touch()
    (faces / "words.jpg").write_text("not an image")
    (faces / "cut.jpg").write_bytes(good[: len(good) // 2])
    Image.new("L", (64, 64)).save(faces / "animation.jpg", "GIF")
    (faces / "bomb.png").write_bytes(png_of_size(60_000, 60_000))
    (faces / "dangling.jpg").symlink_to("nowhere.jpg")
    (faces / "loop.jpg").symlink_to("loop.jpg")
    (faces / "vanished.jpg").touch()
    (faces / "clip.mp4").write_text("any")

    random_bands = np.random.default_rng(0).normal(-5, 2, (100, 64)).astype(np.float32)
    np.save(voices / "good.npy", random_bands)
    np.save(voices / "enough.npy", random_bands[:40])
    np.save(voices / "short.npy", random_bands[:39])
    np.save(voices / "bands.npy", random_bands[:, :40])
    np.save(voices / "nan.npy", np.where(np.arange(64) == 3, np.nan, random_bands))
    np.save(voices / "whole.npy", np.ones((100, 64), np.int64))
    np.save(voices / "pickled.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    content = (voices / "good.npy").read_bytes()
    (voices / "lies.npy").write_bytes(content.replace(b"(100, 64)", b"(999, 64)"))
    (voices / "empty.npy").touch()
    (voices / "empty.wav").touch()
    (voices / "words.flac").write_text("not a recording")
    write_media(voices / "silence.wav", np.zeros((1, 32000)))
    (voices / "vanished.wav").touch()
    names = sorted(path.name for path in voices.iterdir())
    table = tmp_path / "voices.csv"
    table.write_text("path,identity\n" + "".join(f"voices/{name},Ann\n" for name in names))

    data = {
        "voices": [import_rows(f"table:{table}", VOICES)],
        "faces": [import_rows(f"folder:{tmp_path / 'faces'}", FACES)],
    }
    for path in (faces / "vanished.jpg", voices / "vanished.wav"):
        path.unlink()
    folder = tmp_path / "store"
    store = prepare(**data, settings=ALIGNED, folder=folder, pairing=PairingSettings("identity"))
    reasons = rejected(folder)
    for name, reason in {**BAD_FACES, **BAD_VOICES}.items():
        assert reason in reasons.pop(name), name
    assert not reasons
    assert [Path(file).name for file in store.faces["file"]] == ["good.jpg"]
    assert [Path(file).name for file in store.voices["file"]] == ["enough.npy", "good.npy"]
    assert store.card["voices"]["files_seen"] == 2 + len(BAD_VOICES)
    assert store.card["faces"]["files_rejected"] == len(BAD_FACES)
    assert sum(store.card["voices"]["reasons"].values()) == len(BAD_VOICES)
    assert str(tmp_path) not in "".join(rejected(folder).values())


class Trap:
    """Unpickling this fails the test's process."""

    def __reduce__(self):
        return os._exit, (9,)


def test_the_trap_is_one():
    assert b"_exit" in pickle.dumps(Trap())


def test_a_decoder_that_fails_as_none_should_costs_only_its_file(subset, tmp_path, monkeypatch):
    read_face = file_readers.read_face

    def read(path, *more):
        if path.name == "13.jpg":
            raise RuntimeError(f"{path}: assertion failed\nin line 3")
        return read_face(path, *more)

    monkeypatch.setattr(file_readers, "read_face", read)
    store = prepare(
        **listed(subset), settings=ALIGNED, folder=tmp_path, pairing=PairingSettings("gender")
    )
    reason = rejected(tmp_path)["13.jpg"]
    assert reason.startswith("cannot be decoded (RuntimeError: ")
    assert "\n" not in reason
    assert len(store.images) == 29


def test_nothing_usable_is_refused_with_the_first_reason(subset, tmp_path):
    voice = listed(subset)["voices"][0][1][0].identity
    (tmp_path / "faces" / voice).mkdir(parents=True)
    (tmp_path / "faces" / voice / "a.jpg").touch()
    data = listed(subset) | {"faces": [import_rows(f"folder:{tmp_path / 'faces'}", FACES)]}
    with pytest.raises(DataError, match=r"no face image could be used.*is empty \(0 bytes\)"):
        prepare(
            **data, settings=ALIGNED, folder=tmp_path / "store", pairing=PairingSettings("identity")
        )


def test_kinds_of_reasons_bring_measurements_together():
    one = kind_of_reason("0.12 s of speech found in 3.00 s of sound; at least 0.4 s is needed")
    other = kind_of_reason("0 s of speech found in 1,200.5 s of sound; at least 0.4 s is needed")
    assert one == other == "# s of speech found in # s of sound"
