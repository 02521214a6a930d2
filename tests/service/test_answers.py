"""What the service answers is what the library gives; what it refuses, it refuses as RFC 9457."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from tests.service.conftest import post

from voice2face import VoiceToFace
from voice2face.images.sheet import CAPTION
from voice2face.runtime.description import DEFAULT_MODEL, bundled_models
from voice2face.runtime.face_mark import mark_faces
from voice2face.web_files import find_app


@pytest.fixture(scope="module")
def model() -> VoiceToFace:
    return VoiceToFace.load()


@pytest.fixture(scope="module")
def other(example):
    return example.with_name("librispeech-3699.flac")


def _pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def _face(text: str) -> np.ndarray:
    return _pixels(base64.b64decode(text))


def test_json_holds_the_faces_and_the_embedding_of_the_library(service, model, example):
    answer = post(service, "/v1/faces", example, samples=3, seed=5, truncation=0.5)
    assert answer.status_code == 200
    told = answer.json()
    expected = model.generate(example, samples=3, seed=5, truncation=0.5)
    for text, face in zip(told["faces"], expected.faces, strict=True):
        np.testing.assert_array_equal(_face(text), mark_faces(face, 64))
    np.testing.assert_allclose(told["embedding"], expected.embedding, atol=5e-7)  # six decimals
    assert told["woman_probability"] == expected.woman_probability
    assert told["speech_probability"] == expected.speech_probability
    assert told["speech_share"] == pytest.approx(expected.speech_s / expected.duration_s, abs=1e-4)
    assert told["notice"] == CAPTION
    assert (told["samples"], told["seed"], told["model"]) == (3, 5, "projected-64")


def test_pictures_are_those_of_the_library(service, model, example):
    expected = model.generate(example, samples=2, seed=1)
    native = post(service, "/v1/faces", example, samples=2, seed=1, native=True, accept="image/png")
    assert native.headers["content-type"] == "image/png"
    np.testing.assert_array_equal(_pixels(native.content), np.asarray(expected.native_image))
    sheet = post(service, "/v1/faces", example, samples=2, seed=1, accept="*/*")
    picture = Image.open(io.BytesIO(sheet.content))
    assert picture.size == expected.image.size
    assert CAPTION in picture.text.values()  # pyright: ignore[reportAttributeAccessIssue]


def test_a_form_is_as_good_as_a_body(service, example):
    body = post(service, "/v1/embedding", example)
    form = service.client.post("/v1/embedding", files={"recording": example.read_bytes()})
    assert form.json() == body.json()
    assert len(body.json()["embedding"]) == 64


def test_recordings_of_hours_are_read(service, example):
    whole = post(service, "/v1/embedding", example).json()
    assert post(service, "/v1/embedding", example, first_s=21600).json() == whole
    assert post(service, "/v1/embedding", example, first_s=2).json() != whole


def test_morph_goes_from_one_voice_to_the_other(service, model, example, other):
    files = {"first": example.read_bytes(), "last": other.read_bytes()}
    expected = model.morph(example, other, steps=3, samples=2, seed=4)

    def morphed(accept: str):
        where = {"steps": 3, "samples": 2, "seed": 4}
        return service.client.post(
            "/v1/morph", files=files, params=where, headers={"Accept": accept}
        )

    told = morphed("application/json").json()
    found = np.stack([[_face(step) for step in way] for way in told["faces"]])
    marked = [[mark_faces(face, 64) for face in way] for way in expected.faces]
    np.testing.assert_array_equal(found, marked)
    np.testing.assert_allclose(told["embeddings"], expected.embeddings, atol=5e-7)
    assert _pixels(morphed("image/png").content).shape == np.asarray(expected.image).shape
    animation = Image.open(io.BytesIO(morphed("image/gif").content))
    assert (animation.format, animation.n_frames) == ("GIF", 4)  # pyright: ignore[reportAttributeAccessIssue]


def test_faces_of_each_of_two_voices_are_those_of_the_library(service, model, conversation):
    expected = model.generate(conversation, samples=2, seed=1, speakers=2)
    told = post(service, "/v1/faces", conversation, samples=2, seed=1, speakers=2).json()
    assert told["two_voices"] is None
    assert len(told["voices"]) == 2
    found = np.stack([_face(text) for text in told["faces"]])
    wanted = [mark_faces(one, 64) for one in expected.faces]
    np.testing.assert_array_equal(found, wanted)
    for one, voice in zip(told["voices"], expected.voices, strict=True):
        assert one["share"] == pytest.approx(voice.share, abs=1e-4)
        assert one["woman_probability"] == voice.woman_probability
        np.testing.assert_allclose(one["embedding"], voice.embedding, atol=5e-7)
    assert told["embedding"] == told["voices"][0]["embedding"]
    sheet = post(service, "/v1/faces", conversation, samples=2, speakers=2, accept="image/png")
    assert Image.open(io.BytesIO(sheet.content)).size == expected.image.size


def test_a_second_voice_is_told_where_the_model_hears_one(start, model, conversation, tmp_path):
    """The threshold of two voices, changed so that there are two, and one."""
    folders = {}
    for name, threshold in (("ears", 1.0), ("deaf", -1.0)):
        folders[name] = shutil.copytree(bundled_models()[DEFAULT_MODEL], tmp_path / name)
        about = dataclasses.replace(model.description, name=name, two_voices=threshold)
        (folders[name] / "model.json").write_text(about.to_json())
    own = start(models=",".join(map(str, folders.values())), workers=1)
    for name, two in (("ears", True), ("deaf", False)):
        told = post(own, "/v1/faces", conversation, samples=1, model=name).json()
        assert told["two_voices"] is two
        assert len(told["voices"]) == 1 + two
        assert len(told["faces"]) == 1
        assert post(own, "/v1/embedding", conversation, model=name).json()["two_voices"] is two


def test_concurrent_requests_get_the_answers_of_single_ones(service, example, other):
    cases = [(path, seed) for seed in range(6) for path in (example, other)]

    def ask(case) -> bytes:
        answer = post(service, "/v1/faces", case[0], seed=case[1], native=True, accept="image/png")
        return answer.content

    alone = [ask(case) for case in cases]
    with ThreadPoolExecutor(len(cases)) as threads:
        assert list(threads.map(ask, cases)) == alone
    assert len(set(alone)) == len(cases)


def test_models_are_listed_and_chosen_by_name_only(service, example):
    listed = service.client.get("/v1/models").json()["models"]
    assert [one["name"] for one in listed] == ["projected-64", "projected-128", "starter"]
    assert [one["default"] for one in listed] == [True, False, False]
    assert listed[0]["card"]["limits"]
    starter = post(service, "/v1/faces", example, samples=1, model="starter").json()
    assert starter["model"] == "starter"
    expected = VoiceToFace.load("starter").generate(example, 1)
    wanted = mark_faces(expected.faces[0], 64)
    np.testing.assert_array_equal(_face(starter["faces"][0]), wanted)
    for name in ("projected", str(bundled_models()["starter"]), "../models/starter"):
        refused = post(service, "/v1/faces", example, model=name)
        assert (refused.status_code, refused.json()["title"]) == (422, "Invalid parameter")
    assert (
        "did you mean 'projected-64'?"
        in post(service, "/v1/faces", example, model="projected").text
    )


@pytest.mark.parametrize(("parameters", "named"), [
    ({"samples": 0}, "samples"), ({"samples": 65}, "samples"), ({"seed": -1}, "seed"),
    ({"seed": 2**53}, "seed"), ({"truncation": 2}, "truncation"),
    ({"truncation": "nan"}, "truncation"), ({"first_s": 0}, "first_s"),
    ({"first_s": 21601}, "first_s"), ({"speakers": 0}, "speakers"),
    ({"speakers": 9}, "speakers"), ({"track": 0}, "track"),
    ({"track": 9}, "track"), ({"sample": 3}, "sample"), ({"native": "perhaps"}, "native"),
])  # fmt: skip
def test_parameters_out_of_range(service, example, parameters, named):
    refused = post(service, "/v1/faces", example, **parameters)
    assert refused.status_code == 422
    _check_problem(refused)
    assert named in refused.json()["detail"]


def _check_problem(answer) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told.keys() == {"type", "title", "status", "detail"}
    assert told["status"] == answer.status_code
    assert told["type"].startswith("urn:problem-type:voice2face:")
    assert "--" not in told["detail"], "names an option of the command line"
    assert "Traceback" not in told["detail"]


def test_what_is_not_speech_is_refused_unless_forced(service, rustle):
    refused = post(service, "/v1/faces", rustle)
    assert refused.status_code == 422
    _check_problem(refused)
    assert refused.json()["type"].endswith(":not-speech")
    assert "force=true" in refused.json()["detail"]
    forced = post(service, "/v1/faces", rustle, force="true")
    assert forced.status_code == 200
    assert forced.json()["speech_probability"] < 0.5


@pytest.mark.parametrize("content", [
    b"", b"hello", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n",
    b"ffconcat version 1.0\nfile /etc/hostname\n", b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
    b"<MPD><Period/></MPD>", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"\0" * 1000,
])  # fmt: skip
def test_what_is_no_recording_is_refused(service, content):
    refused = post(service, "/v1/faces", content)
    assert refused.status_code == 422
    _check_problem(refused)
    assert refused.json()["type"].endswith(":unusable-recording")


def test_requests_of_another_form_are_refused(service, example):
    client, content = service.client, example.read_bytes()
    cases = {
        415: client.post("/v1/faces", json={"recording": "me.wav"}),
        406: client.post(
            "/v1/faces", files={"recording": content}, headers={"Accept": "text/html"}
        ),
        404: client.get("/v2/faces"),
        405: client.get("/v1/faces"),
        400: client.post("/v1/faces", files={"file": content}),
    }
    for status, answer in cases.items():
        assert answer.status_code == status
        _check_problem(answer)
    many = [("recording", content), ("recording", content)]
    for answer in (
        client.post("/v1/faces", files=many),
        client.post("/v1/faces", files={"recording": content}, data={"seed": "3"}),
        client.post("/v1/morph", files={"first": content}),
        client.post(
            "/v1/faces", content=b"--x\r\n", headers={"Content-Type": "multipart/form-data"}
        ),
    ):
        assert answer.status_code == 400
        _check_problem(answer)


def test_names_of_files_are_neither_used_nor_told(service, example, tmp_path):
    target = tmp_path / "secret-name.flac"
    for name in (str(target), "../../secret-name.flac", "secret-name\r\n.flac", "pipe:0"):
        answer = service.client.post("/v1/faces", files={"recording": (name, example.read_bytes())})
        assert answer.status_code == 200
        damaged = service.client.post("/v1/faces", files={"recording": (name, b"no recording")})
        assert damaged.status_code == 422
        assert "secret" not in damaged.text
    assert not list(tmp_path.iterdir())
    assert "secret" not in json.dumps(service.log)
    assert "secret" not in service.client.get("/metrics").text


def test_each_request_is_logged_and_counted_without_its_content(service, example):
    before = service.metric('voice2face_requests_total{route="/v1/embedding",status="200"}')
    answer = post(service, "/v1/embedding", example)
    (line,) = service.wait_for("request", id=answer.headers["x-request-id"])
    assert line.keys() == {
        "time", "level", "event", "id", "method", "route", "status", "sent_bytes", "model",
        "received_bytes", "timings_ms", "duration_ms",
    }  # fmt: skip
    assert (line["route"], line["status"]) == ("/v1/embedding", 200)
    assert line["received_bytes"] == example.stat().st_size
    assert line["sent_bytes"] == len(answer.content)
    counted = service.metric('voice2face_requests_total{route="/v1/embedding",status="200"}')
    assert counted == before + 1
    assert service.metric("voice2face_buffered_bytes") == 0
    assert service.metric("voice2face_workers") == 2
    service.client.get("/secret?secret=1")
    service.wait_for("request", route="other")
    assert "secret" not in json.dumps(service.log)


def test_state(service):
    assert service.client.get("/healthz").json() == {"status": "ok"}
    assert service.client.get("/readyz").json() == {"status": "ok"}


def test_the_browser_app_comes_with_the_first_model(service):
    """It is built by `npm run build` in web/; where it is not, `/` is no address."""
    page = service.client.get("/", headers={"Accept-Encoding": "identity"})
    if find_app() is None:
        assert page.status_code == 404
        pytest.skip("the browser app is not built")
    assert page.status_code == 200
    assert "wasm-unsafe-eval" in page.headers["Content-Security-Policy"]
    script = service.client.get("/app.js")
    assert script.headers["Content-Type"].startswith("text/javascript")
    assert script.headers["Content-Encoding"] == "gzip"
    model = service.client.get("/model/model.json")
    assert model.json()["name"] == DEFAULT_MODEL
    assert service.client.get("/model/../pyproject.toml").status_code == 404
    assert service.client.get("/v1/faces").status_code == 405


def test_a_picture_is_verified(service, example):
    made = post(service, "/v1/faces", example, samples=1, accept="image/jpeg")
    assert made.headers["content-type"] == "image/jpeg"

    def verify(content: bytes):
        return service.client.post(
            "/v1/verify", content=content, headers={"Content-Type": "image/jpeg"}
        )

    told = verify(made.content).json()
    assert told["verdict"] == "made by this program"
    assert told["mark"]["found"]
    assert told["metadata"]["Seed"] == "0"
    refused = verify(b"hello")
    assert refused.status_code == 422
    assert refused.json()["type"].endswith("unusable-picture")
