"""What an operator sees: metrics and a log line a request, never of what a recording holds."""

from __future__ import annotations

import json
import logging
import sys
import time
import traceback
import uuid
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("voice2face.service")
_BUCKETS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Counts for Prometheus."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        where: dict[str, Any] = {"registry": self._registry}
        self.requests = Counter(
            "voice2face_requests", "Requests answered.", ("route", "status"), **where
        )
        self.seconds = Histogram(
            "voice2face_request_seconds",
            "Time of a request.",
            ("route",),
            buckets=_BUCKETS,
            **where,
        )
        self.stages = Counter(
            "voice2face_stage_seconds", "Time spent in a stage of inference.", ("stage",), **where
        )
        self.received = Counter("voice2face_received_bytes", "Bytes of recordings read.", **where)
        self.restarts = Counter(
            "voice2face_worker_restarts", "Worker processes replaced.", ("reason",), **where
        )
        self.waiting = Gauge("voice2face_requests_waiting", "Requests in the queue.", **where)
        self.buffered = Gauge("voice2face_buffered_bytes", "Bytes of requests held.", **where)
        self.workers = Gauge("voice2face_workers", "Worker processes that run.", **where)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """Write all as Prometheus reads it."""
        return generate_latest(self._registry)


class Observer:
    """Middleware that counts and logs each request, and gives it an identifier.

    The log has the route as it is defined, never the address that was sent, and no client.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; the service has no other kind of connection."""
        began_s, request_id = time.perf_counter(), uuid.uuid4().hex
        told: dict[str, Any] = {"status": 500, "sent_bytes": 0}

        async def observed(message: Message) -> None:
            if message["type"] == "http.response.start":
                told["status"] = message["status"]
                headers = [*message["headers"], (b"x-request-id", request_id.encode())]
                headers.append((b"x-content-type-options", b"nosniff"))
                if scope["app"].state.draining:
                    headers = [pair for pair in headers if pair[0].lower() != b"connection"]
                    headers.append((b"connection", b"close"))
                message = {**message, "headers": headers}
            else:
                told["sent_bytes"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, observed)
        finally:
            seconds = time.perf_counter() - began_s
            route = getattr(scope.get("route"), "path", None) or "other"
            self._metrics.requests.labels(route, told["status"]).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            told |= scope.get("state", {}).get("told", {})
            if cause := scope.get("state", {}).get("cause"):
                told["cause"] = cause
            told["duration_ms"] = round(1000 * seconds, 1)
            level = logging.ERROR if told["status"] in (500, 504) else logging.INFO
            about = {"id": request_id, "method": scope["method"], "route": route, **told}
            _LOG.log(level, "request", extra={"told": about})


class _JsonLines(logging.Formatter):
    """A JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
            **getattr(record, "told", {}),
        }
        if record.exc_info and record.exc_info[1] is not None:
            # Without the message, which may tell of a recording.
            error = record.exc_info[1]
            line["error"] = type(error).__name__
            line["places"] = [
                f"{one.name}, line {one.lineno}"
                for one in traceback.extract_tb(error.__traceback__)
            ]
        return json.dumps(line)


def configure_logging() -> None:
    """Send the log of the service and of its server to standard error, as JSON lines.

    That of other libraries is dropped: the one that reads forms tells of their content.
    """
    logging.getLogger().addHandler(logging.NullHandler())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines())
    for name in ("voice2face.service", "uvicorn", "asyncio"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO)
