"""Parameters and answers of the endpoints: what the OpenAPI document says of them."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, ConfigDict, Field

from voice2face.audio.decode import MAX_DURATION_S, MAX_READ_S
from voice2face.images.sheet import CAPTION
from voice2face.runtime.pipeline import MAX_SAMPLES, MAX_SPEAKERS, MAX_STEPS, MAX_TRUNCATION
from voice2face.service.problems import MEDIA_TYPE, Problem

# Whole numbers up to here are the same in JSON's and JavaScript's floating point.
_MAX_SEED = 2**53 - 1
_PIXELS = "iVBORw0KGgo..."
_VOICE = {
    "model": "projected-64",
    "embedding": [0.123456, -0.034567],
    "woman_probability": 0.9821,
    "speech_probability": 0.9987,
    "duration_s": 8.42,
    "speech_s": 5.82,
    "speech_share": 0.6912,
    "two_voices": False,
    "voices": [{"share": 1.0, "embedding": [0.123456, -0.034567], "woman_probability": 0.9821}],
    "notes": [],
}
_SAMPLED = {"seed": 0, "truncation": 1.0, "notice": CAPTION}
_READING = ("force", "first_s", "track", "speakers")
_SAMPLING = ("samples", "seed", "truncation", "steps")


class EmbeddingParameters(BaseModel):
    """Parameters of every endpoint that reads a recording."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field("", description="Name of a model; the first of /v1/models if left out.")
    force: bool = Field(False, description="Whether to accept what does not sound like speech.")
    first_s: float | None = Field(
        None,
        gt=0,
        le=MAX_READ_S,
        description="Use only the first so many seconds. Of a recording longer than "
        f"{MAX_DURATION_S:g} seconds, the stretches with the clearest speech are used.",
    )
    track: int | None = Field(None, ge=1, le=64, description="Number of the audio track, from 1.")

    def reading(self) -> dict[str, Any]:
        """Options of reading a recording."""
        return {name: getattr(self, name) for name in _READING if hasattr(self, name)}

    def sampling(self) -> dict[str, Any]:
        """Options of the faces."""
        return {name: getattr(self, name) for name in _SAMPLING if hasattr(self, name)}


class FacesParameters(EmbeddingParameters):
    """Parameters of /v1/faces."""

    samples: int = Field(4, ge=1, le=MAX_SAMPLES, description="Number of faces.", examples=[4])
    seed: int = Field(
        0, ge=0, le=_MAX_SEED, description="The same seed gives the same faces.", examples=[0]
    )
    truncation: float = Field(
        1.0,
        ge=0,
        le=MAX_TRUNCATION,
        description="Scale of the noise: lower is more typical and less varied.",
    )
    native: bool = Field(
        False, description="PNG: the model's own pixels side by side, without a caption."
    )
    speakers: int | None = Field(
        None,
        ge=1,
        le=MAX_SPEAKERS,
        description="Number of people who speak: `samples` faces are generated for each. If left "
        "out, for the one who speaks most.",
    )


class MorphParameters(EmbeddingParameters):
    """Parameters of /v1/morph."""

    steps: int = Field(9, ge=2, le=MAX_STEPS, description="Steps from the first voice to the last.")
    samples: int = Field(1, ge=1, le=8, description="Number of paths, each with its own noise.")
    seed: int = Field(0, ge=0, le=_MAX_SEED, description="The same seed gives the same faces.")
    truncation: float = Field(1.0, ge=0, le=MAX_TRUNCATION, description="Scale of the noise.")


class OneVoice(BaseModel):
    """One of the voices of a recording."""

    share: float = Field(ge=0, le=1, description="Of the recording's speech.")
    embedding: list[float] = Field(description="Speaker embedding, of unit length.")
    woman_probability: float | None = Field(ge=0, le=1)


class Embedding(BaseModel):
    """What a model takes from a voice."""

    model_config = ConfigDict(json_schema_extra={"example": _VOICE})

    model: str
    embedding: list[float] = Field(
        description="Speaker embedding of the voice that speaks most, of unit length."
    )
    woman_probability: float | None = Field(
        ge=0, le=1, description="Probability that a woman speaks; null: the model does not tell."
    )
    speech_probability: float | None = Field(
        ge=0, le=1, description="Probability that a person speaks; null: the model does not tell."
    )
    duration_s: float = Field(description="Length of the recording.")
    speech_s: float = Field(description="Length of the speech in it.")
    speech_share: float = Field(ge=0, le=1, description="speech_s / duration_s.")
    two_voices: bool | None = Field(
        description="Whether more than one voice is heard; null: the model does not tell, there "
        "is less than 10 s of speech, or `speakers` was given."
    )
    voices: list[OneVoice] = Field(description="The voices; the one that speaks most is first.")
    notes: list[str] = Field(description="What to know of how the recording was read.")


