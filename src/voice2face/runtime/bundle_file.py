"""The files of a bundle: in a folder, or in one `.zip` file, which is never unpacked to disk.

A zip may come from anybody. Only the names that a bundle has are allowed, without a folder before
them, so no path can lead elsewhere; and what a name unpacks to is bounded before it is read.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

from voice2face.errors import BundleError
from voice2face.files import MAX_JSON_BYTES, atomic_path, read_regular

VOICE_ENCODER_FILE = "voice_encoder.onnx"
GENERATOR_FILE = "generator.onnx"
SPEECH_DETECTOR_FILE = "speech_detector.onnx"
ARTIFACT_CRITIC_FILE = "artifact_critic.onnx"
DESCRIPTION_FILE = "model.json"
CARD_FILE = "MODEL_CARD.md"
# In the order in which a zip holds them: what says all about the others comes first.
BUNDLE_FILES = (
    DESCRIPTION_FILE,
    CARD_FILE,
    VOICE_ENCODER_FILE,
    GENERATOR_FILE,
    SPEECH_DETECTOR_FILE,
    ARTIFACT_CRITIC_FILE,
)
_MAX_NETWORK_BYTES = 256_000_000

# The record at a zip's end, and the one before it if the zip is of the kind beyond 4 GB.
_END_BYTES, _END, _LARGE_END = 22, b"PK\x05\x06", b"PK\x06\x07"
_LARGE_END_BYTES = 20
# Of the list of members: each takes 46 bytes, its name and what a program may add.
_MOST_LIST_BYTES = 16_384
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_FIRST_DATE = (1980, 1, 1, 0, 0, 0)


def most_bytes(name: str) -> int:
    """Tell how large a file of a bundle may be."""
    return _MAX_NETWORK_BYTES if name.endswith(".onnx") else MAX_JSON_BYTES


def read_file(bundle: Path, name: str) -> bytes:
    """Read a file of a bundle.

    Args:
        bundle: A folder, or a zip.
        name: One of `BUNDLE_FILES`.

    Raises:
        BundleError: It is missing, too large, damaged or no regular file; or the zip holds
            anything but the files of a bundle.
    """
    if not bundle.is_file():
        return read_regular(bundle / name, most_bytes(name), BundleError)
    with _opened(bundle) as archive:
        if name not in archive.namelist():
            raise BundleError(f"{bundle / name}: is missing")
        # As many bytes as the list says: that was checked, and more is never unpacked.
        size = archive.getinfo(name).file_size
        try:
            with archive.open(name) as member:
                content = member.read(size)
                if member.read(1):
                    raise zipfile.BadZipFile("it is larger than the zip says")
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError) as error:
            raise BundleError(f"{bundle / name}: cannot be unpacked ({error})") from None
    if len(content) != size:
        raise BundleError(f"{bundle / name}: cannot be unpacked (it is cut)")
    return content


def file_names(bundle: Path) -> list[str]:
    """List the files of a bundle, sorted; in a folder also those that no bundle has.

    Raises:
        BundleError: It cannot be read; see `read_file`.
    """
    if bundle.is_file():
        with _opened(bundle) as archive:
            return sorted(archive.namelist())
    try:
        return sorted(path.name for path in bundle.iterdir())
    except OSError as error:
        raise BundleError(f"{bundle}: cannot be read ({error.strerror})") from None


def write_zip(bundle: Path, names: list[str], target: Path) -> None:
    """Put files of a bundle into a zip: the same files give the same bytes, on every machine.

    Nothing is compressed: weights hardly shrink, and compressors differ in the bytes they give.

    Args:
        bundle: A folder, or a zip.

    Raises:
        BundleError: A file cannot be read.
        OutputError: The target cannot be written.
    """
    with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name in sorted(names, key=BUNDLE_FILES.index):
            member = zipfile.ZipInfo(name, _FIRST_DATE)
            member.create_system = 3  # else it tells the system
            member.external_attr = 0o100644 << 16
            archive.writestr(member, read_file(bundle, name))


def _opened(path: Path) -> zipfile.ZipFile:
    """Open a zip whose list of members is short, and allowed."""
    try:
        with path.open("rb") as file:
            start = file.read(4)
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _END_BYTES - _LARGE_END_BYTES))
            before, end = (tail := file.read())[:-_END_BYTES], tail[-_END_BYTES:]
        if start != b"PK\x03\x04" or end[:4] != _END or before[:4] == _LARGE_END:
            raise BundleError(
                f"{path}: is not the zip of a bundle, or is cut; make one with "
                "voice2face bundle pack FOLDER -o NAME.zip"
            )
        # Python reads the whole list before it tells anything of it.
        if int.from_bytes(end[12:16], "little") > _MOST_LIST_BYTES:
            raise BundleError(f"{path}: lists too many files for a bundle")
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise BundleError(f"{path}: cannot be read as a zip ({error})") from None
    try:
        _check_members(path, archive.infolist())
    except BundleError:
        archive.close()
        raise
    return archive


def _check_members(path: Path, members: list[zipfile.ZipInfo]) -> None:
    names = [member.orig_filename for member in members]
    for member, name in zip(members, names, strict=True):
        if name not in BUNDLE_FILES:
            raise BundleError(
                f"{path}: holds {name[:100]!r}, which is no file of a bundle; a bundle's files "
                f"are {', '.join(BUNDLE_FILES)}, without a folder before them"
            )
        if names.count(name) > 1:
            raise BundleError(f"{path}: holds {name} twice")
        if member.file_size > most_bytes(name):
            raise BundleError(
                f"{path}: {name} unpacks to {member.file_size} bytes; at most "
                f"{most_bytes(name)} are read"
            )
        if member.compress_type not in _METHODS or member.flag_bits & _ENCRYPTED:
            raise BundleError(f"{path}: {name} is encrypted, or compressed in a way not read")
