"""The commands `verify` and `sign-setup`, and the option `--sign`, as a person uses them."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image

from voice2face.cli import main
from voice2face.images.sheet import PICTURE_SUFFIXES

needs_c2pa = pytest.mark.skipif(find_spec("c2pa") is None, reason="needs the extra [c2pa]")


@pytest.fixture(scope="module")
def made(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sheet of the model that ships."""
    path = tmp_path_factory.mktemp("made") / "made.png"
    assert main(["generate", str(example), "--seed", "3", "-o", str(path)]) == 0
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A picture that says nothing of itself."""
    path = tmp_path / "other.png"
    Image.effect_noise((90, 80), 60).save(path)
    return path


def test_each_layer_is_told_below_the_verdict(made: Path, capsys) -> None:
    assert main(["verify", str(made)]) == 0
    said = capsys.readouterr()
    verdict, mark, metadata, credentials = said.out.splitlines()
    assert verdict == f"{made}: made by this program"
    assert "found, score" in mark
    assert "model projected-64" in mark
    assert "trainedAlgorithmicMedia" in metadata
    assert "Seed 3" in metadata
    assert credentials.strip() == "Content Credentials: none"
    assert said.err == ""


def test_the_status_tells_the_least_certain_picture(made: Path, other: Path, capsys) -> None:
    assert main(["verify", str(made), str(other)]) == 3
    assert f"{other}: cannot tell" in capsys.readouterr().out
    claimed = other.with_name("claimed.jpg")
    packet = made.read_bytes().partition(b"<x:xmpmeta")[2].partition(b"</x:xmpmeta>")[0]
    Image.open(other).convert("RGB").save(claimed, xmp=b"<x:xmpmeta" + packet + b"</x:xmpmeta>")
    assert main(["verify", str(claimed)]) == 3
    assert f"{claimed}: probably made by this program" in capsys.readouterr().out


def test_what_cannot_be_read_hides_no_other_answer(made: Path, other: Path, capsys) -> None:
    text, empty = other.with_name("text.png"), other.with_name("empty.png")
    text.write_text("not a picture")
    empty.write_bytes(b"")
    bad = [text, empty, other.parent, other.with_name("nowhere.png")]
    assert main(["verify", *map(str, bad), str(other), str(made), "--json"]) == 1
    said = capsys.readouterr()
    told = [json.loads(line) for line in said.out.splitlines()]
    assert [one["picture"] for one in told] == [*map(str, bad), str(other), str(made)]
    assert [one.get("verdict") for one in told] == [
        *[None] * len(bad),
        "cannot tell",
        "made by this program",
    ]
    messages = said.err.splitlines()
    assert len(messages) == len(bad)
    for path, message, one in zip(bad, messages, told, strict=False):
        assert message.startswith(f"voice2face: {path}: ")
        assert message == f"voice2face: {one['error']}"


def test_of_a_huge_picture_one_line_is_said(tmp_path: Path, capsys, recwarn) -> None:
    huge = tmp_path / "huge.png"
    Image.new("1", (10_000, 9_000)).save(huge)
    assert main(["verify", str(huge)]) == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith(f"voice2face: {huge}: has 10,000 x 9,000 pixels, at most 80,000,000")
    assert not recwarn.list


@needs_c2pa
@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_a_trial_chain_signs_what_is_generated(
    suffix: str, example: Path, tmp_path: Path, capsys
) -> None:
    assert main(["sign-setup", "-o", str(tmp_path / "trial")]) == 0
    assert "signer not trusted" in capsys.readouterr().out
    signature = ["--sign", *(str(tmp_path / "trial" / f"{n}.pem") for n in ("certificates", "key"))]
    picture = tmp_path / f"signed{suffix}"
    assert main(["generate", str(example), *signature, "-o", str(picture)]) == 0
    capsys.readouterr()
    assert main(["verify", str(picture), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["credentials"] == {
        "state": "valid, signer not trusted",
        "program": "voice2face",
        "signer": "voice2face trial",
    }


@needs_c2pa
def test_a_morph_is_signed_too(example: Path, tmp_path: Path, capsys) -> None:
    assert main(["sign-setup", "-o", str(tmp_path)]) == 0
    signature = ["--sign", str(tmp_path / "certificates.pem"), str(tmp_path / "key.pem")]
    both = [str(example), str(example.with_name("librispeech-3699.flac"))]
    out = tmp_path / "strip.png"
    assert main(["morph", *both, "--samples", "2", *signature, "-o", str(out)]) == 0
    capsys.readouterr()
    assert main(["verify", str(out)]) == 0
    assert "Content Credentials: valid, signer not trusted" in capsys.readouterr().out


@needs_c2pa
def test_without_a_key_nothing_is_written(example: Path, tmp_path: Path, capsys) -> None:
    assert main(["sign-setup", "-o", str(tmp_path)]) == 0
    assert main(["sign-setup", "-o", str(tmp_path)]) == 1
    assert "is there already" in capsys.readouterr().err
    out, certificates = tmp_path / "me.png", tmp_path / "certificates.pem"
    signature = ["--sign", str(certificates), str(tmp_path / "nowhere.pem")]
    assert main(["generate", str(example), *signature, "-o", str(out)]) == 1
    (message,) = capsys.readouterr().err.splitlines()
    assert message.startswith(f"voice2face: {tmp_path / 'nowhere.pem'}: is missing")
    assert not out.exists()
