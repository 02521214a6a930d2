"""What the server of the browser app gives out, and what it does not."""

from __future__ import annotations

import gzip

import pytest

from voice2face import web_files
from voice2face.cli import main
from voice2face.errors import BundleError, ConfigError
from voice2face.runtime.description import DEFAULT_MODEL, bundled_models
from voice2face.web_files import HEADERS, WebFiles

MODEL = bundled_models()[DEFAULT_MODEL]


@pytest.fixture
def app(tmp_path):
    folder = tmp_path / "app"
    (folder / "model").mkdir(parents=True)
    (folder / "index.html").write_text("<p>page")
    (folder / "model" / "model.json").write_text("of a static host")
    (folder / "app.js").write_bytes(b"plain")
    (folder / "app.js.br").write_bytes(b"brotli")
    (folder / "app.js.gz").write_bytes(gzip.compress(b"plain", mtime=0))
    (folder / "only.wasm.gz").write_bytes(gzip.compress(b"engine", mtime=0))
    (tmp_path / "secret.txt").write_text("secret")
    return folder


@pytest.mark.parametrize(
    ("accepted", "encoding", "content"),
    [
        ("gzip, deflate, br;q=1.0", "br", b"brotli"),
        ("gzip", "gzip", gzip.compress(b"plain", mtime=0)),
        ("", None, b"plain"),
    ],
)
def test_a_file_comes_compressed_as_the_browser_accepts_it(app, accepted, encoding, content):
    file = WebFiles(MODEL, app).get("/app.js", accepted)
    assert file is not None
    assert file.encoding == encoding
    if encoding == "gzip":
        assert gzip.decompress(file.content) == b"plain"
    else:
        assert file.content == content
    assert file.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert file.headers["Content-Length"] == str(len(file.content))
    assert file.headers.get("Content-Encoding") == encoding
    assert HEADERS.items() <= file.headers.items()


def test_a_browser_without_compression_gets_what_is_there_compressed_only(app):
    file = WebFiles(MODEL, app).get("/only.wasm")
    assert file is not None
    assert (file.content, file.media_type, file.encoding) == (b"engine", "application/wasm", None)


def test_the_model_is_the_one_asked_for_not_one_that_lies_with_the_app(app):
    files = WebFiles(MODEL, app)
    for name in (
        "model.json",
        "generator.onnx",
        "voice_encoder.onnx",
        "speech_detector.onnx",
        "artifact_critic.onnx",
    ):
        file = files.get(f"/model/{name}?sha256=0")
        assert file is not None
        assert file.content == (MODEL / name).read_bytes()
        assert file.encoding is None
        small = files.get(f"/model/{name}?sha256=0", "br, gzip;q=1.0")
        assert small is not None
        assert (small.encoding, gzip.decompress(small.content)) == ("gzip", file.content)
        assert len(small.content) < 0.95 * len(file.content)


@pytest.mark.parametrize(
    "address",
    ["/../secret.txt", "/%2e%2e/secret.txt", "//secret.txt", "/model/../app.js", "/x", "/."],
)
def test_nothing_else_is_given_out(app, address):
    assert WebFiles(MODEL, app).get(address) is None


def test_the_page_is_at_the_root(app):
    file = WebFiles(MODEL, app).get("/")
    assert file is not None
    assert file.content == b"<p>page"
    assert file.media_type.startswith("text/html")


def test_what_is_missing_is_told(app, tmp_path, monkeypatch, capsys):
    with pytest.raises(BundleError, match="is not a model bundle"):
        WebFiles(tmp_path, app)
    monkeypatch.setattr(web_files, "find_app", lambda: None)
    with pytest.raises(ConfigError, match="npm run build"):
        WebFiles(MODEL)
    assert main(["web"]) == 1
    assert "npm run build" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http", ""])
def test_a_port_out_of_range_is_refused(port, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["web", "--port", port])
    assert ended.value.code == 2
    assert "0 to 65535" in capsys.readouterr().err
