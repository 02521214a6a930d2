"""Reading the recordings of a request: in memory only, and within bounds of bytes and time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from voice2face.service.problems import ProblemError
from voice2face.service.settings import ServiceSettings
from voice2face.service.workers import BusyError

_MIB = 1 << 20
_RAW_TYPES = ("audio/", "video/", "application/octet-stream")
_RAW_PICTURES = ("image/", "application/octet-stream")
_FORM_TYPE = "multipart/form-data"


class _Form(MultiPartParser):
    """A parser of forms that never writes to disk; `_limited` bounds what it is given."""

    spool_max_size = 1 << 40


class BodyReader:
    """Reads requests, and counts the bytes that all of them hold."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._most = settings.max_body_mib * _MIB
        self._most_buffered = settings.max_buffered_mib * _MIB
        self._limit_s = settings.read_limit_s
        self.n_buffered = 0

    @contextlib.asynccontextmanager
    async def read(self, request: Request, *fields: str) -> AsyncIterator[list[bytes]]:
        """Read the recordings of a request.

        Args:
            fields: Names of the form's files. A single one may also be the body itself.

        Yields:
            The recordings, one a field, whose bytes count as held until the end of the block.

        Raises:
            ProblemError: The request is too large, too slow, of another type or no such form.
            BusyError: All requests together hold too much.
        """
        held = _Held(self)
        try:
            reading = self._read(request, fields, held)
            recordings = await asyncio.wait_for(reading, self._limit_s)
            for name, content in zip(fields, recordings, strict=True):
                if not content:
                    kind = "picture" if name == "picture" else "recording"
                    detail = f"{name}: is empty; send a {kind}"
                    raise ProblemError(422, f"unusable-{kind}", detail)
            yield recordings
        except asyncio.TimeoutError:
            detail = f"the request took longer than {self._limit_s:g} s to arrive"
            raise ProblemError(408, "request-timeout", detail, closes=True) from None
        finally:
            held.release()

    async def _read(self, request: Request, fields: tuple[str, ...], held: _Held) -> list[bytes]:
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        stream = self._limited(request, held)
        if media_type == _FORM_TYPE:
            return await self._read_form(request, fields, stream)
        raw = _RAW_PICTURES if fields == ("picture",) else _RAW_TYPES
        if len(fields) == 1 and (not media_type or media_type.startswith(raw)):
            return [b"".join([chunk async for chunk in stream])]
        accepted = f"{_FORM_TYPE} with the files {' and '.join(fields)}"
        if len(fields) == 1:
            kinds = "/*, ".join(kind.rstrip("/") for kind in raw[:-1])
            accepted = f"a body of {kinds}/* or {raw[-1]}, or {accepted}"
        detail = f"Content-Type is {media_type[:100] or 'missing'}; send {accepted}"
        raise ProblemError(415, "unsupported-media-type", detail, closes=True)

    async def _read_form(
        self, request: Request, fields: tuple[str, ...], stream: AsyncGenerator[bytes, None]
    ) -> list[bytes]:
        detail = f"send a form with {len(fields)} file{'s' * (len(fields) > 1)}, "
        detail += f"called {' and '.join(fields)}, and parameters in the address"
        parser = _Form(request.headers, stream, max_files=len(fields), max_fields=0)
        try:
            form = await parser.parse()
        except (MultiPartException, ValueError, LookupError):
            raise ProblemError(
                400, "invalid-form", f"cannot be read; {detail}", closes=True
            ) from None
        try:
            files = [file for name in fields if isinstance(file := form.get(name), UploadFile)]
            if len(files) < len(fields):
                raise ProblemError(400, "invalid-form", f"a file is missing; {detail}")
            return [await file.read() for file in files]
        finally:
            await form.close()

    async def _limited(self, request: Request, held: _Held) -> AsyncGenerator[bytes, None]:
        """Yield the body, up to the limit."""
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > self._most:
            raise self._too_large()
        n_bytes = 0
        async for chunk in request.stream():
            n_bytes += len(chunk)
            if n_bytes > self._most:
                raise self._too_large()
            if self.n_buffered + len(chunk) > self._most_buffered:
                raise BusyError(1)
            held.add(len(chunk))
            yield chunk

    def _too_large(self) -> ProblemError:
        detail = f"the request has more than {self._most // _MIB} MiB; send a shorter recording"
        return ProblemError(413, "content-too-large", detail, closes=True)


class _Held:
    """Bytes that one request holds."""

    def __init__(self, reader: BodyReader) -> None:
        self._reader, self._n_bytes = reader, 0

    def add(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        self._reader.n_buffered += n_bytes

    def release(self) -> None:
        self._reader.n_buffered -= self._n_bytes
        self._n_bytes = 0
