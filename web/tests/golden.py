"""Writes what Python computes of recordings, for the tests of the browser app to compare with.

    python golden.py OUT RECORDING...

OUT gets `index.json` and, for each recording, raw little-endian arrays: NAME.pcm (int16 samples),
NAME.FRONT_END.f32 (frames, mels), NAME.MODEL.embedding.f32 and NAME.MODEL.faces.u8
(faces, size, size, 3), NAME.MODEL.morph.u8 (to the next recording). The first two recordings give
conversation.pcm, turns of both, with conversation.MODEL.windows.f32, .labels.u8, .whose.u8,
.attention.f32 (none where all moments weigh alike) and .embeddings.f32 of its two voices; and
stretches.pcm, of which three stretches are clearest.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np

from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.audio.settings import PRESETS
from voice2face.audio.stretches import BestStretches
from voice2face.runtime.description import DEFAULT_MODEL, bundled_models, read_description
from voice2face.runtime.explain import times_of_speech
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.runtime.speech import Voice
from voice2face.runtime.voice_noise import VoiceNoise

RATE_HZ, TURN_S, STRETCH_S, N_STRETCHES = 16000, 4, 20, 3
SAMPLES, SEED, TRUNCATION, MORPH_STEPS = 4, 7, 0.8, 3


def main(out: Path, paths: list[Path]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    recordings = [decode(path, path.name) for path in paths]
    names = [f"{number:02d}" for number in range(len(paths))]
    entries: list[dict[str, Any]] = []
    for name, path, recording in zip(names, paths, recordings, strict=True):
        recording.waveform.astype("<i2").tofile(out / f"{name}.pcm")
        entries.append({"name": name, "file": str(path), "speech_s": {}, "models": {}})
        for front_end, settings in PRESETS.items():
            features = extract(recording, settings)
            features.log_mel.astype("<f4").tofile(out / f"{name}.{front_end}.f32")
            entries[-1]["speech_s"][front_end] = features.speech_s
    waves = [recording.waveform for recording in recordings]
    conversation = _conversation(out, waves[-1], waves[0])
    models = {**bundled_models(), "voice-noise": _with_voice_noise(out / "voice-noise")}
    for model, folder in models.items():
        system = VoiceToFace.load(folder)
        heard = [system.listen(path, force=True) for path in paths]
        for number, (name, voice) in enumerate(zip(names, heard, strict=True)):
            following = heard[(number + 1) % len(heard)]
            entries[number]["models"][model] = _write(system, voice, following, out / name, model)
        conversation["models"][model] = _write_voices(system, out / "conversation", model)
    index = {
        "samples": SAMPLES,
        "seed": SEED,
        "truncation": TRUNCATION,
        "morph_steps": MORPH_STEPS,
        "front_ends": {name: vars(settings) for name, settings in PRESETS.items()},
        "default_model": DEFAULT_MODEL,
        "models": {name: str(folder) for name, folder in models.items()},
        "recordings": entries,
        "conversation": conversation,
        "stretches": _stretches(out, waves[0]),
    }
    (out / "index.json").write_text(json.dumps(index, indent=1))


def _conversation(out: Path, first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Turns of two speakers, of whom the first speaks more."""
    length = TURN_S * RATE_HZ
    starts = (0, length, 2 * length)
    turns = [speech[at : at + length] for at in starts for speech in (first, second)]
    waveform = np.concatenate(turns + turns)
    waveform.astype("<i2").tofile(out / "conversation.pcm")
    with wave.open(str(out / "conversation.wav"), "wb") as file:
        file.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        file.writeframes(waveform.astype("<i2").tobytes())
    return {"models": {}}


def _write_voices(system: VoiceToFace, stem: Path, model: str) -> dict[str, Any]:
    heard = system.read(f"{stem}.wav", force=True, speakers=2)
    division = heard.division
    assert division is not None
    front_end = system.description.front_end
    division.embeddings.astype("<f4").tofile(f"{stem}.{model}.windows.f32")
    division.labels.astype("u1").tofile(f"{stem}.{model}.labels.u8")
    division.whose.astype("u1").tofile(f"{stem}.{model}.whose.u8")
    times_of_speech(heard.recording.waveform, front_end).astype("<f4").tofile(
        f"{stem}.{model}.times.f32"
    )
    attention = system.attention(heard.voices[0].log_mel)
    (np.zeros(0) if attention is None else attention).astype("<f4").tofile(
        f"{stem}.{model}.attention.f32"
    )
    embeddings = np.stack([voice.embedding for voice in heard.voices])
    embeddings.astype("<f4").tofile(f"{stem}.{model}.embeddings.f32")
    return {
        "cosine": division.cosine,
        "shares": [voice.share for voice in heard.voices],
        "woman_probabilities": [voice.woman_probability for voice in heard.voices],
    }


def _stretches(out: Path, speech: np.ndarray) -> dict[str, Any]:
    """Stretches of speech, of which three are clear and the others noisy, clipped or silent."""
    random = np.random.default_rng(0)
    clear = np.resize(speech, STRETCH_S * RATE_HZ).astype(float)
    noise = random.normal(0, 500, clear.shape)
    silence = np.zeros(clear.shape)
    loud = 12 * clear
    kinds = [loud, clear, clear + noise, silence, clear / 2, noise, 0.8 * clear, noise[:9999]]
    waveform = np.clip(np.concatenate(kinds), -32768, 32767).astype(np.int16)
    waveform.astype("<i2").tofile(out / "stretches.pcm")
    kept = BestStretches(RATE_HZ, N_STRETCHES * STRETCH_S * RATE_HZ)
    kept.add(waveform)
    return {"longest_s": N_STRETCHES * STRETCH_S, "spans_s": kept.finish()[1]}


def _with_voice_noise(folder: Path) -> Path:
    """The shipped model, with noise that follows from the voice by a random map."""
    shutil.copytree(bundled_models()[DEFAULT_MODEL], folder)
    description = read_description(folder)
    vectors = np.random.default_rng(0).standard_normal((4, description.embedding_dim))
    woman, man, *directions = (tuple(vector.tolist()) for vector in vectors / 4)
    voice_noise = VoiceNoise(woman, man, (directions[0], directions[1]))
    changed = dataclasses.replace(description, voice_noise=voice_noise)
    (folder / "model.json").write_text(changed.to_json())
    return folder


def _write(
    system: VoiceToFace, voice: Voice, following: Voice, stem: Path, model: str
) -> dict[str, Any]:
    voice.embedding.astype("<f4").tofile(f"{stem}.{model}.embedding.f32")
    faces = system.imagine(voice.log_mel, SAMPLES, SEED, TRUNCATION)
    faces.tofile(f"{stem}.{model}.faces.u8")
    morph = system.morph(voice, following, MORPH_STEPS, 1, SEED, TRUNCATION).faces[0]
    morph.tofile(f"{stem}.{model}.morph.u8")
    return {
        "woman_probability": voice.woman_probability,
        "speech_probability": system.hear(voice.log_mel, stem.name, force=True),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(argument) for argument in sys.argv[2:]])
