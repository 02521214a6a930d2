"""Models published on the Hub and loaded from it, by processes with homes of their own.

The Hub is a server on this machine; what runs is the real client. Its settings are read when it is
imported, so each user is a process.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from huggingface_hub import ModelCard

from tests.runtime.hub_server import TOKEN, Hub, serving
from voice2face import VoiceToFace
from voice2face.errors import ConfigError
from voice2face.runtime.description import ModelDescription, bundled_models, find_bundle
from voice2face.runtime.hub import HubName, hub_name
from voice2face.runtime.hub_card import hub_card, licence_id
from voice2face.training.licences import licence_of_weights

STARTER = bundled_models()["starter"]
# For each model: the SHA-256 of its faces, or what went wrong.
LOADING = """
import hashlib, json, sys
from voice2face import Voice2FaceError, VoiceToFace
for model in sys.argv[2:]:
    name, _, revision = model.partition("#")
    try:
        faces = VoiceToFace.load(name, revision=revision or None).generate(sys.argv[1]).faces
        print(json.dumps(hashlib.sha256(faces.tobytes()).hexdigest()))
    except Voice2FaceError as error:
        print(json.dumps(f"{type(error).__name__}: {error}"))
"""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def faces(example) -> str:
    drawn = VoiceToFace.load("starter").generate(example).faces
    return hashlib.sha256(drawn.tobytes()).hexdigest()


def run(hub: Hub, home: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python as a user with a home of one's own."""
    settings = {"HOME": str(home), "HF_HOME": str(home / "hub"), "HF_ENDPOINT": hub.address}
    # The Xet transport cannot be served here, nor may anything be asked for elsewhere.
    settings |= {"HF_HUB_DISABLE_XET": "1", "no_proxy": "*", **more}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env={**kept, **settings}, capture_output=True, text=True, check=False
    )


def load(hub: Hub, home: Path, example: Path, *models: str, **more: str) -> list[str]:
    done = run(hub, home, "-c", LOADING, str(example), *models, **more)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def starter_with(**changes: bytes) -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in STARTER.iterdir()}
    return {**files, **{name.replace("__", "."): content for name, content in changes.items()}}


def test_what_one_publishes_another_loads_from_nothing(hub, example, faces, tmp_path):
    sent = run(hub, tmp_path / "one", "-m", "voice2face", "push", str(STARTER), "me/mine",
               HF_TOKEN=TOKEN)  # fmt: skip
    assert sent.returncode == 0, sent.stderr
    commit = hub.branches["me/mine"]
    assert sent.stdout == f"{STARTER} -> {hub.address}/me/mine/commit/{commit}\n"
    published = hub.files("me/mine")
    card = published.pop("README.md").decode()
    assert published == starter_with()
    assert ModelCard(card).data.license == "apache-2.0"

    newest = hub.commit("me/mine", {"model.json": b"{}"})
    hub.requests.clear()
    of_commit, of_newest, named = load(
        hub, tmp_path / "other", example, f"me/mine#{commit}", "me/mine", f"me/mine@{commit}"
    )
    assert of_commit == named == faces
    assert of_newest.startswith("BundleError")
    assert newest in of_newest
    assert not [request for request in hub.requests if "README" in request]


@pytest.mark.long
def test_a_torn_download_is_resumed_and_the_cache_serves_offline(hub, example, faces, tmp_path):
    hub.commits["me/torn"], hub.cuts["me/torn"] = {}, 2
    hub.commit("me/torn", starter_with())
    assert load(hub, tmp_path, example, "me/torn") == [faces]
    assert hub.cuts["me/torn"] == 0
    with serving() as closed:
        pass  # nobody answers there any more
    cached, missing = load(closed, tmp_path, example, "me/torn", "me/mine")
    assert cached == faces
    assert "is not on this machine, or not all of it, and the Hub cannot be" in missing
    hub.requests.clear()
    assert load(hub, tmp_path, example, "me/torn", HF_HUB_OFFLINE="1") == [faces]
    assert not hub.requests


@pytest.mark.long
def test_a_download_that_is_always_torn_is_an_error(hub, example, tmp_path):
    hub.commits["me/always"], hub.cuts["me/always"] = {}, 1000
    hub.commit("me/always", starter_with())
    (said,) = load(hub, tmp_path, example, "me/always")
    assert said.startswith("BundleError: me/always: cannot be downloaded (")
    hub.cuts["me/always"] = 0
    (said,) = load(hub, tmp_path, example, "me/always")
    assert len(said) == 64


