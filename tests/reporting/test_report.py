"""The page as a whole."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser

import pytest
from PIL import Image
from tests.reporting.conftest import CONFIG, gan_lines

from voice2face.errors import BundleError, ConfigError, DataError, RecordingError
from voice2face.reporting.elements import Section, Table
from voice2face.reporting.page import page
from voice2face.reporting.report import report
from voice2face.reporting.runs import read_run, read_runs
from voice2face.reporting.tables import glance, settings_table

_VOID = {"meta", "img", "source", "wbr"}

# One figure's worth: drawing takes most of the time.
FEW = [{"step": 32 * n, "classifier/loss": 1 / n} for n in range(1, 61)]


class Outline(HTMLParser):
    """Checks that elements are closed, and collects what matters."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open, self.tags, self.addresses, self.words = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [v for k, v in attrs if k in ("src", "srcset", "href")]
        assert not any(k.startswith("on") for k, _ in attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.mark.long
def test_a_whole_page_stands_alone_and_comes_out_the_same(
    make_run, with_bundle, make_store, tmp_path
):
    make_store(("ann", "bob"))
    runs = [with_bundle(make_run("one")), make_run("two")]
    out = tmp_path / "page" / "report.html"
    files = report(runs, out)
    assert files == tmp_path / "page" / "report_files"
    page = out.read_text()
    outline = Outline(page)
    assert "script" not in outline.tags
    assert all(a.startswith(("data:image/", "#part-")) for a in outline.addresses)
    assert "http:" not in page.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in page
    names = {path.name for path in files.iterdir()}
    wanted = ("discriminator_loss", "faces_over_epochs_1", "faces_over_epochs_2",
              "beside_true_faces_1", "consistency_1", "out_of_domain_1")  # fmt: skip
    assert names >= {f"{key}.png" for key in wanted}
    for path in files.iterdir():
        with Image.open(path) as picture:
            picture.load()
    assert "The run has exported no model yet." in outline.text
    assert str(tmp_path) not in page
    again = tmp_path / "again" / "report.html"
    report(runs, again)
    assert again.read_bytes() == out.read_bytes()
    assert {p.name: p.read_bytes() for p in files.iterdir()} == {
        p.name: p.read_bytes() for p in (again.parent / "report_files").iterdir()
    }


def test_names_of_runs_and_settings_are_text(make_run, tmp_path):
    evil = "<img src=x onerror=alert(1)> & \"quotes\" 'too' $\\frac$ {0}"
    config = {**CONFIG, "note": "</td><script>alert(1)</script>"}
    lines = [{**line, "<b>/&": 1.0} for line in FEW]
    out = tmp_path / "report.html"
    report([make_run(evil, lines=lines, config=config)], out)
    outline = Outline(out.read_text())
    assert "script" not in outline.tags
    assert "b" not in outline.tags
    assert f"Training report: {evil}" in outline.text
    assert "</td><script>alert(1)</script>" in outline.text


def test_a_run_that_just_began_gives_a_page(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "speaker.jsonl").write_text('{"step": 50, "speaker/loss": 3.5}\n{"step": 100, "sp')
    out = tmp_path / "report.html"
    report([folder], out)
    text = Outline(out.read_text()).text
    for said in (
        "the last line of speaker.jsonl is incomplete and not used",
        "No run has logged anything in gan.jsonl yet.",
        "The run has written no sheet of faces yet.",
        "The run has exported no model yet.",
        "No run has a config.json.",
        "speaker stage, running or stopped",
    ):
        assert said in text, said


def test_a_run_that_diverged_gives_a_page(make_run, tmp_path):
    lines = [{**line, "generator/class_loss": float("nan")} for line in FEW]
    out = tmp_path / "report.html"
    report([make_run(lines=lines)], out)
    assert "generator/class_loss is not finite at" in Outline(out.read_text()).text


def test_a_damaged_bundle_is_told_and_a_bad_line_is_an_error(make_run, with_bundle, tmp_path):
    folder = with_bundle(make_run(lines=FEW))
    (folder / "bundle" / "generator.onnx").write_bytes(b"")
    out = tmp_path / "report.html"
    report([folder], out)
    assert "generator.onnx: is damaged or was changed" in Outline(out.read_text()).text
    assert str(tmp_path) not in out.read_text()
    (folder / "bundle" / "model.json").write_text("{}")
    with pytest.raises(BundleError, match="has format None"):
        report([folder], out)
    shutil.rmtree(folder / "bundle")
    before = out.read_bytes()
    (folder / "gan.jsonl").write_text('{"step": 1}\n???\n')
    with pytest.raises(DataError, match=r"gan.jsonl, line 2: is not JSON"):
        report([folder], out)
    assert out.read_bytes() == before


def test_a_store_that_is_given_must_be_there(make_run, tmp_path):
    folder = make_run(lines=FEW)
    with pytest.raises(DataError, match="nowhere"):
        report([folder], tmp_path / "report.html", store=tmp_path / "nowhere")
    with pytest.raises(ConfigError, match=r"ends in .html"):
        report([folder], tmp_path / "report")


def test_sounds_that_are_given_must_be_there(make_run, tmp_path):
    folder = make_run(lines=FEW)
    (tmp_path / "empty").mkdir()
    for sounds, said in (("empty", "no recording in it"), ("nowhere", "no such folder of sounds")):
        with pytest.raises(RecordingError, match=said):
            report([folder], tmp_path / "report.html", sounds=tmp_path / sounds)


def test_pictures_of_an_older_report_go_and_others_stay(make_run, tmp_path):
    out = tmp_path / "report.html"
    folder = make_run(lines=FEW)
    files = report([folder], out)
    Image.new("RGB", (8, 8)).save(files / "mine.png")
    (files / "also_mine.png").write_bytes(b"no picture")
    shutil.rmtree(folder / "sheets")
    (folder / "gan.jsonl").unlink()
    report([folder], out)
    assert {p.name for p in files.iterdir()} == {"mine.png", "also_mine.png", "speaker_loss.png"}


def test_settings_that_differ_are_marked_and_named(make_run):
    old = {"pair_by": "gender", "settings": {"seed": 0, "gan": {"images": 1920, "batch_size": 64}}}
    table = settings_table(read_runs([make_run("a"), make_run("b", config=old)]))
    assert isinstance(table, Table)
    assert table.head == ("setting", "a", "b")
    rows = {row[0]: (row[1:], n in table.marked) for n, row in enumerate(table.rows)}
    assert rows["gan.images"] == (("1920", "1920"), False)
    assert rows["seed"] == (("0", "0"), False)
    assert rows["gan.batch_size"] == (("32", "64"), True)
    assert rows["speaker.steps"] == (("30", "–"), True)
    assert "gan.batch_size" in table.caption
    same = settings_table(read_runs([make_run("c"), make_run("d")]))
    assert (same.marked, same.caption) == (frozenset(), "All settings are the same.")


def test_the_glance_tells_where_a_run_stands(make_run, with_bundle):
    run = read_run(with_bundle(make_run()), "run")
    cells = {row[0]: row[1] for row in glance([run]).rows}
    assert cells["state"] == "ended"
    assert cells["GAN stage: real images seen"] == "1,920 of 1,920"
    assert cells["GAN stage: epochs"] == "3.0"
    assert cells["GAN stage: time"] == "2 min"
    last = [line["classifier/accuracy"] for line in gan_lines()][-3:]
    assert cells["recently: accuracy of the classifier"] == f"{sum(last) / 3:.2f}"


def test_rows_that_differ_are_marked_on_the_page(make_run):
    table = settings_table(read_runs([make_run("a"), make_run("b", config={**CONFIG, "seed": 7})]))
    content = page("sweep.html", [Section("s", "y", (table,))])
    (row,) = re.findall(r'<tr class="differs">.*?</tr>', content, re.DOTALL)
    assert "≠ seed" in row
    assert "<td>0</td><td>7</td>" in row
