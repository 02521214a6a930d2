"""The command `web`: the browser app, for the browsers of this machine only."""

from __future__ import annotations

import argparse
import contextlib

from voice2face.cli.arguments import Command, model_option
from voice2face.errors import ConfigError

_HOST = "127.0.0.1"
_LARGEST_PORT = 65535


def add(command: Command) -> None:
    """Add the command."""
    sub = command("web", _web, "serve the browser app to the browsers of this machine")
    model_option(sub)
    sub.add_argument(
        "--port", type=_port, default=8000, metavar="N", help="0: any that is free (default: 8000)"
    )
    sub.add_argument("--open", action="store_true", help="open the page in the browser")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _LARGEST_PORT):
        raise argparse.ArgumentTypeError(f"got {text!r}; give a number from 0 to {_LARGEST_PORT}")
    return int(text)


def _web(options: argparse.Namespace) -> int:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    from voice2face.runtime.description import DEFAULT_MODEL, find_bundle
    from voice2face.web_files import WebFiles

    files = WebFiles(find_bundle(options.model or DEFAULT_MODEL))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            file = files.get(self.path, self.headers.get("Accept-Encoding", ""))
            if file is None:
                self.send_error(404)
                return
            self.send_response(200)
            for name, value in file.headers.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(file.content)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Tell nothing of what is asked for."""

    try:
        server = ThreadingHTTPServer((_HOST, options.port), Handler)
    except OSError as error:
        reason = f"port {options.port} cannot be used ({error.strerror}); give another with --port"
        raise ConfigError(reason) from None
    address = f"http://{_HOST}:{server.server_address[1]}/"
    print(f"{address} (end with Ctrl-C)", flush=True)
    if options.open:
        import webbrowser

        webbrowser.open(address)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0
