"""The one family of errors a user can meet.

Every message is one line that says which file or field, what was found, what is needed and, where
there is one, the way out. The command line prints the message and exits with a non-zero status.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

_Entry = TypeVar("_Entry")


class Voice2FaceError(Exception):
    """Base of every error that is the user's to mend, not ours."""


class RecordingError(Voice2FaceError):
    """A recording cannot be read, or holds too little speech."""


class NotSpeechError(RecordingError):
    """A recording holds sound, but not of a person speaking."""


class BundleError(Voice2FaceError):
    """A model bundle is missing, damaged or does not fit this version."""


class ConfigError(Voice2FaceError):
    """A setting, preset or argument has a value that cannot be used."""


class DataError(Voice2FaceError):
    """A data set, store or checkpoint is missing, damaged or does not fit."""


class DivergedError(DataError):
    """A number of a run is no longer finite; `scalar` is its name."""

    def __init__(self, scalar: str, message: str) -> None:
        super().__init__(message)
        self.scalar = scalar


class OutputError(Voice2FaceError):
    """A result cannot be written."""


class RunStoppedError(Voice2FaceError):
    """A run was asked to stop and did, at a checkpoint."""


class MissingDependencyError(Voice2FaceError):
    """An optional package is needed; the message says which to install."""


def printable(text: str) -> str:
    """Make a line safe for a terminal: control characters of names and files become escapes."""
    return "".join(
        char if char.isprintable() or char == " " else char.encode("unicode_escape").decode()
        for char in text
    )


def unknown_name(kind: str, name: str, known: Iterable[str]) -> ConfigError:
    """Build the error for a name that is not in a registry, with the nearest match.

    Args:
        kind: What the name stands for, such as "preset".
    """
    import difflib  # late: it costs every start 10 ms

    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names) or 'none'}"
    return ConfigError(f"unknown {kind} {name!r}: {hint}")


def look_up(kind: str, name: str, registry: Mapping[str, _Entry]) -> _Entry:
    """Take an entry of a registry by its name.

    Args:
        kind: What the name stands for, such as "preset".

    Raises:
        ConfigError: There is none of that name; the nearest is told.
    """
    if name not in registry:
        raise unknown_name(kind, name, registry)
    return registry[name]
