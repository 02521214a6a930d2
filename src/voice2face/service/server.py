"""Running the application: one process that talks HTTP, stopped without losing an answer."""

from __future__ import annotations

import asyncio
import logging
import socket
from types import FrameType

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from voice2face.errors import ConfigError
from voice2face.service.settings import ServiceSettings


class Server(uvicorn.Server):
    """A server that, asked to stop, first says so and goes on answering for a while."""

    def __init__(self, app: FastAPI, settings: ServiceSettings) -> None:
        read_limit_s = settings.read_limit_s

        class Protocol(_BoundedProtocol):
            limit_s = read_limit_s

        super().__init__(
            uvicorn.Config(
                app,
                settings.host,
                settings.port,
                http=Protocol,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=round(read_limit_s + 2 * settings.work_limit_s) + 1,
            )
        )
        self._app, self._drain_s = app, settings.drain_s

    def bind(self) -> socket.socket:
        """Listen on the address of the settings.

        Raises:
            ConfigError: It cannot be listened on.
        """
        host, port = self.config.host, self.config.port
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
            listening = socket.create_server((host, port), family=family)
            # Connections inherit it: else the end of a short answer waits for the client's
            # acknowledgement of its start, which a client may delay by 40 ms.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise ConfigError(
                f"{host}, port {port}: cannot be listened on ({error.strerror or error}); "
                "give another host or port"
            ) from None
        told = {"host": host, "port": listening.getsockname()[1]}
        logging.getLogger("voice2face.service").info("listening", extra={"told": told})
        return listening

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let load balancers and clients see that the service stops; then stop.

        Meanwhile /readyz says 503, and every answer ends its connection, so that no client sends
        another request on it at the moment at which it is closed.
        """
        self._app.state.draining = True
        if not self.force_exit:
            await asyncio.sleep(self._drain_s)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop gracefully at the first signal, at once at the second."""
        self.force_exit = self.should_exit
        self.should_exit = True


class _BoundedProtocol(H11Protocol):
    """HTTP/1.1 of which the head of a request, too, has to arrive in time."""

    limit_s: float

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._head_timer: asyncio.TimerHandle | None = None
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_watching()
        super().connection_lost(exc)

    def _watch_head(self) -> None:
        """Close the connection if the head of a request is not complete within the limit."""
        if self.conn.their_state is not h11.IDLE:
            self._stop_watching()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self.limit_s, self.timeout_keep_alive_handler)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None
