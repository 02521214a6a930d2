"""The application: what each address does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from voice2face import __version__
from voice2face.errors import unknown_name
from voice2face.images.sheet import CAPTION
from voice2face.runtime.description import ModelDescription, read_description
from voice2face.service import problems
from voice2face.service.body import BodyReader
from voice2face.service.inference import GIF, JPEG, JSON, PNG, WEBP, Answer, Task
from voice2face.service.observe import Metrics, Observer
from voice2face.service.problems import ProblemError
from voice2face.service.schemas import (
    Embedding,
    EmbeddingParameters,
    Faces,
    FacesParameters,
    Health,
    Model,
    Models,
    Morph,
    MorphParameters,
    Verified,
    answers,
    openapi,
    problem_answer,
    request_body,
)
from voice2face.service.settings import ServiceSettings, find_models
from voice2face.service.workers import Workers
from voice2face.web_files import WebFiles, find_app

# Pictures that an endpoint gives; the first is the default.
_FACES, _MORPH = (PNG, JPEG, WEBP, GIF), (PNG, GIF, JPEG, WEBP)
_CLIENT_GONE = 499  # not sent to anybody; in log and metrics


class _Service:
    """What all requests share."""

    def __init__(self, settings: ServiceSettings) -> None:
        self.folders = folders = find_models(settings)
        self.models = {name: read_description(folder) for name, folder in folders.items()}
        self.metrics = Metrics()
        self.body = BodyReader(settings)
        self.workers = Workers(
            folders,
            settings.n_workers,
            settings.queue,
            settings.work_limit_s,
            lambda reason: self.metrics.restarts.labels(reason).inc(),
        )
        self.metrics.waiting.set_function(lambda: self.workers.n_waiting)
        self.metrics.workers.set_function(lambda: self.workers.n_alive)
        self.metrics.buffered.set_function(lambda: self.body.n_buffered)

    async def answer(self, request: Request, task: Task, *fields: str) -> Response:
        """Read the recordings of a request, and answer it."""
        self.workers.refuse_if_full()
        async with self.body.read(request, *fields) as recordings:
            n_bytes = sum(map(len, recordings))
            self.metrics.received.inc(n_bytes)
            told = {"model": task.model, "received_bytes": n_bytes, **task.sampling}
            request.state.told = told
            answer = await _unless_gone(request, self.workers.run(task, recordings))
        told["timings_ms"] = answer.timings_ms
        for stage, duration_ms in answer.timings_ms.items():
            self.metrics.stages.labels(stage).inc(duration_ms / 1000)
        laps = ", ".join(f"{stage};dur={ms}" for stage, ms in answer.timings_ms.items())
        headers = {"Cache-Control": "no-store"} | ({"Server-Timing": laps} if laps else {})
        return Response(answer.content, 200, headers, answer.media_type)

    def model(self, name: str) -> str:
        """Check the name of a model; an empty one is the default."""
        if name and name not in self.models:
            raise unknown_name("model", name[:100], self.models)
        return name or next(iter(self.models))


async def _unless_gone(request: Request, work: Any) -> Answer:
    """Wait for an answer; give it up if the client goes away."""
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(request.receive())  # after the body: only a disconnect
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        watching.cancel()


def _media_type(request: Request, pictures: tuple[str, ...]) -> str:
    """Choose between a picture and JSON, by Accept; a picture if both are accepted."""
    accepted = {
        one.partition(";")[0].strip().lower()
        for one in request.headers.get("accept", "*/*").split(",")
    }
    for media_type in (*pictures, JSON):
        if media_type in accepted:
            return media_type
    if accepted & {"*/*", "image/*", ""}:
        return pictures[0]
    if "application/*" in accepted:
        return JSON
    offered = ", ".join((*pictures, JSON))
    raise ProblemError(406, "not-acceptable", f"Accept names none of {offered}", closes=True)


@contextmanager
def running_app(settings: ServiceSettings) -> Iterator[FastAPI]:
    """Start the worker processes, make the application, and end the processes afterwards.

    Raises:
        ConfigError, BundleError: A model cannot be found or loaded.
    """
    service = _Service(settings)
    app = FastAPI(
        title="voice2face",
        summary="Generates plausible faces from a voice recording.",
        description=CAPTION,
        version=__version__,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        docs_url=None,  # both would load scripts from other hosts
        redoc_url=None,
    )
    app.openapi = cache(partial(openapi, app))
    app.state.draining = False
    problems.add_handlers(app)
    app.add_exception_handler(ClientDisconnect, lambda *_: Response(status_code=_CLIENT_GONE))
    app.add_middleware(partial(Observer, metrics=service.metrics))  # pyright: ignore[reportArgumentType]
    _add_recordings(app, service)
    _add_state(app, service)
    _add_browser_app(app, next(iter(service.folders.values())))
    try:
        service.workers.start()
        yield app
    finally:
        service.workers.stop()


def _add_recordings(app: FastAPI, service: _Service) -> None:
    """Add the endpoints that read recordings."""

    @app.post(
        "/v1/faces",
        summary="Generate faces for a recording",
        responses=answers(Faces, *_FACES),
        openapi_extra=request_body("recording"),
    )
    async def faces(request: Request, given: Annotated[FacesParameters, Query()]) -> Response:
        media_type = _media_type(request, _FACES)
        task = Task(
            "faces",
            service.model(given.model),
            media_type,
            given.reading(),
            given.sampling(),
            given.native,
        )
        return await service.answer(request, task, "recording")

    @app.post(
        "/v1/embedding",
        summary="Compute the speaker embedding of a recording",
        responses=answers(Embedding),
        openapi_extra=request_body("recording"),
    )
    async def embedding(
        request: Request, given: Annotated[EmbeddingParameters, Query()]
    ) -> Response:
        task = Task("embedding", service.model(given.model), JSON, given.reading())
        return await service.answer(request, task, "recording")

    @app.post(
        "/v1/verify",
        summary="Tell whether a picture was made by this program",
        responses=answers(Verified),
        openapi_extra=request_body("picture"),
    )
    async def verify(request: Request) -> Response:
        return await service.answer(request, Task("verify", service.model(""), JSON), "picture")

    @app.post(
        "/v1/morph",
        summary="Generate faces along the path from one voice to another",
        responses=answers(Morph, *_MORPH),
        openapi_extra=request_body("first", "last"),
    )
    async def morph(request: Request, given: Annotated[MorphParameters, Query()]) -> Response:
        media_type = _media_type(request, _MORPH)
        model = service.model(given.model)
        task = Task("morph", model, media_type, given.reading(), given.sampling())
        return await service.answer(request, task, "first", "last")


def _add_state(app: FastAPI, service: _Service) -> None:
    """Add the endpoints that tell about the service."""

    @app.get("/v1/models", summary="List the models")
    async def models() -> Models:
        described = enumerate(service.models.items())
        return Models(models=[_model(name, one, not n) for n, (name, one) in described])

    @app.get("/healthz", summary="Whether the process answers")
    async def healthz() -> Health:
        return Health(status="ok")

    @app.get(
        "/readyz",
        summary="Whether requests should be sent here",
        response_model=Health,
        responses={503: problem_answer("No.")},
    )
    async def readyz() -> Any:
        if app.state.draining:
            return problems.response(503, "stopping", "the service is being stopped")
        if not service.workers.n_alive:
            return problems.response(503, "no-workers", "no worker process runs")
        return Health(status="ok")

    @app.get("/metrics", summary="Metrics for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE_LATEST)


def _model(name: str, about: ModelDescription, default: bool) -> Model:
    return Model(
        name=name,
        default=default,
        embedding_dim=about.embedding_dim,
        image_size_px=about.image_size_px,
        noise_dim=about.noise_dim,
        predicts_gender=about.gender is not None,
        detects_speech=about.speech is not None,
        card=about.card,
    )


def _add_browser_app(app: FastAPI, model: Path) -> None:
    """Serve the browser app with a model, if the app is there."""
    folder = find_app()
    if folder is None:
        return
    files = WebFiles(model, folder)

    def file(request: Request) -> Response:
        found = files.get(request.url.path, request.headers.get("Accept-Encoding", ""))
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return Response(found.content, headers=found.headers)

    for name in ("", *sorted(files.names)):
        app.add_route(f"/{name}", file, include_in_schema=False)
