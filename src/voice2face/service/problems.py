"""Errors as HTTP tells them: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

import asyncio
import contextlib
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from voice2face.errors import (
    BundleError,
    ConfigError,
    DataError,
    NotSpeechError,
    RecordingError,
    Voice2FaceError,
    printable,
)
from voice2face.service.workers import BusyError, TooSlowError, WorkerDiedError

MEDIA_TYPE = "application/problem+json"
# How long, after an early answer, what a client still sends is read and dropped.
_LINGER_S = 2.0


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:problem-type:voice2face:not-speech",
                "title": "Not speech",
                "status": 422,
                "detail": "recording: this does not sound like a person speaking",
            }
        }
    )

    type: str
    title: str
    status: int
    detail: str


class ProblemError(Exception):
    """A request that is answered with a problem; `closes` ends the connection with it."""

    def __init__(self, status: int, kind: str, detail: str, closes: bool = False) -> None:
        super().__init__(detail)
        self.status, self.kind, self.detail, self.closes = status, kind, detail, closes


class _Kind(NamedTuple):
    status: int
    name: str


# The first that an error is an instance of.
_KINDS: dict[type[Exception], _Kind] = {
    NotSpeechError: _Kind(422, "not-speech"),
    RecordingError: _Kind(422, "unusable-recording"),
    ConfigError: _Kind(422, "invalid-parameter"),
    DataError: _Kind(422, "unusable-picture"),
    BundleError: _Kind(500, "model-failed"),
    Voice2FaceError: _Kind(500, "internal"),
    BusyError: _Kind(503, "busy"),
    TooSlowError: _Kind(504, "too-slow"),
    WorkerDiedError: _Kind(500, "worker-died"),
}
# Messages name options of the command line; a request has parameters in their place.
_PARAMETERS = {"--force": "force=true", "--first SECONDS": "first_s=SECONDS"}


def response(
    status: int, kind: str, detail: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Make the answer of a problem.

    Args:
        kind: Last part of its type; its words make the title.
        detail: What is wrong with this very request, in one line.
    """
    problem = Problem(
        type=f"urn:problem-type:voice2face:{kind}",
        title=kind.replace("-", " ").capitalize(),
        status=status,
        detail=printable(detail),
    )
    return JSONResponse(problem.model_dump(), status, headers, MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Let an application answer every error with a problem."""
    for kind in _KINDS:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(Exception, _unknown)


def _known(request: Request, error: Exception) -> Response:
    found = next(kind for known, kind in _KINDS.items() if isinstance(error, known))
    detail, headers = str(error), {}
    for option, parameter in _PARAMETERS.items():
        detail = detail.replace(option, parameter)
    if isinstance(error, BusyError):
        headers["Retry-After"] = str(error.retry_after_s)
    if found.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        request.state.cause = detail  # for the log
        detail = "the service could not answer this request"
    answer = response(found.status, found.name, detail, headers)
    return _closing(answer) if isinstance(error, BusyError) else answer


def _problem(request: Request, error: Any) -> Response:
    answer = response(error.status, error.kind, error.detail)
    return _closing(answer) if error.closes else answer


def _http(request: Request, error: Any) -> Response:
    phrase = HTTPStatus(error.status_code).phrase
    kind = phrase.lower().replace(" ", "-")
    headers = dict(error.headers or {})
    return response(error.status_code, kind, f"{phrase}: see /openapi.json", headers)


def _validation(request: Request, error: Any) -> Response:
    told = []
    for one in error.errors():
        place = ".".join(str(part) for part in one["loc"][1:]) or str(one["loc"][0])
        told.append(f"{place[:100]}: {one['msg']}")
    return response(422, "invalid-parameter", "; ".join(told[:10]))


def _unknown(request: Request, error: Exception) -> Response:
    return response(500, "internal", "the service could not answer this request")


def _closing(answer: JSONResponse) -> Response:
    answer.headers["Connection"] = "close"
    return _ClosingResponse(answer)


class _ClosingResponse(Response):
    """An answer to a request that is not read to its end; the connection is closed after it.

    Were it closed at once, the client's system might drop the answer. So the whole answer is sent,
    and only ends when the client has stopped sending, or after `_LINGER_S`.
    """

    def __init__(self, answer: JSONResponse) -> None:
        super().__init__(answer.body, answer.status_code)
        self.raw_headers = answer.raw_headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(_read_on(receive), _LINGER_S)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _read_on(receive: Receive) -> None:
    while (await receive()).get("more_body", False):
        pass
