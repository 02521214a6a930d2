"""A server that speaks as much of the Hub's protocol as publishing and downloading a model need.

What it answers follows from the requests of huggingface_hub 2.4 and the specification of Git LFS's
batch interface. Uploads go by LFS; the newer Xet transport is not spoken.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_of_a_test"
_CUT_AT = 1_000_000


class Hub:
    """Repositories as commits: each maps paths to bytes; "main" names the newest."""

    def __init__(self) -> None:
        self.commits: dict[str, dict[str, dict[str, bytes]]] = {}
        self.branches: dict[str, str] = {}
        self.uploaded: dict[str, bytes] = {}
        self.requests: list[str] = []
        # Of a repository: how many answers are cut off after a megabyte.
        self.cuts: dict[str, int] = {}
        self.address = ""

    def commit(self, repository: str, changes: dict[str, bytes]) -> str:
        files = {**self.files(repository), **changes}
        digest = hashlib.sha1(repr(sorted(files.items())).encode()).hexdigest()
        self.commits[repository][digest] = files
        self.branches[repository] = digest
        return digest

    def files(self, repository: str) -> dict[str, bytes]:
        return self.commits[repository].get(self.branches.get(repository, ""), {})

    def find(self, repository: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        commits = self.commits.get(repository, {})
        digest = self.branches.get(repository, "") if revision == "main" else revision
        return (digest, commits[digest]) if digest in commits else None


@contextmanager
def serving() -> Iterator[Hub]:
    hub = Hub()

    class Handler(_Handler):
        pass

    Handler.hub = hub
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        hub.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield hub
        finally:
            server.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def _answer(self, status: int, content: Any = b"", **headers: str) -> None:
        if not isinstance(content, bytes):
            content = json.dumps(content).encode()
            headers["Content-Type"] = "application/json"
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _parts(self) -> list[str]:
        self.hub.requests.append(f"{self.command} {self.path}")
        return unquote(urlsplit(self.path).path).strip("/").split("/")

    def _refused(self) -> bool:
        if self.headers.get("Authorization") == f"Bearer {TOKEN}":
            return False
        self._answer(401, {"error": "log in"})
        return True

    def do_POST(self) -> None:
        parts, body = self._parts(), self._body()
        if self._refused():
            return
        match parts:
            case ["api", "repos", "create"]:
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}"
                known = name in self.hub.commits
                self.hub.commits.setdefault(name, {})
                address = {"url": f"{self.hub.address}/{name}"}
                self._answer(409 if known else 200, address)
            case ["api", "validate-yaml"]:
                self._answer(200, {"errors": [], "warnings": []})
            case ["api", "models", _, _, "preupload", "main"]:
                modes = [
                    {"path": path, "uploadMode": "lfs" if path.endswith(".onnx") else "regular",
                     "shouldIgnore": False}
                    for path in (file["path"] for file in json.loads(body)["files"])
                ]  # fmt: skip
                self._answer(200, {"files": modes})
            case [_, _, "info", "lfs", "objects", "batch"]:
                wanted = json.loads(body)["objects"]
                told = [
                    {**one, "actions": {"upload": {"href": f"{self.hub.address}/put/{one['oid']}"}}}
                    for one in wanted
                ]
                self._answer(200, {"transfer": "basic", "objects": told})
            case ["api", "models", owner, name, "commit", "main"]:
                digest = self._commit(f"{owner}/{name}", body)
                address = f"{self.hub.address}/{owner}/{name}/commit/{digest}"
                self._answer(200, {"success": True, "commitOid": digest, "commitUrl": address})
            case _:
                self._answer(404)

    def _commit(self, repository: str, body: bytes) -> str:
        changes: dict[str, bytes] = {}
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                changes[value["path"]] = self.hub.uploaded[value["oid"]]
        return self.hub.commit(repository, changes)

    def do_PUT(self) -> None:
        match self._parts():
            case ["put", oid]:
                content = self._body()
                assert hashlib.sha256(content).hexdigest() == oid
                self.hub.uploaded[oid] = content
                self._answer(200)
            case _:
                self._answer(404)

    def do_GET(self) -> None:
        parts = self._parts()
        match parts:
            case ["api", "models", owner, name, *revision]:
                repository = f"{owner}/{name}"
                kind, asked = revision or ["revision", "main"]
                found = self.hub.find(repository, asked)
                if repository not in self.hub.commits:
                    self._answer(404, X_Error_Code="RepoNotFound")
                elif found is None:
                    self._answer(404, X_Error_Code="RevisionNotFound")
                elif kind == "revision":
                    siblings = [
                        {"rfilename": path, "size": len(content)}
                        for path, content in found[1].items()
                    ]
                    about = {"id": repository, "sha": found[0], "siblings": siblings}
                    self._answer(200, about, X_Repo_Commit=found[0])
                else:
                    self._answer(200, [_entry(*file) for file in found[1].items()])
            case [owner, name, "resolve", asked, path]:
                found = self.hub.find(f"{owner}/{name}", asked)
                assert found is not None
                cut = self.hub.cuts.get(f"{owner}/{name}", 0) > 0 and self.command == "GET"
                cut = cut and len(found[1][path]) > _CUT_AT
                self.hub.cuts[f"{owner}/{name}"] = self.hub.cuts.get(f"{owner}/{name}", 0) - cut
                self._give(found[0], path, found[1][path], cut)
            case _:
                self._answer(404)

    do_HEAD = do_GET  # noqa: N815

    def _give(self, digest: str, path: str, content: bytes, cut: bool) -> None:
        headers = {"ETag": f'"{_oid(path, content)}"', "X_Repo_Commit": digest}
        start = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").partition("-")[0]
        if int(start):
            headers["Content_Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        content = content[int(start) :]
        if not cut:
            self._answer(206 if int(start) else 200, content, **headers)
            return
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:_CUT_AT])
        self.close_connection = True


def _oid(path: str, content: bytes) -> str:
    blob = b"blob %d\0" % len(content) + content
    return (hashlib.sha256(content) if path.endswith(".onnx") else hashlib.sha1(blob)).hexdigest()


def _entry(path: str, content: bytes) -> dict[str, Any]:
    about = {"type": "file", "path": path, "size": len(content), "oid": _oid(path, content)}
    if path.endswith(".onnx"):
        about["lfs"] = {"oid": _oid(path, content), "size": len(content), "pointerSize": 130}
    return about
