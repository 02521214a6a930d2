"""The authors' weights files become a bundle, and a hostile file runs no code."""

from __future__ import annotations

import json
import os
import pickle
import zipfile

import numpy as np
import pytest
import torch

from voice2face import VoiceToFace
from voice2face.cli import main
from voice2face.networks.generator import Generator, GeneratorConfig
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from voice2face.synthetic.world import World, make_world


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Files as published: plain state dicts, at the published sizes, with random weights."""
    folder = tmp_path_factory.mktemp("published")
    torch.manual_seed(0)
    encoder, generator = VoiceEncoder(VoiceEncoderConfig()), Generator(GeneratorConfig())
    torch.save(encoder.state_dict(), folder / "voice_embedding.pth")
    torch.save(generator.state_dict(), folder / "generator.pth")
    return folder, encoder.eval(), generator.eval()


def run(voice, face, out) -> int:
    return main(["import-weights", "--voice-embedding", str(voice), "--generator", str(face),
                 "-o", str(out)])  # fmt: skip


@pytest.mark.long
def test_published_weights_give_the_published_face(published, golden, shared_data, tmp_path):
    """From the golden spectrogram on in plain torch; from the recording through the bundle."""
    folder, encoder, generator = published
    out = tmp_path / "wen"
    assert run(folder / "voice_embedding.pth", folder / "generator.pth", out) == 0
    number = 1  # short enough for its golden spectrogram to be whole
    recording = shared_data / "voices" / str(golden[f"{number}_file"])
    with torch.no_grad():
        embedding = encoder(torch.from_numpy(golden[f"{number}_log_mel"].T[None].copy()))
        embedding = torch.nn.functional.normalize(embedding)
        face = generator(embedding)[0].clamp(-1, 1)
        face = (face - face.min()) / (face.max() - face.min()) * 255
    ours = VoiceToFace.load(out).generate(recording, samples=1)
    np.testing.assert_allclose(ours.embedding, embedding[0].numpy(), atol=1e-4)
    difference = ours.faces[0] - face.permute(1, 2, 0).numpy()
    assert np.abs(difference).max() <= 1
    assert main(["generate", str(recording), "--model", str(out), "-o", str(tmp_path / "o")]) == 0


class Hostile:
    def __init__(self, target: str) -> None:
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


def test_a_hostile_file_runs_no_code(published, tmp_path, capsys):
    folder, *_ = published
    marker = tmp_path / "owned"
    torch.save({"model.0.weight": Hostile(str(marker))}, tmp_path / "evil.pth")
    assert run(tmp_path / "evil.pth", folder / "generator.pth", tmp_path / "out") == 1
    (tmp_path / "evil2.pth").write_bytes(pickle.dumps(Hostile(str(marker))))
    assert run(tmp_path / "evil2.pth", folder / "generator.pth", tmp_path / "out") == 1
    assert not marker.exists()
    assert not (tmp_path / "out").exists()
    assert "evil.pth: holds more than tensors" in capsys.readouterr().err


def test_files_that_are_not_the_published_networks(published, tmp_path, capsys):
    folder, *_ = published
    voice, face = folder / "voice_embedding.pth", folder / "generator.pth"
    (tmp_path / "text.pth").write_text("weights")
    torch.save([1, 2], tmp_path / "list.pth")
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    small = Generator(GeneratorConfig(embedding_dim=32, channels=(8, 8)))
    torch.save(small.state_dict(), tmp_path / "narrow.pth")
    broken = torch.load(voice, weights_only=True)
    del broken["model.4.weight"]
    torch.save(broken, tmp_path / "broken.pth")
    with (
        zipfile.ZipFile(voice) as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as compressed,
    ):
        for entry in plain.namelist():
            compressed.writestr(entry, plain.read(entry))
    for voice_file, face_file, message in (
        (tmp_path / "nope.pth", face, "nope.pth: is missing"),
        (tmp_path / "text.pth", face, "text.pth: is text"),
        (tmp_path / "list.pth", face, "list.pth: is not a state dict"),
        (tmp_path / "other.pth", face, "other.pth: is not of the published network"),
        (face, voice, "generator.pth: is not of the published network"),
        (voice, tmp_path / "narrow.pth", "the files do not belong together"),
        (tmp_path / "bomb.pth", face, "bomb.pth: is a compressed archive"),
        (tmp_path / "broken.pth", face, "broken.pth: is not of the published network"),
    ):
        assert run(voice_file, face_file, tmp_path / "out") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
    assert not (tmp_path / "out").exists()


@pytest.mark.long
def test_the_authors_files_are_evaluated_beside_a_bundle(published, bundle, tmp_path, capsys):
    folder, *_ = published
    make_world(tmp_path / "store", World(n_identities=12, seed=0, recordings_each=2, faces_each=2))
    files = f"{folder / 'voice_embedding.pth'},{folder / 'generator.pth'}"
    order = ["--store", str(tmp_path / "store"), "--split", "train", "--judges",
             "local-binary-patterns", "-o", str(tmp_path / "result")]  # fmt: skip
    assert main(["evaluate", f"wen2019:{files}", str(bundle), *order]) == 0
    result = json.loads((tmp_path / "result" / "result.json").read_text())
    assert result["systems"] == ["wen2019", "small"]
    assert "small" in result["identity"]["local-binary-patterns"]["differences"]
    assert "data:image/jpeg;base64" in (tmp_path / "result" / "result.html").read_text()
    assert main(["evaluate", "wen2019:voice.pth", *order]) == 1
    said = capsys.readouterr().err
    assert "wen2019:voice.pth: names 1 files; give wen2019:voice_embedding.pth,gener" in said
