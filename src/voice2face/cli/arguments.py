"""What several commands share: kinds of arguments, and the message for a missing package."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from voice2face.errors import MissingDependencyError

# Adds a command: its name, what runs it, and what it does in words.
Command = Callable[[str, object, str], argparse.ArgumentParser]


def file_path(text: str) -> Path:
    """Read a file's or folder's name; an empty one, as of an unset variable, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("got an empty name; give a file or folder")
    return Path(text)


def model_name(text: str) -> str:
    """Read the name of a shipped model, of a bundle or of the Hub; an empty one is refused."""
    if not text:
        raise argparse.ArgumentTypeError("got an empty name; give a model, or leave it out")
    return text


def model_option(sub: argparse.ArgumentParser) -> None:
    """Add the option --model."""
    sub.add_argument(
        "--model",
        type=model_name,
        metavar="MODEL",
        help="name of a shipped model, a bundle's folder or .zip, or owner/name[@revision] of the "
        "Hugging Face Hub (default: the shipped one)",
    )


@contextlib.contextmanager
def workshop() -> Iterator[None]:
    """Turn a missing package of the workshop half into a message that says what to install."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"this command needs the package {error.name!r}, which is part of the training "
            "extra; install it with: pip install '.[train]' in the project's folder"
        ) from None
