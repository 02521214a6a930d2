"""Kinds of arguments that several commands take."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["file_path", "model_name"]


def file_path(text: str) -> Path:
    """Read a file's or folder's name; an empty one, as of an unset variable, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("got an empty name; give a file or folder")
    return Path(text)


def model_name(text: str) -> str:
    """Read the name of a shipped model or of a bundle's folder; an empty one is refused."""
    if not text:
        raise argparse.ArgumentTypeError("got an empty name; give a model, or leave it out")
    return text
