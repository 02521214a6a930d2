"""The files of the browser app: where they are, and how a server hands them out."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from voice2face.errors import ConfigError
from voice2face.runtime.bundle_file import DESCRIPTION_FILE, read_file
from voice2face.runtime.description import read_description

_PACKAGE = Path(__file__).resolve().parent
_MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".flac": "audio/flac",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
# Compressed copies, the best first: name of the encoding, and suffix.
_ENCODINGS = {"br": ".br", "gzip": ".gz"}

# The policy is that of index.html, and binds the other files as well.
HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class WebFile:
    """What a server answers with, beside `HEADERS`."""

    content: bytes
    media_type: str
    encoding: str | None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the answer."""
        own = {"Content-Type": self.media_type, "Content-Length": str(len(self.content))}
        encoding = {"Content-Encoding": self.encoding} if self.encoding else {}
        return {**own, **encoding, **HEADERS}


class WebFiles:
    """The app, and a model below `model/`.

    Args:
        model: A bundle: a folder or a zip.
        app: Folder of the app, as `web/build.js` makes it; None finds it.

    Raises:
        BundleError: The bundle is damaged.
        ConfigError: The app is not there.
    """

    def __init__(self, model: Path, app: Path | None = None) -> None:
        app = app or find_app()
        if app is None:
            raise ConfigError(
                "the browser app is not part of this installation; in the project's folder, run "
                "(cd web && npm ci && npm run build), and install again"
            )
        # Only these are ever given out, whatever is asked for.
        self._paths = {
            path.relative_to(app).as_posix(): path for path in app.rglob("*") if path.is_file()
        }
        self._paths = {
            name: path for name, path in self._paths.items() if not name.startswith("model/")
        }
        self._model = model
        self._of_model = {
            f"model/{name}" for name in (DESCRIPTION_FILE, *read_description(model).files)
        }

    @property
    def names(self) -> set[str]:
        """Paths of the files, without those of compressed copies."""
        of_app = {name.removesuffix(".br").removesuffix(".gz") for name in self._paths}
        return of_app | self._of_model

    def get(self, address: str, accept_encoding: str = "") -> WebFile | None:
        """Find what a request asks for.

        Args:
            address: Path of the request, with its query.

        Returns:
            The file, compressed as the client accepts it; None where there is none.

        Raises:
            BundleError, OSError: It cannot be read.
        """
        name = unquote(address.partition("?")[0]).lstrip("/") or "index.html"
        media_type = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
        accepted = {one.split(";")[0].strip() for one in accept_encoding.lower().split(",")}
        if name in self._of_model:
            content = read_file(self._model, name.removeprefix("model/"))
            if "gzip" in accepted:
                # A higher level takes longer, and saves nothing of weights.
                return WebFile(gzip.compress(content, 1, mtime=0), media_type, "gzip")
            return WebFile(content, media_type, None)
        for encoding, suffix in _ENCODINGS.items():
            if encoding in accepted and (path := self._paths.get(name + suffix)):
                return WebFile(path.read_bytes(), media_type, encoding)
        if path := self._paths.get(name):
            return WebFile(path.read_bytes(), media_type, None)
        if path := self._paths.get(name + _ENCODINGS["gzip"]):
            return WebFile(gzip.decompress(path.read_bytes()), media_type, None)
        return None


def find_app() -> Path | None:
    """Find the folder of the app: in the installed package, or built in the checkout."""
    for folder in (_PACKAGE / "web_app", _PACKAGE.parents[1] / "web" / "build"):
        if (folder / "index.html").is_file():
            return folder
    return None