class Faces(Embedding):
    """Faces generated for one recording."""

    model_config = ConfigDict(
        json_schema_extra={"example": {**_VOICE, **_SAMPLED, "samples": 1, "faces": [_PIXELS]}}
    )

    samples: int
    seed: int
    truncation: float
    faces: list[str] = Field(
        description="Each face as a PNG in base64, at the model's own size; with `speakers`, "
        "`samples` of each voice, one voice's after another's."
    )
    notice: str = Field(description="To be shown with the faces.")


class Morph(BaseModel):
    """Faces on the path from one voice to another."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "model": "projected-64",
                **_SAMPLED,
                "steps": 2,
                "samples": 1,
                "faces": [[_PIXELS, _PIXELS]],
                "embeddings": [[0.123456, -0.034567], [-0.045678, 0.056789]],
            }
        }
    )

    model: str
    steps: int
    samples: int
    seed: int
    truncation: float
    faces: list[list[str]] = Field(description="For each sample, each step as a PNG in base64.")
    embeddings: list[list[float]] = Field(description="Speaker embeddings of the two recordings.")
    notice: str = Field(description="To be shown with the faces.")


class Model(BaseModel):
    """A model that is served."""

    name: str
    default: bool
    embedding_dim: int
    image_size_px: int
    noise_dim: int = Field(description="0: further faces come from stretches of the recording.")
    predicts_gender: bool
    detects_speech: bool
    card: dict[str, Any] = Field(description="Its data, licences, quality and limits.")


class MarkFound(BaseModel):
    """What was found of the imperceptible mark."""

    found: bool
    model: str | None = Field(description="The model that it tells; null: it tells none.")
    sheet_score: float = Field(description="Of the pattern of sheets.")
    face_score: float = Field(description="Of the pattern of small faces.")


class Verified(BaseModel):
    """What a picture says of where it came from."""

    picture: str
    verdict: str = Field(
        description="'made by this program', 'probably' or 'cannot tell': never that it is a "
        "photograph.",
        examples=["made by this program"],
    )
    mark: MarkFound
    metadata: dict[str, str] = Field(description="Anybody can write and remove them.")
    credentials: dict[str, str] | None = Field(description="Content Credentials (C2PA).")


class Models(BaseModel):
    """All models that are served."""

    models: list[Model]


class Health(BaseModel):
    """The service's state."""

    status: str = Field(examples=["ok"])


_WHAT = {
    400: "The form cannot be read.",
    406: "No such answer can be given; see Accept.",
    408: "The request took too long to arrive.",
    413: "The request is too large.",
    415: "The request is of another type.",
    422: "The recording cannot be used, or a parameter is out of range.",
    500: "The service failed.",
    503: "The service is busy; try again after Retry-After seconds.",
    504: "The recording took too long.",
}


def answers(kind: type[BaseModel], *pictures: str) -> dict[int | str, dict[str, Any]]:
    """Describe the answers of an endpoint that reads recordings.

    Args:
        kind: Its JSON.
        pictures: Media types beside JSON.
    """
    binary = {"schema": {"type": "string", "format": "binary"}}
    described: dict[int | str, dict[str, Any]] = {
        status: problem_answer(text) for status, text in _WHAT.items() if pictures or status != 406
    }
    described[503]["headers"] = {"Retry-After": {"schema": {"type": "integer"}}}
    content = dict.fromkeys(pictures, binary)
    return {200: {"model": kind, "description": "OK", "content": content}, **described}


def problem_answer(text: str) -> dict[str, Any]:
    """Describe an answer that is a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": text, "content": {MEDIA_TYPE: {"schema": schema}}}


def request_body(*fields: str) -> dict[str, Any]:
    """Describe a body with recordings: a form with files or, of a single one, the file itself."""
    file = {"type": "string", "format": "binary"}
    form = {
        "type": "object",
        "required": list(fields),
        "properties": dict.fromkeys(fields, file),
        "additionalProperties": False,
    }
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if len(fields) == 1:
        content |= {name: {"schema": file} for name in raw_types(fields[0])}
    return {"requestBody": {"required": True, "content": content}}


def raw_types(field: str) -> tuple[str, ...]:
    """Media types that a file may be sent as without a form."""
    kind = "image/*" if field == "picture" else "audio/*"
    return (kind, "application/octet-stream")


def openapi(app: FastAPI) -> dict[str, Any]:
    """Write the OpenAPI document of an application."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        license_info=app.license_info,
        routes=app.routes,
    )
    document["components"]["schemas"]["Problem"] = Problem.model_json_schema()
    return document
