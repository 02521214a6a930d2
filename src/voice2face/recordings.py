"""From what a person names on the command line to recordings, and where their results go."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from voice2face.audio.suffixes import MEDIA_SUFFIXES
from voice2face.errors import ConfigError, RecordingError
from voice2face.files import is_standard_output


def expand(names: list[str]) -> tuple[list[tuple[str, Path]], list[str]]:
    """Expand folders and globs into recordings.

    A folder gives every audio and video file in it and below, told by suffix, hidden ones left
    out.

    Args:
        names: Files, folders, globs, or "-" for standard input.

    Returns:
        For each recording, once each: its name, and the path that its result should have,
        relative to the output folder and without suffix. And what was left out of folders, in
        words.

    Raises:
        RecordingError: A folder or glob holds no recording.
        ConfigError: "-" is given twice.
    """
    if "" in names:
        raise ConfigError("recording: got an empty name; give a file or folder")
    if names.count("-") > 1:
        raise ConfigError("standard input (-) can be read only once")
    found: dict[str, Path] = {}
    notes: list[str] = []
    for name in names:
        path = Path(name)
        if name == "-":
            found.setdefault("-", Path("stdin"))
        elif path.is_dir():
            files, left_out = _in_folder(path)
            if not files:
                raise RecordingError(
                    f"{name}: a folder with no recording in it (looked for audio and video files "
                    "by suffix, such as .wav, .flac, .mp3 or .mp4)"
                    + "".join(map("; {}".format, left_out))
                )
            notes += left_out
            for file in files:
                found.setdefault(str(file), file.relative_to(path).with_suffix(""))
        elif not path.exists() and glob.has_magic(name):
            files = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - absolute patterns too
            if not files:
                raise RecordingError(f"{name}: no file matches")
            for match in files:
                if Path(match).is_file():
                    found.setdefault(match, Path(Path(match).stem))
        else:
            found.setdefault(name, Path(path.stem))
    return list(found.items()), notes


def _in_folder(folder: Path) -> tuple[list[Path], list[str]]:
    """Audio and video files of a folder and below, and what was left out."""
    unreadable: list[str] = []
    files: list[Path] = []
    others: list[Path] = []
    for where, subfolders, names in os.walk(
        folder, onerror=lambda error: unreadable.append(f"{error.filename}: {error.strerror}")
    ):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        for file in (Path(where, name) for name in names if not name.startswith(".")):
            is_media = file.suffix.lower() in MEDIA_SUFFIXES and file.is_file()
            (files if is_media else others).append(file)
    if others:
        what = "file is" if len(others) == 1 else "files are"
        example = f"such as {min(others).name}" if len(others) > 1 else min(others).name
        unreadable.append(
            f"{folder}: {len(others)} {what} not audio or video, by suffix ({example})"
        )
    return sorted(files), unreadable


def refuse_overwriting(out: Path, recordings: list[str]) -> None:
    """Refuse to write a result over one of the recordings that it is made of.

    Raises:
        ConfigError: They are one file.
    """
    for name in recordings:
        if name != "-" and out.exists() and Path(name).exists() and out.samefile(name):
            raise ConfigError(f"{out}: is the recording itself; give the result another name")


def targets(recordings: list[tuple[str, Path]], out: Path | None, suffix: str) -> list[Path]:
    """Decide where each recording's result goes.

    Args:
        recordings: As `expand` gives them.
        out: A folder; or, for a single recording, a file with the right suffix. None is the
            folder `faces`.
        suffix: Suffix of the results, such as ".png".

    Returns:
        A path each, all different: of two with one name, the second is called "<name>-2".

    Raises:
        ConfigError: `out` is a file name and there are several recordings.
    """
    if out is not None and (
        is_standard_output(out) or (out.suffix.lower() == suffix and not out.is_dir())
    ):
        if len(recordings) != 1:
            raise ConfigError(
                f"{out}: is one file, for {len(recordings)} recordings; give a folder"
            )
        return [out]
    folder = out if out is not None else Path("faces")
    taken: set[Path] = set()
    chosen = []
    for _, relative in recordings:
        target, number = folder / f"{relative}{suffix}", 1
        while target in taken:
            number += 1
            target = folder / f"{relative}-{number}{suffix}"
        taken.add(target)
        chosen.append(target)
    return chosen
