"""The command as a person uses it: real files in, pictures out, and one line for what is wrong."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import write_media

from voice2face import VoiceToFace
from voice2face.audio.log_mel import repeat_to_length
from voice2face.audio.settings import preset
from voice2face.cli import main
from voice2face.images.sheet import CAPTION
from voice2face.runtime.reading import read_features


def voice2face(*arguments: str | Path, stdin: bytes | None = None, cwd: Path | None = None):
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "voice2face", *map(str, arguments)],
        capture_output=True,
        input=stdin,
        cwd=cwd,
        check=False,
    )


def no_file(folder: Path) -> bool:
    return not folder.exists() or not any(path.is_file() for path in folder.rglob("*"))


def test_generate_from_video_flac_and_a_folder_of_both(shared_data, bundle, tmp_path, capsys):
    clip = shared_data / "pairs" / "grid" / "bbaf2n.mpg"
    duke = sorted((shared_data / "voices/duke-alphanumeric/audio_data/Names").glob("*.flac"))[0]
    both = tmp_path / "both"
    (both / "deeper").mkdir(parents=True)
    shutil.copy(clip, both / "deeper")
    shutil.copy(duke, both)
    (both / "notes.txt").write_text("not a recording")
    out = tmp_path / "out"
    model = ["--model", str(bundle)]
    assert main(["generate", str(clip), *model, "-o", str(out / "clip.png")]) == 0
    assert main(["generate", str(duke), *model, "-o", str(out)]) == 0
    assert main(["generate", str(both), *model, "-o", str(out / "folder")]) == 0
    made = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert made == sorted(
        ["clip.png", f"{duke.stem}.png", f"folder/{duke.stem}.png", "folder/deeper/bbaf2n.png"]
    )
    assert (out / "clip.png").read_bytes() == (out / "folder/deeper/bbaf2n.png").read_bytes()
    with Image.open(out / "clip.png") as picture:
        assert picture.width >= 4 * 256
        assert picture.info["Description"] == CAPTION
    assert f"{clip} -> {out / 'clip.png'}" in capsys.readouterr().out


def test_json_native_and_python_agree(example, bundle, tmp_path, capsys):
    arguments = ["--samples", "3", "--seed", "5", "--native", "--json", "--model", str(bundle)]
    assert main(["generate", str(example), "-o", str(tmp_path), *arguments]) == 0
    line = json.loads(capsys.readouterr().out)
    faces = VoiceToFace.load(bundle).generate(example, samples=3, seed=5)
    assert line["recording"] == str(example)
    assert line["duration_s"] == pytest.approx(8.42, abs=0.01)
    assert 5 < line["speech_s"] < 7
    np.testing.assert_allclose(line["embedding"], faces.embedding, atol=1e-6)
    assert set(line["timings_ms"]) == {"decode", "front_end", "embed", "draw"}
    told = [line[name] for name in ("woman_probability", "confidence", "speech_probability")]
    assert told == [None, None, None]
    (file,) = line["files"]
    with Image.open(file) as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(faces.native_image))


def test_what_is_heard_is_told(example, rustle, noisy_bundle, tmp_path, capsys):
    model = ["--model", str(noisy_bundle), "-o", str(tmp_path)]
    assert main(["generate", str(example), *model]) == 0
    assert capsys.readouterr().out == (
        f"{example} -> {tmp_path / example.stem}.png (sounds like a woman: 99 %)\n"
    )
    assert main(["generate", str(rustle), *model]) == 1
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith(f"voice2face: {rustle}: this does not sound like a person speaking")
    assert not (tmp_path / "rustle.png").exists()
    assert main(["generate", str(rustle), *model, "--force", "--json", "--truncation", "0.5"]) == 0
    told = json.loads(capsys.readouterr().out)
    faces = VoiceToFace.load(noisy_bundle).generate(rustle, truncation=0.5, force=True)
    for name in ("woman_probability", "confidence", "speech_probability"):
        assert told[name] == pytest.approx(getattr(faces, name), abs=1e-4)
    assert "speech" in told["timings_ms"]
    with Image.open(told["files"][0]) as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(faces.image))


def test_morph_as_a_strip_and_as_an_animation(example, noisy_bundle, tmp_path, capsys):
    other = example.with_name("librispeech-3699.flac")
    both = ["morph", str(example), str(other), "--model", str(noisy_bundle), "--seed", "2"]
    strip, animation = tmp_path / "deep" / "m.png", tmp_path / "m.GIF"
    assert main([*both, "--samples", "2", "-o", str(strip)]) == 0
    assert main([*both, "--steps", "5", "-o", str(animation)]) == 0
    assert f"{example} to {other} -> {strip}" in capsys.readouterr().out
    model = VoiceToFace.load(noisy_bundle)
    faces = model.morph(example, other, samples=2, seed=2)
    with Image.open(strip) as picture:
        assert picture.info["Description"] == CAPTION
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(faces.image))
    with Image.open(animation) as picture:
        assert picture.format == "GIF"
        assert picture.n_frames == 2 * 5 - 2
        assert CAPTION.encode() in picture.info["comment"]
        assert picture.info["loop"] == 0
        wanted = model.morph(example, other, steps=5, seed=2).animation
        for index, frame in enumerate(wanted):
            picture.seek(index)
            shown = np.asarray(picture.convert("RGB")).astype(float)
            assert np.abs(shown - np.asarray(frame)).mean() < 12  # 256 colours


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["A", "B", "-o", "m.bmp"], "m.bmp: ends in '.bmp'; give a name that ends in .png"),
        (["A", "B", "-o", "m"], "m: has no suffix; give a name that ends in .png"),
        (["A", "nothing.wav", "-o", "m.png"], "nothing.wav: no such file"),
        (["nothing.wav", "B", "-o", "m.gif"], "nothing.wav: no such file"),
        (["-", "-", "-o", "m.png"], "standard input (-) can be read only once"),
        (["A", "B", "-o", "m.png", "--steps", "1"], "steps: got 1; give 2 to 64"),
        (["A", "B", "-o", "m.png", "--truncation", "2"], "truncation: got 2; give 0 to 1.5"),
    ],
)
def test_bad_morphs(arguments, message, example, bundle, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    files = {"A": str(example), "B": str(example)}
    given = [files.get(one, one) for one in arguments]
    assert main(["morph", *given, "--model", str(bundle)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("voice2face: ")
    assert message in line
    assert no_file(tmp_path)


def test_standard_input_and_glob(example, bundle, tmp_path):
    model = ["--model", bundle]
    done = voice2face("generate", "-", "-o", tmp_path / "x.png", *model, stdin=example.read_bytes())
    assert done.returncode == 0, done.stderr
    for name in ("one.flac", "two.flac"):
        shutil.copy(example, tmp_path / name)
    assert voice2face("generate", "*.flac", *model, cwd=tmp_path).returncode == 0
    assert {path.name for path in (tmp_path / "faces").iterdir()} == {"one.png", "two.png"}
    empty = voice2face("generate", "-", *model, stdin=b"", cwd=tmp_path)
    assert empty.returncode == 1
    assert b"standard input is empty" in empty.stderr


def test_features_writes_the_published_format(example, tmp_path, capsys):
    out = tmp_path / "deep" / "a.npy"
    assert main(["features", str(example), "-o", str(out)]) == 0
    written = np.load(out)
    settings = preset("wen2019")
    log_mel = repeat_to_length(read_features(example, settings).log_mel, settings.min_frames)
    np.testing.assert_array_equal(written, log_mel)
    assert written.dtype == np.float32
    assert written.shape == (1000, 64)
    assert "1000 frames x 64 mel bands" in capsys.readouterr().out


def test_info_tells_data_licence_and_limits(bundle, capsys):
    assert main(["info", "--model", str(bundle)]) == 0
    text = capsys.readouterr().out
    assert "Random weights." in text
    assert "## Limits" in text
    assert main(["info", "--model", str(bundle), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "small"


def test_the_shipped_model_tells_what_it_is_and_what_it_is_not(capsys):
    assert main(["info"]) == 0
    text = capsys.readouterr().out
    for needed in ("FairFace", "LibriSpeech", "CC BY 4.0", "MIT", "different people", "never a",
                   "voice2face train", "## Quality", "## Cost"):  # fmt: skip
        assert needed in text


def noise(n: int, level: float) -> np.ndarray:
    return np.random.default_rng(0).normal(0, level, n).clip(-1, 1)


def make_bad(kind: str, folder: Path, speech: np.ndarray) -> Path:
    """Make one bad recording; see the table below."""
    path = folder / f"{kind}.wav"
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("This is not sound.\n" * 20)
    elif kind == "truncated":
        write_media(path, speech[None, :16000] / 32768)
        path.write_bytes(path.read_bytes()[:30])
    elif kind == "silence":
        write_media(path, np.zeros((1, 48000)))
    elif kind == "noise":
        write_media(path, noise(48000, 1e-4)[None])
    elif kind == "blip":
        write_media(path, speech[None, 20000:20320] / 32768)
    elif kind in ("nan", "infinite"):
        samples = noise(48000, 0.1)
        samples[777] = np.nan if kind == "nan" else np.inf
        frames = samples.astype("<f4").tobytes()
        header = io.BytesIO()
        header.write(b"RIFF" + (36 + len(frames)).to_bytes(4, "little") + b"WAVEfmt ")
        header.write((16).to_bytes(4, "little") + b"\x03\x00\x01\x00")
        header.write((16000).to_bytes(4, "little") + (64000).to_bytes(4, "little"))
        header.write(b"\x04\x00\x20\x00data" + len(frames).to_bytes(4, "little") + frames)
        path.write_bytes(header.getvalue())
    elif kind == "hours":
        write_media(path, np.zeros((1, 100)))
        content = bytearray(path.read_bytes())
        n_bytes = 3 * 3600 * 32000
        content[content.index(b"data") + 4 :] = n_bytes.to_bytes(4, "little")
        path.write_bytes(content)
        os.truncate(path, len(content) + n_bytes)  # sparse
    elif kind == "folder":
        path = folder / "nothing"
        path.mkdir()
        (path / "readme.txt").write_text("no sound here")
    elif kind == "picture":
        path = folder / "picture.png"
        Image.new("RGB", (9, 9)).save(path)
    return path


BAD_RECORDINGS = {
    "empty": "not a recording that FFmpeg can read",
    "text": "not a recording that FFmpeg can read",
    "truncated": "not a recording that FFmpeg can read|contains no audio",
    "silence": r"0\.00 s of speech found in 3\.00 s of sound; at least 0\.4 s",
    "noise": r"s of speech found in 3\.00 s of sound; at least 0\.4 s",
    "blip": r"s of speech found in 0\.02 s of sound; at least 0\.4 s",
    "nan": "holds samples that are NaN or infinite",
    "infinite": "holds samples that are NaN or infinite",
    "hours": r"0\.00 s of speech found in 10800\.00 s of sound",
    "folder": "a folder with no recording in it",
    "picture": "not a recording that FFmpeg can read",
    "missing": "no such file",
}


@pytest.mark.parametrize("kind", BAD_RECORDINGS)
@pytest.mark.parametrize("command", ["generate", "features"])
def test_bad_recordings(command, kind, speech, bundle, tmp_path, capsys):
    path = make_bad(kind, tmp_path, speech)
    out = tmp_path / "out"
    if command == "generate":
        status = main(["generate", str(path), "--model", str(bundle), "-o", str(out)])
    else:
        status = main(["features", str(path), "-o", str(out / "a.npy")])
    said = capsys.readouterr()
    assert status == 1
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert line.startswith(f"voice2face: {path}: ")
    wanted = BAD_RECORDINGS[kind]
    if (command, kind) == ("features", "folder"):  # it takes one file
        wanted = "is a folder; give a file"
    assert re.search(wanted, line), line
    assert no_file(out)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--samples", "0"], "samples: got 0; give 1 to 64"),
        (["--samples", "1000"], "samples: got 1000; give 1 to 64"),
        (["--seed", "-3"], "seed: got -3; give 0 or more"),
        (["--first", "0"], "first: got 0 seconds; give more than 0"),
        (["--truncation", "-1"], "truncation: got -1; give 0 to 1.5"),
        (["--model", "nope"], "unknown model 'nope'"),
        (["--model", "."], "is not a model bundle"),
        (["-o", "file.txt/faces"], "file.txt"),
    ],
)
def test_bad_arguments_of_generate(arguments, message, example, bundle, tmp_path):
    (tmp_path / "file.txt").write_text("in the way")
    defaults = [] if "--model" in arguments else ["--model", bundle]
    done = voice2face("generate", example, *defaults, *arguments, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("voice2face: ")
    assert message in line
    assert [path.name for path in tmp_path.rglob("*")] == ["file.txt"]


def test_unknown_preset_and_command(example, tmp_path):
    done = voice2face("features", example, "-o", tmp_path / "a.npy", "--preset", "wen2109")
    assert done.returncode == 1
    assert b"did you mean 'wen2019'?" in done.stderr
    assert voice2face("genrate").returncode == 2


def test_many_recordings_go_on_past_a_bad_one(example, speech, bundle, tmp_path, capsys):
    folder = tmp_path / "in"
    folder.mkdir()
    shutil.copy(example, folder / "a.flac")
    make_bad("text", folder, speech)
    shutil.copy(example, folder / "z.flac")
    status = main(["generate", str(folder), "--json", "--model", str(bundle), "-o",
                   str(tmp_path / "out")])  # fmt: skip
    said = capsys.readouterr()
    assert status == 1
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert [Path(line["recording"]).name for line in lines] == ["a.flac", "text.wav", "z.flac"]
    assert "not a recording" in lines[1]["error"]
    assert "voice2face: 1 of 3 recordings failed:" in said.err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png", "z.png"}


def test_recordings_of_one_name_do_not_overwrite_each_other(example, bundle, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        shutil.copy(example, tmp_path / folder / "same.flac")
    out = tmp_path / "out"
    files = [str(tmp_path / folder / "same.flac") for folder in ("one", "two", "one")]
    assert main(["generate", *files, "--model", str(bundle), "-o", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"same.png", "same-2.png"}
    assert main(["generate", *files, "--model", str(bundle), "-o", str(out / "x.png")]) == 1


def test_compare_without_the_training_extra_says_what_to_install(example):
    """Its page needs Jinja2, which the runtime part does not bring."""
    code = (
        "import sys; sys.modules['jinja2'] = None; from voice2face.cli import main; "
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "compare", f"{example}=me.jpg"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("voice2face: this command needs the package 'jinja2'")
    assert "pip install '.[train]'" in done.stderr and "Traceback" not in done.stderr


def test_closed_output_is_no_error_to_shout_about(bundle):
    done = subprocess.run(
        f"{sys.executable} -m voice2face info --model {bundle} | true",
        shell=True,
        capture_output=True,
        check=False,
    )
    assert b"Traceback" not in done.stderr


def test_the_status_of_the_process_is_that_of_the_command(example, bundle, tmp_path):
    for name, status in ((str(example), 0), ("nothing.wav", 1)):
        done = voice2face("generate", name, "--model", bundle, "-o", tmp_path / "a.png")
        assert done.returncode == status
    assert b"nothing.wav: no such file" in done.stderr
    unread = subprocess.Popen(
        [sys.executable, "-m", "voice2face", "info", "--model", str(bundle)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    unread.stdout.close()
    assert b"Traceback" not in unread.stderr.read()
    assert unread.wait() == 1


def test_starting_up_loads_neither_torch_nor_anything_slow():
    program = (
        "import sys, voice2face, voice2face.cli; voice2face.cli.build_parser();"
        "print([m for m in ('torch', 'numpy', 'av', 'onnxruntime') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout == "[]\n"
