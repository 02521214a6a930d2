"""What a worker process does with a request: recordings and options in, the answer's bytes out."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from voice2face.images.sheet import CAPTION
from voice2face.runtime.imagined import Origin
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.runtime.speech import Speech
from voice2face.runtime.verify import verify

PNG, JPEG, WEBP, GIF = "image/png", "image/jpeg", "image/webp", "image/gif"
JSON = "application/json"
_SUFFIXES = {PNG: ".png", JPEG: ".jpg", WEBP: ".webp", GIF: ".gif"}


@dataclass(frozen=True)
class Task:
    """What to make of the recordings of a request.

    Attributes:
        model: Name of a loaded model.
        media_type: What the answer is to be: `JSON`, or a picture's.
        reading: Options of `VoiceToFace.read`; of a morph, of `VoiceToFace.listen`.
        sampling: Options of the faces: samples, seed, truncation, and steps of a morph.
        native: Whether a picture has the model's own pixels, without a caption.
    """

    kind: Literal["faces", "embedding", "morph", "verify"]
    model: str
    media_type: str
    reading: dict[str, Any] = field(default_factory=dict[str, Any])
    sampling: dict[str, Any] = field(default_factory=dict[str, Any])
    native: bool = False


@dataclass(frozen=True)
class Answer:
    """The answer's bytes, and the time that each stage took."""

    media_type: str
    content: bytes
    timings_ms: dict[str, float]


def perform(models: dict[str, VoiceToFace], task: Task, recordings: list[bytes]) -> Answer:
    """Answer a request.

    Raises:
        DataError: A picture cannot be read.
        RecordingError: A recording cannot be used.
        ConfigError: An option is out of range.
        BundleError: The model fails.
    """
    if task.kind == "verify":
        return Answer(JSON, json.dumps(verify(recordings[0]).to_json()).encode(), {})
    model = models[task.model]
    if task.kind == "morph":
        return _morph(model, task, recordings)
    speech = model.read(recordings[0], **task.reading)
    told = {"model": task.model, **_voice(speech)}
    if task.kind == "embedding":
        return Answer(JSON, json.dumps(told).encode(), speech.timings_ms)
    faces = model.generate(speech, **task.sampling)
    if task.media_type != JSON:
        content = faces.encode(_SUFFIXES[task.media_type], task.native)
    else:
        told |= task.sampling | {"faces": [_base64(face, faces.origin) for face in faces.faces]}
        content = json.dumps(told | {"notice": CAPTION}).encode()
    return Answer(task.media_type, content, faces.timings_ms)


def _morph(model: VoiceToFace, task: Task, recordings: list[bytes]) -> Answer:
    first, last = (model.listen(recording, **task.reading) for recording in recordings)
    faces = model.morph(first, last, **task.sampling)
    if task.media_type == JSON:
        told = {
            "model": task.model,
            **task.sampling,
            "faces": [[_base64(face, faces.origin) for face in way] for way in faces.faces],
            "embeddings": [_rounded(embedding) for embedding in faces.embeddings],
            "notice": CAPTION,
        }
        return Answer(JSON, json.dumps(told).encode(), {})
    return Answer(task.media_type, faces.encode(_SUFFIXES[task.media_type]), {})


def _voice(speech: Speech) -> dict[str, Any]:
    features, main = speech.features, speech.voices[0]
    return {
        "embedding": _rounded(main.embedding),
        "woman_probability": main.woman_probability,
        "speech_probability": speech.probability,
        "duration_s": round(features.duration_s, 3),
        "speech_s": round(features.speech_s, 3),
        "speech_share": round(features.speech_s / features.duration_s, 4),
        "two_voices": speech.two_voices,
        "voices": [
            {
                "share": round(one.share, 4),
                "embedding": _rounded(one.embedding),
                "woman_probability": one.woman_probability,
            }
            for one in speech.voices
        ],
        "notes": list(features.notes),
    }


def _rounded(embedding: NDArray[np.float32]) -> list[float]:
    return [round(float(value), 6) for value in embedding]


def _base64(face: NDArray[np.uint8], origin: Origin) -> str:
    return base64.b64encode(origin.face_png(face)).decode()