def test_what_is_not_as_it_should_be_is_told(hub, example, tmp_path):
    changed = (STARTER / "generator.onnx").read_bytes()[:-1] + b"\0"
    for name, files in {
        "me/wrong": starter_with(generator__onnx=changed),
        "me/other": {"config.json": b"{}"},
        "me/large": starter_with(MODEL_CARD__md=bytes(64_000_001)),
    }.items():
        hub.commits[name] = {}
        hub.commit(name, files)
    hub.requests.clear()
    wrong, other, large, revision, none = load(
        hub, tmp_path, example, "me/wrong", "me/other", "me/large", "me/wrong#v9", "me/none"
    )
    assert wrong.startswith("BundleError: me/wrong: generator.onnx is damaged or not the file")
    assert other == "BundleError: me/other: is no model of voice2face (no model.json)"
    assert large == (
        "BundleError: me/large: MODEL_CARD.md has 64000001 bytes; at most 64000000 are read"
    )
    assert not [request for request in hub.requests if "large/resolve" in request]
    assert revision == "ConfigError: me/wrong: the Hub has no such revision of it"
    assert none.startswith("ConfigError: me/none: is neither a file nor a folder here, nor")


def test_who_may_not_publish_is_told(hub, tmp_path):
    refused = run(hub, tmp_path, "-m", "voice2face", "push", str(STARTER), "me/secret")
    assert refused.returncode == 1
    assert "me/secret: the Hub refuses; log in with: hf auth login" in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert "me/secret" not in hub.commits


def test_without_the_package_the_message_says_what_to_install(hub, tmp_path):
    without = "import sys; sys.modules['huggingface_hub'] = None\n"
    start = f"{without}from voice2face.cli import main; sys.exit(main(sys.argv[1:]))"
    done = run(hub, tmp_path, "-c", start, "info", "--model", "me/mine")
    assert done.returncode == 1
    assert done.stderr == (
        "voice2face: me/mine: there is no such file or folder; a model of the Hub needs the "
        "package huggingface_hub; install it with: pip install huggingface_hub\n"
    )


def test_a_path_wins_over_a_name(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(bundle.parent.parent)
    name = f"{bundle.parent.name}/{bundle.name}"
    assert hub_name(name) == HubName(name)
    assert find_bundle(name) == Path(name)
    with pytest.raises(ConfigError, match="only models of the Hub have any"):
        find_bundle(name, revision="main")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("me/mine", HubName("me/mine")),
        ("me/mi.ne-2@v1.0", HubName("me/mi.ne-2", "v1.0")),
        ("me/mine@refs/pr/1", HubName("me/mine", "refs/pr/1")),
        *((text, None) for text in ("mine", "/me/mine", "./mine", "../mine", "a/b/c", "me/", "")),
    ],
)
def test_names_of_the_hub(text, name):
    assert hub_name(text) == name


def described(**card: object) -> ModelDescription:
    content = json.loads((STARTER / "model.json").read_text())
    keys = ("name", "embedding_dim", "image_size_px", "crop_frames", "jitter", "pixel_range")
    of_starter = {key: content[key] for key in keys}
    front_end = find_description().front_end
    return ModelDescription(**of_starter, front_end=front_end, card={**content["card"], **card})


def find_description() -> ModelDescription:
    return VoiceToFace.load("starter").description


@pytest.mark.parametrize(
    ("licences", "name", "called"),
    [
        (["MIT", "CC BY 4.0"], "apache-2.0", None),
        (["MIT", "CC BY-NC-SA 4.0"], "other", "non-commercial-data"),
        (["CC BY-SA 4.0"], "other", "apache-2.0-within-share-alike-data"),
    ],
)
def test_the_licence_follows_from_the_data(licences, name, called):
    sources = [{"kind": "voices", "title": "x", "licence": licence} for licence in licences]
    about = described(licence=licence_of_weights(sources))
    data = ModelCard(hub_card(about, "me/mine", licence_id(about))).data
    assert (data.license, data.license_name) == (name, called)
    assert data.license_link == ("https://huggingface.co/me/mine#licence" if called else None)


def test_an_unknown_licence_is_not_guessed():
    sources = [{"kind": "faces", "title": "x", "licence": "not told: that of its owner"}]
    about = described(licence=licence_of_weights(sources))
    with pytest.raises(ConfigError, match="does not follow from the data"):
        licence_id(about)
    assert ModelCard(hub_card(about, "me/mine", "cc-by-4.0")).data.license == "cc-by-4.0"
    with pytest.raises(ConfigError, match="licence: got 'My own'"):
        hub_card(about, "me/mine", "My own")


def test_the_card_tells_programs_and_people():
    quality = {"judge-a_sees_gender_of_female_speakers_percent": 93.5, "n_real_faces": 500}
    text = hub_card(described(quality=quality), "me/mine", "apache-2.0")
    data = ModelCard(text).data
    assert (data.library_name, data.pipeline_tag) == ("voice2face", "other")
    assert data.datasets == ["openslr/librispeech_asr", "HuggingFaceM4/FairFace"]
    assert "audio-to-image" in data.tags
    assert data.metrics == ["accuracy"]
    (result,) = data.eval_results
    assert result.metric_value == 93.5
    assert result.metric_name == "gender of the faces of female speakers, by judge-a, %"
    for line in ("# starter\n", "--model me/mine\n", "## Limits\n", "never a likeness"):
        assert line in text
