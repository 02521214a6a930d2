"""Writing files so that a reader never sees half of one; finding files of installed packages."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from voice2face.errors import DataError, MissingDependencyError, OutputError

__all__ = ["atomic_path", "installed_file", "sha256", "write_atomically"]

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
    temporary = None
    try:
        target = target.resolve() if target.is_symlink() else target
        if target.exists() and not target.is_file():
            what = "a folder" if target.is_dir() else "a device or a pipe"
            raise OutputError(f"{target}: is {what}, which is not replaced; give a file name")
        target.parent.mkdir(parents=True, exist_ok=True)
        start = os.fsencode(target.name)[:_MOST_NAME_BYTES].decode(errors="ignore")
        temporary = target.with_name(f".{start}.{secrets.token_hex(4)}.tmp")
        # Opened with the mode of any new file: the system applies the process's mask.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"{target}: cannot be written ({error.strerror or error})") from None
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()


def write_atomically(target: Path, content: bytes) -> None:
    """Write a whole file, or leave what was there.

    Args:
        target: The file to make.
        content: Its bytes.

    Raises:
        OutputError: See `atomic_path`.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(content)


def sha256(path: Path) -> str:
    """Hash a file's bytes.

    Args:
        path: The file.

    Returns:
        Hexadecimal SHA-256.
    """
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def installed_file(package: str, name: str, digest: str, needed_by: str, install: str) -> Path:
    """Find a published file, such as a network's weights, in an installed package.

    The package itself is not imported: its code may need packages that its files do not.

    Args:
        package: The package, as it is imported.
        name: The file, from the package's folder.
        digest: The published file's hexadecimal SHA-256.
        needed_by: What needs it, for the message.
        install: The command that installs it, for the message.

    Returns:
        The file.

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
