"""Walking the folders of a data set."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path, PurePath

from voice2face.errors import DataError

IMAGE_SUFFIXES = frozenset([".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"])


def walk(folder: Path, suffixes: Collection[str]) -> Iterator[Path]:
    """List the files in a folder and below, one folder in memory at a time.

    Hidden files and folders are left out, and links to folders are not followed, so that a loop
    of links cannot hang. A link that leads nowhere is listed: whoever reads it says so.

    Args:
        suffixes: Suffixes to take, lower case, with the dot; case does not matter in the files.

    Yields:
        The files, ordered as `sorted` would order the paths.

    Raises:
        DataError: A folder cannot be listed, or a name is not valid UTF-8.
    """
    pending = _entries(folder)
    while pending:
        entry = pending.pop()
        if entry.is_dir(follow_symlinks=False):
            pending.extend(_entries(Path(_valid(entry.path))))
        elif PurePath(entry.name).suffix.lower() in suffixes and _is_file(entry):
            yield Path(_valid(entry.path))


def by_person(folder: Path, suffixes: Collection[str]) -> Iterator[tuple[str, Path]]:
    """List `<person>/**` of a folder.

    Yields:
        The person's folder name and a file below it, in order of path.

    Raises:
        DataError: A file lies in no person's folder; or as `walk`.
    """
    depth = len(folder.parts)
    for path in walk(folder, suffixes):
        if len(path.parts) < depth + 2:
            raise DataError(
                f"{path}: is not in a person's folder; "
                f"move it to {folder / 'PERSON' / path.name}, with the person's name"
            )
        yield path.parts[depth], path


def subfolder(root: Path, name: str) -> Path:
    """Find a data set's folder, whether the folder itself is given or the one above it.

    Raises:
        DataError: Neither is it.
    """
    if root.name == name:
        return root
    if not (root / name).is_dir():
        raise DataError(f"{root}: has no folder {name!r}; give the folder that holds it")
    return root / name


def find_above(root: Path, name: str) -> Path | None:
    """Find a file in a folder or in the two folders above it.

    Returns:
        The nearest such file, or None.
    """
    folder = root.absolute()
    for candidate in (folder, *folder.parents[:2]):
        if (candidate / name).is_file():
            return candidate / name
    return None


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """Visible entries of a folder, last name first."""
    try:
        with os.scandir(folder) as entries:
            visible = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed ({error.strerror or error})") from None
    return sorted(visible, key=lambda entry: entry.name, reverse=True)


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Tell files from pipes, devices and links to folders; reading a pipe would hang."""
    if entry.is_symlink():
        target = Path(entry.path)
        return os.path.isfile(target) or not os.path.exists(target)  # noqa: PTH110, PTH113 - loops
    return entry.is_file(follow_symlinks=False)


def _valid(path: str) -> str:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise DataError(f"{path!a}: its name is not valid UTF-8; rename it") from None
    return path
