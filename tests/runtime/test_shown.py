"""What a notebook shows of faces: valid pictures and HTML that say what the faces are."""

from __future__ import annotations

import base64
import dataclasses
import io
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from voice2face import VoiceToFace
from voice2face.errors import ConfigError, OutputError
from voice2face.runtime.imagined import ImaginedFaces, MorphedFaces


@pytest.fixture(scope="module")
def model(noisy_bundle) -> VoiceToFace:
    return VoiceToFace.load(noisy_bundle)


@pytest.fixture(scope="module")
def faces(model, example) -> ImaginedFaces:
    return model.generate(example, samples=6)


@pytest.fixture(scope="module")
def way(model, example) -> MorphedFaces:
    other = example.with_name("librispeech-3699.flac")
    return model.morph(example, other, steps=3, samples=2)


class Page(HTMLParser):
    """Elements of a page, which have to be closed, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.lines: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.lines.append(data)


def picture_of(page: Page) -> np.ndarray:
    (image,) = (attributes for tag, attributes in page.elements if tag == "img")
    kind, content = image["src"].split(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content, validate=True))))


def test_html_holds_all_it_shows_and_says_what_it_is(faces):
    page = Page(faces._repr_html_())
    assert page.open == []
    np.testing.assert_array_equal(picture_of(page), np.asarray(faces.native_image))
    percent = min(round(100 * faces.confidence), 99)
    assert page.lines == [
        "6 invented faces for librispeech-4340.flac",
        f"Sounds like a woman: {percent} %",
        "The people in these pictures do not exist.",
        "The faces are typical of such voices, never a likeness of the speaker.",
    ]
    (image,) = (attributes for tag, attributes in page.elements if tag == "img")
    assert image["alt"] == page.lines[0]
    addresses = {name for _, attributes in page.elements for name in attributes}
    assert addresses <= {"style", "alt", "src"}


def test_names_cannot_become_elements(faces):
    name = 'a"><b onload=c>d&amp;.wav'
    page = Page(dataclasses.replace(faces, recording=name)._repr_html_())
    assert [tag for tag, _ in page.elements] == ["figure", "img", "figcaption", "br", "br", "br"]
    (image,) = (attributes for tag, attributes in page.elements if tag == "img")
    assert page.lines[0] == image["alt"] == f"6 invented faces for {name}"


def test_one_face_and_models_that_do_not_tell(faces):
    one = dataclasses.replace(faces, faces=faces.faces[:1], woman_probability=None)
    assert one.words[0] == "1 invented face for librispeech-4340.flac"
    assert len(one.words) == 3
    unsure = dataclasses.replace(faces, woman_probability=0.45)
    assert unsure.words[1] == "Woman or man: uncertain, 55 %"


@pytest.mark.parametrize("kind", ["faces", "way"])
def test_png_is_the_sheet_and_is_what_is_saved(kind, tmp_path, request):
    shown = request.getfixturevalue(kind)
    shown.save(tmp_path / "a.png")
    shown.save(str(tmp_path / "b.PNG"))
    content = (tmp_path / "a.png").read_bytes()
    assert content == shown._repr_png_() == (tmp_path / "b.PNG").read_bytes()
    picture = Image.open(io.BytesIO(content))
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(shown.image))


def test_other_suffixes_are_refused(faces, way, tmp_path):
    for shown, name in ((faces, "a.bmp"), (way, "a.tiff")):
        with pytest.raises(ConfigError, match=name):
            shown.save(tmp_path / name)
    with pytest.raises(OutputError):
        faces.save("/proc/none/a.png")
    assert not list(tmp_path.iterdir())


def test_a_way_shows_its_steps(way, tmp_path):
    page = Page(way._repr_html_())
    shown = picture_of(page)
    assert shown.shape == (2 * 16, 3 * 16, 3)
    np.testing.assert_array_equal(shown, np.asarray(way.native_image))
    assert " ".join(page.lines[0].split()) == (
        "Invented faces on the way from librispeech-4340.flac to librispeech-3699.flac"
    )
    way.save(tmp_path / "a.gif")
    assert Image.open(tmp_path / "a.gif").n_frames == 4


def test_plot_draws_the_faces(faces):
    from matplotlib.figure import Figure

    axes = Figure().add_subplot()
    assert faces.plot(axes) is axes
    (drawn,) = axes.get_images()
    np.testing.assert_array_equal(drawn.get_array(), np.asarray(faces.native_image))
    assert axes.get_title(loc="left").splitlines() == faces.words


SCRIPT = """
import builtins, sys
real = builtins.__import__
def without(name, *rest):
    if name.split(".")[0] == "matplotlib":
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
    return real(name, *rest)
builtins.__import__ = without
import numpy as np
from voice2face import ImaginedFaces
faces = ImaginedFaces("a.wav", np.zeros((1, 8, 8, 3), np.uint8), np.zeros(1), 1.0, 1.0)
faces._repr_html_(), faces._repr_png_()
try:
    faces.plot()
except Exception as error:
    print(type(error).__name__, error)
"""


def test_only_plot_needs_matplotlib():
    ran = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert ran.stdout == (
        "MissingDependencyError plot needs the package 'matplotlib'; install it with: "
        "pip install 'voice2face[notebooks]'\n"
    )


def test_a_new_figure_is_pyplot_s(faces):
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot

    axes = faces.plot()
    assert pyplot.gcf() is axes.figure
    axes.figure.canvas.draw()
    drawn, whole = axes.get_tightbbox(), axes.figure.bbox
    assert (drawn.min >= whole.min).all() and (drawn.max <= whole.max).all()
    pyplot.close(axes.figure)


def test_the_package_is_typed():
    import voice2face

    assert (Path(voice2face.__file__).parent / "py.typed").is_file()
