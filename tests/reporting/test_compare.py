"""One's own voices beside photographs: every pair in its place, nothing from elsewhere."""

from __future__ import annotations

import base64
import io
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from voice2face.cli import main
from voice2face.errors import ConfigError
from voice2face.reporting.compare import Pair, compare, read_pair
from voice2face.runtime.imagined import ImaginedFaces


def colour(value: int) -> np.ndarray:
    return np.full((16, 16, 3), value, np.uint8)


@pytest.fixture
def people(tmp_path):
    """Three pairs: photographs in three greys, and a voice of each that draws its own grey."""
    pairs = []
    for n in range(3):
        Image.fromarray(colour(40 + 80 * n)).save(tmp_path / f"{n}.png")
        pairs.append(Pair(tmp_path / f"{n}.wav", tmp_path / f"{n}.png"))
    return pairs


def draw(path) -> ImaginedFaces:
    faces = np.stack([colour(40 + 80 * int(path.stem))] * 2)
    return ImaginedFaces(path.name, faces, np.ones(4, np.float32), 3.0, 2.5)


def greys(html: str, part: int) -> list[int]:
    """Mean grey of each picture in a part of the page, in order."""
    section = html.split("<section")[part]
    pictures = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', section)
    return [
        round(float(np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))).mean()))
        for one in pictures
    ]


def test_names_with_equals_signs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert read_pair("a.wav=b.jpg").photograph.name == "b.jpg"
    for name in ("a=b.wav", "c=d.jpg"):
        (tmp_path / name).touch()
    assert read_pair("a=b.wav=c=d.jpg") == Pair(Path("a=b.wav"), Path("c=d.jpg"))
    for text in ("a.wav", "=b.jpg", "a.wav="):
        with pytest.raises(ConfigError, match="RECORDING=PHOTOGRAPH"):
            read_pair(text)
    for name in ("x", "y=z", "x=y", "z"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match="2 ways"):
        read_pair("x=y=z")


def test_every_photograph_stands_beside_its_voices_faces_and_the_answers_are_right(
    people, tmp_path
):
    out = tmp_path / "page.html"
    assert compare(people, draw, 16, out) == []
    html = out.read_text()
    assert greys(html, 2) == [40, 40, 40, 120, 120, 120, 200, 200, 200]
    guess = greys(html, 1)
    assert guess[:3] == [40, 120, 200] and sorted(guess[3:]) == [40, 120, 200]
    told = re.findall(r"face ([ABC])</th><td>photograph (\d)", html)
    found = {letter: guess[int(n) - 1] for letter, n in told}
    assert found == dict(zip("ABC", guess[3:], strict=True))
    assert "No face recogniser is installed" in html
    assert "http" not in html.replace("http-equiv", "")
    assert "default-src" in html and "<script" not in html


def test_likeness_is_the_cosine_of_the_mean_face(people, tmp_path):
    def embed(faces):
        grey = faces.mean(axis=(1, 2, 3))
        return np.stack([np.cos(grey / 100), np.sin(grey / 100)], axis=1).astype(np.float32)

    out = tmp_path / "page.html"
    compare(people, draw, 16, out, judge=("angle", embed))
    html = out.read_text()
    assert "most similar for 3 of 3 voices" in html
    rows = re.findall(r"<tr><th scope=\"row\">\d\.<wbr>wav</th>(.*?)</tr>", html, re.DOTALL)
    found = [[float(cell) for cell in re.findall(r"<td>([-\d.]+)</td>", row)] for row in rows]
    greys_of = np.array([40, 120, 200]) / 100
    np.testing.assert_allclose(found, np.cos(greys_of[:, None] - greys_of), atol=0.005)


def test_the_command_names_a_bad_pair_and_shows_the_others(example, tmp_path, capsys, shared_data):
    photo = next((shared_data / "faces" / "london").glob("*.jpg"))
    shutil.copy(example, tmp_path / "<b>me.flac")
    out = tmp_path / "page.html"
    pairs = [f"{tmp_path / '<b>me.flac'}={photo}", f"{example}=missing.jpg"]
    assert main(["compare", *pairs, "--samples", "2", "-o", str(out)]) == 1
    said = capsys.readouterr()
    assert "1 of 2 pairs" in said.out
    assert said.err == "voice2face: missing.jpg: no such file\n"
    html = out.read_text()
    assert "&lt;b&gt;me.flac" in html and "<b>me" not in html
    assert "sounds like a woman" in html
    assert "missing.jpg: no such file" in html
    assert main(["compare", "missing.wav=missing.jpg", "-o", str(out)]) == 1
