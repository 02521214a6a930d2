"""Faces: cut from sheets, drawn by the model, and set out."""

from __future__ import annotations

import io
import shutil

import numpy as np
import pytest
from PIL import Image, ImageFont
from tests.conftest import write_media
from tests.reporting.conftest import sheet

from voice2face.audio.log_mel import repeat_to_length
from voice2face.errors import DataError, RecordingError
from voice2face.reporting.elements import FaceGrid, FaceRow, Missing, Tile
from voice2face.reporting.faces import draw_faces, face_jpeg, latest_sheet, sheet_over_time, wrap
from voice2face.reporting.runs import read_run
from voice2face.reporting.samples import (
    Model,
    beside_true_faces,
    consistency,
    open_store,
    out_of_domain,
)
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import DEFAULT_MODEL, bundled_models
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.synthetic.sounds import MEASURING_SOUNDS, measuring_sound


def test_a_strip_follows_one_voice_through_the_sheets(make_run):
    run = read_run(make_run(n_sheets=3), "run")
    figure = sheet_over_time(run, 1)
    assert isinstance(figure, FaceGrid)
    first, *others = figure.rows
    assert [tile.caption for tile in first.tiles] == ["epoch 0.5", "epoch 1.0", "epoch 1.5"]
    for number, tile in enumerate(first.tiles, start=1):
        np.testing.assert_array_equal(tile.face, sheet(number)[0])
    assert [row.label for row in others] == [f"Voice {n} of the sheet" for n in (2, 7, 11, 16)]
    for row, voice in zip(others, (1, 6, 10, 15), strict=True):
        np.testing.assert_array_equal(row.tiles[-1].face, sheet(3)[voice])


def test_a_long_run_shows_its_first_and_its_last_sheet(make_run):
    config = {"gan": {"images": 10**6, "batch_size": 32}}
    run = read_run(make_run(config=config, n_sheets=25), "run")
    first, *others = sheet_over_time(run, 1).rows
    assert len(first.tiles) == 25
    for row in others:
        assert len(row.tiles) == 8
        assert (row.tiles[0].caption, row.tiles[-1].caption) == ("320 images", "8,000 images")


def test_the_latest_sheet_shows_its_faces_in_order(make_run):
    tiles = latest_sheet(read_run(make_run(), "run"), 1).rows[0].tiles
    np.testing.assert_array_equal(np.stack([tile.face for tile in tiles]), sheet(2))


def test_a_sheet_that_cannot_be_used_is_named(make_run):
    folder = make_run(n_sheets=1)
    path = folder / "sheets" / "000000320.png"
    Image.new("RGB", (512, 100)).save(path)
    with pytest.raises(DataError, match=r"000000320.png: is 512 x 100 px, which faces of 64 px"):
        latest_sheet(read_run(folder, "run"), 1)
    path.write_bytes(b"not a picture")
    with pytest.raises(DataError, match="cannot be read as a picture"):
        latest_sheet(read_run(folder, "run"), 1)
    path.unlink()
    assert isinstance(sheet_over_time(read_run(folder, "run"), 1), Missing)


def test_people_on_both_sides_stand_beside_their_true_faces(
    make_run, with_bundle, make_store, log_mels
):
    run = read_run(with_bundle(make_run()), "run")
    store = open_store(run, make_store(("ann", "eve", "bob", "ann", "ann")))
    figure = beside_true_faces(Model(run), store, run, 1)
    assert isinstance(figure, FaceGrid)
    assert [row.label for row in figure.rows] == ["ann (test)", "bob (test)"]
    true = [[int(t.face[0, 0, 0]) for t in row.tiles if t.is_real] for row in figure.rows]
    assert true == [[20, 100], [60]]
    bundle = Bundle(run.bundle)
    mel = repeat_to_length(log_mels[3].astype(np.float16).astype(np.float32), 1000)
    drawn = bundle.draw(bundle.embed(mel[None]))[0].clip(-1, 1)
    wanted = np.rint((drawn + 1) / 2 * 255).transpose(1, 2, 0)
    np.testing.assert_array_equal(figure.rows[1].tiles[-1].face, wanted)


@pytest.mark.parametrize("split", ["test", "train"])
def test_no_false_pair_is_shown(split, make_run, with_bundle, make_store):
    run = read_run(with_bundle(make_run()), "run")
    others = ("eve", "joe") if split == "test" else ("ann", "bob")
    store = open_store(run, make_store(others, split))
    figure = beside_true_faces(Model(run), store, run, 1)
    assert isinstance(figure, Missing)
    said = "are of different people" if split == "test" else "No held-out person"
    assert said in figure.reason


def test_consistency_sets_speakers_apart(make_run, with_bundle, make_store):
    run = read_run(with_bundle(make_run()), "run")
    figure = consistency(Model(run), open_store(run, make_store(("eve",))), run, 1)
    assert [row.label for row in figure.rows] == ["ann", "bob"]
    faces = [np.stack([t.face for t in row.tiles]).astype(float) for row in figure.rows]
    within = np.mean([np.abs(rows[0] - rows[1]).mean() for rows in faces])
    between = np.mean([np.abs(a - b).mean() for a in faces[0] for b in faces[1]])
    assert f"{within:.1f} within rows, {between:.1f} between" in figure.caption


