"""Reading small files of any origin; writing files so that a reader never sees half of one."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import math
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NoReturn

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

from voice2face.errors import DataError, MissingDependencyError, OutputError, Voice2FaceError

MAX_JSON_BYTES = 64_000_000

# Of the target's name in that of a temporary file; a name may have 255 bytes in all.
_MOST_NAME_BYTES = 80


@contextlib.contextmanager
def atomic_path(target: Path) -> Iterator[Path]:
    """Give a temporary path beside the target, and rename it to the target on success.

    Args:
        target: The file to make; its folder is made too.

    Yields:
        Where to write. On any error it is removed, and an older target stays as it was. A
        symbolic link stays, and the file that it leads to is replaced.

    Raises:
        OutputError: The target is a folder, a device or a pipe, the folder cannot be made, or the
            file cannot be written.
    """
    temporary, descriptor = None, -1
    try:
        target = target.resolve() if target.is_symlink() else target
        if target.exists() and not target.is_file():
            what = "a folder" if target.is_dir() else "a device or a pipe"
            raise OutputError(f"{target}: is {what}, which is not replaced; give a file name")
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary, descriptor = _open_temporary(target)
        yield temporary
        os.fsync(descriptor)
        if fcntl is None:
            os.close(descriptor)
            descriptor = -1
        temporary.replace(target)
        temporary = None  # its name is free for the next
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
        if descriptor >= 0:
            os.close(descriptor)


def _open_temporary(target: Path) -> tuple[Path, int]:
    """Open an empty file beside a target, which no other process or thread writes.

    Each target has one name for it, so that what a killed process left is written over. It is
    locked while it is in use; where it is, or cannot be, another name is taken.
    """
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:8]
    start = target.name[:_MOST_NAME_BYTES]
    while len(os.fsencode(start)) > _MOST_NAME_BYTES:
        start = start[:-1]
    # Opened with the mode of any new file: the system applies the process's mask.
    flags = os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
    if fcntl is not None:
        temporary = target.with_name(f".{start}.{digest}.tmp")
        descriptor = os.open(temporary, flags, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It may have become the target meanwhile.
            if os.path.samestat(os.fstat(descriptor), temporary.stat()):
                os.ftruncate(descriptor, 0)
                return temporary, descriptor
        except OSError:
            pass
        os.close(descriptor)
    temporary = target.with_name(f".{start}.{digest}-{os.urandom(4).hex()}.tmp")
    return temporary, os.open(temporary, flags | os.O_EXCL, 0o666)


def is_standard_output(target: Path) -> bool:
    """Tell whether a result's name stands for standard output."""
    return str(target) in ("-", "/dev/stdout")


@contextlib.contextmanager
def output_file(target: Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """Open a result for writing: whole or not at all, and to standard output where asked for.

    Args:
        target: The file to make, or an open one, which stays open; "-" or "/dev/stdout" is
            standard output.

    Yields:
        A binary file that can be sought in.

    Raises:
        OutputError: See `atomic_path`.
    """
    if not isinstance(target, Path):
        yield target
    elif is_standard_output(target):
        content = io.BytesIO()
        yield content
        try:
            sys.stdout.buffer.write(content.getbuffer())
            sys.stdout.buffer.flush()
        except BrokenPipeError:
            raise
        except (OSError, AttributeError) as error:
            reason = getattr(error, "strerror", None) or "it is closed"
            raise OutputError(f"standard output: cannot be written ({reason})") from None
    else:
        with atomic_path(target) as path, path.open("wb") as file:
            yield file


def read_regular(
    path: Path, most_bytes: int, kind: type[Voice2FaceError], n_bytes: int = -1
) -> bytes:
    """Read a file that may come from anybody: no device, no pipe, nothing without end.

    Args:
        path: The file; a symbolic link is followed.
        n_bytes: How many to read of it; -1 is all.

    Raises:
        Voice2FaceError: Of that kind; it is missing, is no regular file, is larger, or cannot be
            read.
    """
    try:
        # A pipe without a writer would hang in opening.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise kind(f"{path}: is not a regular file")
            if about.st_size > most_bytes:
                raise kind(f"{path}: has {about.st_size} bytes; at most {most_bytes} are read")
            return file.read(n_bytes)
    except FileNotFoundError:
        raise kind(f"{path}: is missing") from None
    except OSError as error:
        raise kind(f"{path}: cannot be read ({error.strerror})") from None


def parse_json(text: str | bytes) -> Any:
    """Parse JSON strictly: numbers are finite, and nothing is nested without bound.

    Raises:
        ValueError: It is not such JSON.
    """
    try:
        return json.loads(text, parse_constant=_not_finite, parse_float=_finite)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def read_json(path: Path, kind: type[Voice2FaceError]) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Raises:
        Voice2FaceError: Of that kind; it cannot be read, or holds something else.
    """
    return json_object(read_regular(path, MAX_JSON_BYTES, kind), path, kind)


def json_object(text: bytes, path: Path, kind: type[Voice2FaceError]) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        path: Where it is from, for messages.

    Raises:
        Voice2FaceError: Of that kind; it is something else.
    """
    try:
        content = parse_json(text)
    except ValueError as error:
        raise kind(f"{path}: cannot be read as JSON ({error})") from None
    if not isinstance(content, dict):
        raise kind(f"{path}: is not a JSON object")
    return content


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large a number")
    return value


def write_atomically(target: Path, content: bytes) -> None:
    """Write a whole file, or leave what was there.

    Raises:
        OutputError: See `atomic_path`.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes from writing into a folder.

    Args:
        folder: A folder that is gone on with, such as a run or a store; it is made.

    Raises:
        OutputError: Another process is writing there, or the folder cannot be made.
    """
    import filelock  # late: of the workshop half only

    path = folder / ".lock"
    lock = filelock.FileLock(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout:
        raise OutputError(
            f"{folder}: another process is writing there; wait until it is done, or stop it"
        ) from None
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error})") from None
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink()  # while it is held: whoever waits looks for it anew
        lock.release()


def sha256(path: Path) -> str:
    """Hash a file's bytes.

    Returns:
        Hexadecimal SHA-256.
    """
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def content_key(made_of: Any) -> str:
    """Name a file by what it is made of, as JSON has it: twelve digits of the SHA-256."""
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:12]


def installed_file(package: str, name: str, digest: str, needed_by: str, install: str) -> Path:
    """Find a published file, such as a network's weights, in an installed package.

    The package itself is not imported: its code may need packages that its files do not.

    Args:
        digest: The published file's hexadecimal SHA-256.

    Raises:
        MissingDependencyError: The package is not installed.
        DataError: The file is missing or is not the published one.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(f"{needed_by} needs the package {package}: {install}")
    path = Path(spec.submodule_search_locations[0]) / name
    found = sha256(path) if path.is_file() else "no such file"
    if found != digest:
        raise DataError(
            f"{path}: not the published file (SHA-256 {digest[:12]}... needed, "
            f"found {found[:12]}); {install} --force-reinstall"
        )
    return path
