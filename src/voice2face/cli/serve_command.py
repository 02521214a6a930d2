"""The command that runs the HTTP service."""

from __future__ import annotations

import argparse
import dataclasses
import os

from voice2face.cli.arguments import Command
from voice2face.errors import MissingDependencyError


def add(command: Command) -> None:
    """Add the command."""
    from voice2face.service.settings import PREFIX, ServiceSettings

    sub = command("serve", _serve, "answer HTTP requests: recordings in, faces out")
    for setting in dataclasses.fields(ServiceSettings):
        sub.add_argument(
            f"--{setting.name.replace('_', '-')}",
            metavar="VALUE",
            help=f"{setting.metadata['help']} (environment: {PREFIX}{setting.name.upper()})",
        )


def _serve(options: argparse.Namespace) -> int:
    from voice2face.service.settings import ServiceSettings

    names = [setting.name for setting in dataclasses.fields(ServiceSettings)]
    given = {name: getattr(options, name) for name in names}
    settings = ServiceSettings.read(given, os.environ)
    try:
        from voice2face.service.app import running_app
        from voice2face.service.observe import configure_logging
        from voice2face.service.server import Server
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"this command needs the package {error.name!r}, which is part of the extra serve; "
            "install it with: pip install '.[serve]' in the project's folder"
        ) from None
    configure_logging()
    with running_app(settings) as app:
        server = Server(app, settings)
        server.run([server.bind()])
    return 0