def test_a_store_that_changed_or_is_gone_is_told(make_run, make_store):
    folder = make_store(("ann",))
    config = {"store": {"path": "../store", "content_sha256": "of another"}}
    run = read_run(make_run(config=config), "run")
    with pytest.raises(DataError, match="has changed since the run began"):
        open_store(run, None)
    assert open_store(run, folder).folder == folder  # one that is given may be any
    (folder / "voices.parquet").write_bytes(b"")
    with pytest.raises(DataError, match=r"voices\.parquet: cannot be read as a manifest"):
        open_store(run, folder)


def test_sounds_are_answered_or_refused_in_words(make_run, with_bundle, speech, example, tmp_path):
    folder = tmp_path / "sounds"
    folder.mkdir()
    write_media(folder / "speech.wav", speech[None] / 32768)
    write_media(folder / "quiet.wav", np.zeros((1, 32000)))
    (folder / "broken.wav").write_bytes(b"no sound")
    run = read_run(with_bundle(make_run()), "run")
    figure = out_of_domain(Model(run), run, 1, sorted(folder.iterdir()))
    made, found = figure.rows
    answers = {tile.caption.partition(":")[0]: tile for tile in (*made.tiles, *found.tiles)}
    assert answers["digital silence"].face is None
    assert "0.00 s of speech found in 4.00 s" in answers["digital silence"].caption
    assert answers["silence with hum"].face is None
    assert answers["pink noise"].face is not None
    assert answers["broken.wav"].face is None
    assert answers["quiet.wav"].face is None
    wanted = VoiceToFace.load(run.bundle).generate(example, samples=1).faces[0]
    np.testing.assert_array_equal(answers["speech.wav"].face, wanted)
    n_made = sum(tile.face is not None for tile in made.tiles)
    assert figure.caption.startswith(
        f"{n_made} of 15 synthetic sounds are accepted as speech, "
        "1 of 2 recorded sounds (1 more cannot be read)"
    )
    assert str(tmp_path) not in repr(figure)
    many = [folder / "broken.wav"] * 30
    assert "0 of 0 recorded sounds (30 more" in out_of_domain(Model(run), run, 1, many).caption
    assert "the first 24 of 30" in out_of_domain(Model(run), run, 1, many).rows[1].label


def test_the_page_draws_what_generate_draws(make_run, example, tmp_path):
    """The shipped model refuses a tone and noise in the rhythm of speech; so does its page."""
    folder = make_run()
    shutil.copytree(bundled_models()[DEFAULT_MODEL], folder / "bundle")
    run = read_run(folder, "run")
    figure = out_of_domain(Model(run), run, 1, [example])
    made, found = figure.rows
    assert [tile.face is not None for tile in found.tiles] == [True]
    rate = 16000
    for tile, name in zip(made.tiles, MEASURING_SOUNDS, strict=True):
        path = tmp_path / "sound.wav"
        waveform = measuring_sound(name, 4.0, seed=0, sample_rate_hz=rate)
        write_media(path, waveform[None] / 32768)
        try:
            VoiceToFace.load().generate(path, samples=1)
        except RecordingError:
            assert tile.face is None, name
        else:
            assert tile.face is not None, name
    assert any("does not sound like a person speaking" in tile.caption for tile in made.tiles)


def test_words_are_broken_to_fit():
    font = ImageFont.load_default(13)
    lines = wrap("a few words and one-that-is-far-too-long-for-any-line here", font, 100)
    assert max(font.getlength(line) for line in lines) <= 100
    assert (
        "".join(lines).replace(" ", "") == "afewwordsandone-that-is-far-too-long-for-any-linehere"
    )
    assert wrap("", font, 100) == []


def test_a_picture_holds_every_face_large():
    faces = sheet(3)
    tiles = tuple(Tile(f"face {n}", face) for n, face in enumerate(faces[:9]))
    figure = FaceGrid("k", "Title", "caption", (FaceRow("row", (*tiles, Tile("refused", None))),))
    pixels = np.asarray(draw_faces(figure))
    for face in faces[:9]:
        assert (pixels == face[0, 0]).all(axis=2).sum() == 128 * 128


def test_a_face_on_the_page_is_small_and_looks_the_same():
    ramp = np.linspace(0, 255, 64)[:, None] + np.zeros((64, 64))
    face = np.stack([ramp, ramp.T, ramp[::-1]], axis=2).astype(np.uint8)
    with Image.open(io.BytesIO(face_jpeg(face))) as picture:
        difference = np.abs(np.asarray(picture).astype(int) - face)
    assert difference.mean() < 2
    with Image.open(io.BytesIO(face_jpeg(np.repeat(np.repeat(face, 2, 0), 2, 1)))) as picture:
        assert picture.size == (96, 96)
