"""A bundle as one file: the same model, the same bytes, and nothing that a hostile one can do."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from voice2face import VoiceToFace
from voice2face.cli import main
from voice2face.errors import BundleError
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.bundle_check import check_bundle
from voice2face.runtime.bundle_file import BUNDLE_FILES, read_file, write_zip
from voice2face.runtime.description import read_description

NAMES = ["model.json", "MODEL_CARD.md", "generator.onnx", "voice_encoder.onnx"]


@pytest.fixture(scope="module")
def packed(bundle, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("packed") / "small.zip"
    assert main(["bundle", "pack", str(bundle), "-o", str(target)]) == 0
    return target


def test_a_zip_draws_what_its_folder_draws(bundle, packed, example, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    of_zip, of_folder = (VoiceToFace.load(one).generate(example) for one in (packed, bundle))
    assert of_zip.faces.tobytes() == of_folder.faces.tobytes()
    assert not list(tmp_path.iterdir())


def test_the_same_bundle_gives_the_same_bytes(bundle, packed, tmp_path):
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    for name in NAMES:
        (copy / name).chmod(0o600)
        os.utime(copy / name, (1e9, 1e9))
    for number, source in enumerate((copy, packed)):
        write_zip(source, NAMES[::-1], target := tmp_path / f"{number}.zip")
        assert target.read_bytes() == packed.read_bytes()


def made(target: Path, bundle: Path, method: int = zipfile.ZIP_DEFLATED, **others: bytes) -> Path:
    """Write a zip as another program would, with more members."""
    with zipfile.ZipFile(target, "w", method) as archive:
        for path in sorted(bundle.iterdir()):
            archive.write(path, path.name)
        for name, content in others.items():
            archive.writestr(name, content)
    return target


def test_what_other_programs_compress_is_read(bundle, tmp_path):
    zipped = made(tmp_path / "other.zip", bundle)
    assert zipped.stat().st_size < sum(path.stat().st_size for path in bundle.iterdir())
    assert read_description(zipped) == read_description(bundle)
    for name in NAMES:
        assert read_file(zipped, name) == (bundle / name).read_bytes()


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/evil", "model/model.json", "..\\evil", "C:evil", "model.json\0.txt"]
)
def test_no_other_name_is_allowed(bundle, tmp_path, name):
    zipped = made(tmp_path / "evil.zip", bundle, **{name.replace("\0", "?"): b"{}"})
    if "\0" in name:
        zipped.write_bytes(zipped.read_bytes().replace(b"json?", b"json\0"))
    with pytest.raises(BundleError, match="which is no file of a bundle"):
        Bundle(zipped)


def patched(zipped: Path, at: int, value: int, width: str, last: bool = False) -> None:
    """Change a field of the list's entry of the first member, or of the last."""
    content = bytearray(zipped.read_bytes())
    find = content.rfind if last else content.find
    struct.pack_into(width, content, find(b"PK\x01\x02") + at, value)
    zipped.write_bytes(content)


