"""Every kind of input gives the faces of the same samples in a file, or says what is wrong."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import numpy as np
import pytest
import scipy.io.wavfile
import torch

from voice2face import VoiceToFace
from voice2face.errors import ConfigError, RecordingError
from voice2face.runtime.inputs import as_file
from voice2face.runtime.reading import NamedBytes


@pytest.fixture(scope="module")
def model(noisy_bundle) -> VoiceToFace:
    return VoiceToFace.load(noisy_bundle)


@pytest.fixture(scope="module")
def wanted(model, example) -> bytes:
    """Faces of the example, which a path gives."""
    return model.generate(example, samples=2).faces.tobytes()


@pytest.mark.parametrize(
    "form",
    [
        lambda speech: speech,
        lambda speech: speech[None],
        lambda speech: speech[:, None],
        lambda speech: np.stack([speech, speech]),
        lambda speech: np.repeat(speech, 2)[::2],
        lambda speech: speech.astype(">i2"),
        lambda speech: speech.astype(np.int32) << 16,
        lambda speech: (speech / 32768).astype(np.float32),
        lambda speech: speech / 32768,
        torch.from_numpy,
        lambda speech: torch.from_numpy(speech / 32768)[None].requires_grad_(),
    ],
)
def test_an_array_gives_the_faces_of_its_file(model, speech, wanted, form):
    faces = model.generate((form(speech), 16000), samples=2)
    assert faces.faces.tobytes() == wanted
    assert faces.recording == "the array"


def test_bytes_and_open_files_give_the_faces_of_the_file(model, example, wanted):
    content = example.read_bytes()
    with example.open("rb") as file, tempfile.SpooledTemporaryFile() as spooled:
        spooled.write(content)
        for given in (str(example), content, memoryview(content), io.BytesIO(content), file):
            assert model.generate(given, samples=2).faces.tobytes() == wanted
        faces = model.generate(spooled, samples=2)
    assert (faces.faces.tobytes(), faces.recording) == (wanted, "recording")


@pytest.mark.parametrize("rate_hz", [8000, 44100])
@pytest.mark.parametrize("dtype", ["int16", "int32", "float32", "float64"])
def test_an_array_is_read_as_another_writer_s_file_of_it(speech, tmp_path, model, rate_hz, dtype):
    """Two unlike channels at a rate that is resampled, against a WAV file that SciPy writes."""
    stereo = np.stack([speech, np.roll(speech, 100) // 3], axis=1)
    array = stereo.astype(dtype) * {"int16": 1, "int32": 1 << 16}.get(dtype, 1 / 32768)
    array = array.astype(dtype)
    scipy.io.wavfile.write(tmp_path / "a.wav", rate_hz, array)
    of_file = model.read(tmp_path / "a.wav", force=True)
    for given in (array, np.ascontiguousarray(array.T), torch.from_numpy(array).T):
        of_array = model.read((given, rate_hz), force=True)
        np.testing.assert_array_equal(of_array.recording.waveform, of_file.recording.waveform)
        assert of_array.features.log_mel.tobytes() == of_file.features.log_mel.tobytes()
    assert of_file.recording.duration_s == pytest.approx(len(speech) / rate_hz, abs=0.01)


def test_a_numpy_array_is_turned_into_a_wav_file(speech):
    """Its bytes are those that SciPy reads back, whatever is a whole number of Hz."""
    for rate in (16000, np.int64(16000), 16000.0):
        file = as_file((speech[:5000].reshape(-1, 2), rate))
        assert isinstance(file, NamedBytes)
        rate_hz, samples = scipy.io.wavfile.read(file)
        assert rate_hz == 16000
        np.testing.assert_array_equal(samples, speech[:5000].reshape(-1, 2))


def test_loud_floats_are_read_as_files_of_them_are(model, speech):
    """Up to 100 they are clipped; beyond, they are taken for 16-bit integers, with a note."""
    clipped = model.read((3.0 * speech / 32768, 16000), force=True).recording
    np.testing.assert_array_equal(clipped.waveform, np.clip(3.0 * speech, -32768, 32767))
    assert clipped.notes == ()
    integers = model.read((speech.astype(np.float32), 16000), force=True).recording
    np.testing.assert_array_equal(integers.waveform, speech)
    assert integers.notes == ("floating-point samples in the range of 16-bit integers were scaled",)


ZEROS = np.zeros(40000, np.int16)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ((ZEROS.reshape(200, 200), 16000), r"array: has the shape \(200, 200\), and it is ambig"),
        (
            (ZEROS[:40].reshape(2, 20), 16000),
            r"array: has the shape \(2, 20\), and it is ambiguous",
        ),
        ((np.zeros((300, 300)), 16000), r"array: has the shape \(300, 300\), and neither axis has"),
        ((ZEROS[None, None], 16000), r"array: has the shape \(1, 1, 40000\); give \(samples,\)"),
        ((ZEROS[0], 16000), r"array: has the shape \(\); give \(samples,\)"),
        ((ZEROS[:0], 16000), r"array: contains no audio \(0 samples\); give a recording of speech"),
        ((ZEROS.astype(np.uint8), 16000), r"array: has samples of the type uint8; give int16"),
        ((ZEROS > 0, 16000), r"array: has samples of the type bool; give int16"),
        ((np.array(["a"]), 16000), r"array: has samples of the type str32; give int16"),
        ((torch.zeros(9, dtype=torch.bfloat16), 16000), r"of the type torch.bfloat16; give int16"),
        ((np.full(40000, np.nan), 16000), r"array: holds samples that are NaN or infinite"),
        ((np.full(40000, -np.inf), 16000), r"array: holds samples that are NaN or infinite"),
        ((ZEROS, 3999), r"array: has 3,999 samples a second; 4,000 to 768,000 are read"),
        ((ZEROS, -16000), r"array: has -16,000 samples a second; 4,000 to 768,000 are read"),
        ((ZEROS, 1e30), r"array: has 1,0+.* samples a second; 4,000 to 768,000 are read"),
        ((ZEROS, "16000"), r"array: has the sample rate '16000'; give a whole number"),
        ((ZEROS, 16000.5), r"array: has the sample rate 16000.5; give a whole number"),
        ((ZEROS, None), r"array: has the sample rate None; give a whole number"),
        ((ZEROS, 16000), r"array: 0.00 s of speech found in 2.50 s of sound; at least 0.4 s"),
        ((16000, ZEROS), r"recording: is \(sample_rate, array\); give \(array, sample_rate\)"),
        (("a.wav", "b.wav"), r"recording: is a tuple of 2; .* or several recordings as a list"),
        (ZEROS, r"recording: is an array without a rate; give \(array, sample_rate\)"),
        (7, r"recording: is of the type int; give a path, bytes, a file open for reading bytes"),
        (b"hello", r"recording: not a recording that FFmpeg can read"),
        ("no.wav", r"no\.wav: no such file"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_line(model, given, message):
    with pytest.raises(RecordingError, match=message) as raised:
        model.generate(given)
    assert "\n" not in str(raised.value)


def test_files_that_give_no_bytes_are_refused(model, example):
    with example.open("rb") as closed:
        pass
    ends = os.pipe()
    with open(ends[0], "rb") as pipe, open(ends[1], "wb"), Path(__file__).open() as text:  # noqa: PTH123
        for file in (closed, pipe, text, io.StringIO("a")):
            with pytest.raises(RecordingError, match="is not open for reading bytes"):
                model.generate(file)


def test_a_list_gives_a_list_of_the_same_faces(model, example, speech, wanted):
    other = (np.roll(speech, 5000), 16000)
    several = model.generate([example, example.read_bytes(), other, (speech, 16000)], samples=2)
    assert [one.recording for one in several] == [
        str(example), "recording 2", "array 3", "array 4",
    ]  # fmt: skip
    for index in (0, 1, 3):
        assert several[index].faces.tobytes() == wanted
    assert several[2].faces.tobytes() == model.generate(other, samples=2).faces.tobytes()
    read = model.read([str(example), other])
    assert [one.recording.name for one in read] == [str(example), "array 2"]
    assert model.generate(read, samples=2)[0].faces.tobytes() == wanted
    assert model.generate([]) == []
    with pytest.raises(RecordingError, match=r"^array 2: has 3 samples a second"):
        model.generate([example, (speech, 3)])


def test_options_of_reading_are_read_s(model, example, speech):
    """They reach it, one that is unknown is refused, and so is any of what was read already."""
    short = model.generate((speech, 16000), samples=1, first_s=3.0)
    assert short.duration_s == pytest.approx(3.0)
    several = model.generate([example, (speech, 16000)], samples=1, first_s=3.0)
    assert [one.faces.tobytes() for one in several] == 2 * [short.faces.tobytes()]
    with pytest.raises(TypeError, match="unexpected keyword argument 'speaker'"):
        model.generate(example, speaker=2)
    with pytest.raises(ConfigError, match="speakers: the recording is read"):
        model.generate(model.read(example), speakers=2)


def test_arrays_may_be_morphed_and_explained(model, example, speech):
    other = np.roll(speech, 40000)[:60000]
    way = model.morph((speech, 16000), (other, 16000), steps=2)
    assert way.recordings == ("array 1", "array 2")
    ends = [model.generate((one, 16000), samples=1).faces[0] for one in (speech, other)]
    np.testing.assert_array_equal(way.faces[0], ends)
    pictures = [model.explain(one) for one in (model.read(example), example)]
    assert pictures[0].tobytes() == pictures[1].tobytes()
