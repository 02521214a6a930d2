"""Settings: where they come from, and what is refused before anything starts."""

from __future__ import annotations

import socket

import pytest

from voice2face.cli import main
from voice2face.errors import ConfigError
from voice2face.service.settings import ServiceSettings, find_models

FOUND = "VOICE2FACE_SERVE_"


def test_an_option_wins_over_the_environment_and_that_over_the_default():
    environment = {f"{FOUND}PORT": "81", f"{FOUND}DRAIN_S": "0.5", "PATH": "/"}
    settings = ServiceSettings.read({"port": "82", "host": None}, environment)
    assert (settings.port, settings.drain_s, settings.host) == (82, 0.5, "127.0.0.1")
    assert settings.n_workers >= 1
    assert ServiceSettings(workers=3).n_workers == 3


@pytest.mark.parametrize(("environment", "told"), [
    ({"PROT": "80"}, "unknown variable 'VOICE2FACE_SERVE_PROT': did you mean "
                     "'VOICE2FACE_SERVE_PORT'"),
    ({"PORT": "http"}, "port is 'http': give a whole number"),
    ({"PORT": "65536"}, "port is 65536: give a number of at least 0 and at most 65535"),
    ({"WORKERS": "-1", "READ_LIMIT_S": "0"}, "read_limit_s is 0.0: give a number above 0"),
    ({"READ_LIMIT_S": "nan"}, "read_limit_s is nan"),
    ({"MAX_BODY_MIB": "300"}, "max_buffered_mib is 256: give at least max_body_mib"),
])  # fmt: skip
def test_what_cannot_be_used_is_refused(environment, told):
    with pytest.raises(ConfigError) as error:
        ServiceSettings.read({}, {FOUND + name: text for name, text in environment.items()})
    assert told in str(error.value)


def test_models_by_name_or_folder(bundle):
    assert list(find_models(ServiceSettings())) == ["projected-64", "projected-128", "starter"]
    found = find_models(ServiceSettings(models=f"{bundle}, starter"))
    assert list(found) == [bundle.name, "starter"]
    assert found[bundle.name] == bundle
    with pytest.raises(ConfigError, match="two are called 'starter'"):
        find_models(ServiceSettings(models="starter,starter"))


def test_short_answers_do_not_wait_for_an_acknowledgement():
    """Nagle's algorithm is off, on a connection as on the socket that listens."""
    pytest.importorskip("fastapi")
    from fastapi import FastAPI

    from voice2face.service.server import Server

    with (
        Server(FastAPI(), ServiceSettings(port=0)).bind() as listening,
        socket.create_connection(listening.getsockname()[:2]),
        listening.accept()[0] as connection,
    ):
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_start_that_fails_is_told_in_one_line(capsys, monkeypatch, bundle, tmp_path):
    pytest.importorskip("fastapi")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in bundle.iterdir():
        content = file.read_bytes()
        (damaged / file.name).write_bytes(content[:-1] if file.suffix == ".onnx" else content)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, said in (
            (["--models", "projected"], "did you mean 'projected-64'?"),
            (["--models", str(damaged), "--workers", "1"], "damaged or was changed"),
            (["--port", port, "--workers", "1", "--models", str(bundle)], "cannot be listened on"),
        ):
            assert main(["serve", *arguments]) == 1
            told = capsys.readouterr().err.strip().splitlines()
            assert len(told) == 1
            assert said in told[0]