def bomb(bundle: Path, tmp_path: Path, n_bytes: int) -> Path:
    folder = tmp_path / "bomb"
    folder.mkdir()
    for name in NAMES[:1] + NAMES[2:]:
        shutil.copy(bundle / name, folder)
    zipped = made(tmp_path / "bomb.zip", folder)
    with (
        zipfile.ZipFile(zipped, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("MODEL_CARD.md", "w") as member,
    ):
        for _ in range(n_bytes // 1_000_000):
            member.write(bytes(1_000_000))
    return zipped


def test_a_bomb_is_not_unpacked(bundle, tmp_path):
    zipped = bomb(bundle, tmp_path, 65_000_000)
    assert zipped.stat().st_size < 4_000_000
    with pytest.raises(BundleError, match="unpacks to 65000000 bytes; at most 64000000"):
        read_file(zipped, "model.json")
    # One that says it is small is never unpacked beyond that.
    patched(zipped, 24, 1000, "<I", last=True)
    assert read_file(zipped, "model.json") == (bundle / "model.json").read_bytes()
    with pytest.raises(BundleError, match=r"MODEL_CARD\.md: cannot be unpacked"):
        read_file(zipped, "MODEL_CARD.md")


@pytest.mark.parametrize(
    ("at", "value", "width"),
    [(8, 1, "<H"), (10, 12, "<H"), (10, 99, "<H"), (24, 0xFFFFFFFF, "<I"), (42, 10**9, "<I")],
)
def test_what_is_not_plainly_packed_is_refused(bundle, tmp_path, at, value, width):
    zipped = made(tmp_path / "odd.zip", bundle)
    patched(zipped, at, value, width)
    with pytest.raises(BundleError, match=r"encrypted|unpack|read as a zip") as caught:
        for name in NAMES:
            read_file(zipped, name)
    assert "\n" not in str(caught.value)


def test_a_name_that_comes_twice_is_refused(bundle, tmp_path):
    zipped = made(tmp_path / "twice.zip", bundle)
    with zipfile.ZipFile(zipped, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("model.json", b"{}")
    with pytest.raises(BundleError, match=r"holds model\.json twice"):
        read_description(zipped)


def test_a_long_list_is_never_read(tmp_path):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(1000):
            archive.writestr(f"{number}", b"")
    (tmp_path / "many.zip").write_bytes(content.getvalue())
    with pytest.raises(BundleError, match="lists too many files"):
        read_description(tmp_path / "many.zip")
    large = content.getvalue()
    at = len(large) - 22
    large = large[:at] + b"PK\x06\x07" + bytes(16) + large[at:]
    (tmp_path / "large.zip").write_bytes(large)
    with pytest.raises(BundleError, match="is not the zip of a bundle"):
        read_description(tmp_path / "large.zip")


def is_refused(path: Path, bundle: Path, name: str) -> bool:
    try:
        assert read_file(path, name) == (bundle / name).read_bytes()
    except BundleError as error:
        assert "\n" not in str(error)
        assert str(path) in str(error)
        return True
    return False


def test_damage_anywhere_is_told_or_without_effect(packed, bundle, tmp_path):
    """Cut and changed zips give what was packed, or an error of one line."""
    content, random = packed.read_bytes(), np.random.default_rng(0)
    end = content.rfind(b"PK\x01\x02", 0, content.rfind(b"PK\x01\x02"))
    places = [*random.integers(0, len(content), 100), *random.integers(end, len(content), 300)]
    path, refused = tmp_path / "damaged.zip", 0
    for number, place in enumerate(places):
        changed = bytearray(content[:place] if number % 10 == 0 else content)
        if number % 10:
            changed[place] ^= 1 << random.integers(8)
        path.write_bytes(changed)
        refused += sum(is_refused(path, bundle, name) for name in NAMES)
    assert refused > len(places)


def test_only_files_of_a_bundle_are_named(bundle, tmp_path):
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    about = json.loads((copy / "model.json").read_text())
    about["files"]["../../secret"] = 64 * "0"
    (copy / "model.json").write_text(json.dumps(about))
    with pytest.raises(BundleError, match=r"files names '\.\./\.\./secret', which no bundle has"):
        read_description(copy)


def test_no_zip_is_told(tmp_path, capsys):
    (tmp_path / "x.zip").write_text("words")
    assert main(["info", "--model", str(tmp_path / "x.zip")]) == 1
    assert "is not the zip of a bundle" in capsys.readouterr().err
    assert main(["bundle", "pack", "starter", "-o", str(tmp_path / "x.tar")]) == 1
    assert "ends in .zip" in capsys.readouterr().err


def test_a_shipped_bundle_passes_all_checks(capsys):
    assert main(["bundle", "check", "starter"]) == 0
    said = capsys.readouterr().out
    for check in ("files", "hashes", "operators", "shapes", "trial", "licence", "card"):
        assert f"ok    {check}" in said
    assert "Apache-2.0" in said


def edited(folder: Path, **changes: object) -> None:
    about = json.loads((folder / "model.json").read_text())
    about["card"].update(changes)
    (folder / "model.json").write_text(json.dumps(about))


def without_weights(folder: Path) -> None:
    (folder / "generator.onnx").unlink()


def changed_weights(folder: Path) -> None:
    content = (folder / "generator.onnx").read_bytes()
    (folder / "generator.onnx").write_bytes(content[:-1] + b"\0")


@pytest.mark.parametrize(
    ("damage", "check", "text"),
    [
        (without_weights, "files", "missing: generator.onnx"),
        (changed_weights, "hashes", "SHA-256 of generator.onnx"),
        (lambda folder: edited(folder, licence=""), "licence", "nobody may pass the model on"),
        (lambda folder: edited(folder, data=[], limits=None), "card", "nothing of: data, limits"),
    ],
)
def test_what_is_wrong_is_refused_in_words(bundle, tmp_path, capsys, damage, check, text):
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    edited(copy, licence="MIT", data=["none"], limits=["Draws noise."])
    assert main(["bundle", "check", str(copy)]) == 0
    (copy / "notes.txt").touch()
    damage(copy)
    capsys.readouterr()
    assert main(["bundle", "check", str(copy)]) == 1
    said = capsys.readouterr()
    assert f"wrong {check}" in said.out
    assert text in said.err
    assert said.err.count("\n") == 1
    results = {one.check: one.result for one in check_bundle(copy)}
    assert results[check] == "wrong"
    assert set(BUNDLE_FILES) > set(NAMES)
