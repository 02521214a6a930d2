"""Shards of a store: a fixed number of files of one side, decoded, and written as one file.

Where a store is to hold waveforms, those of a shard are a second file beside it, written first. A
shard that is there is never made again, as long as its files and settings are the same: its name
holds a hash of both. This is what makes preparing restartable, and what runs on many machines.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import IO, Literal

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from voice2face.audio.settings import preset
from voice2face.data.file_readers import FRAME_EVERY_S, MAX_FRAMES, face_reader, voice_reader
from voice2face.data.store import StoreSettings
from voice2face.errors import DataError, OutputError, RecordingError
from voice2face.files import atomic_path

Side = Literal["voices", "faces"]

FILES_PER_SHARD: dict[Side, int] = {"voices": 64, "faces": 256}

# To be raised whenever the same files and settings give another shard.
_FORMAT = 1

# A limit on threads is a whole process's, so that it must not be lifted while another thread of a
# Dask worker still makes a shard.
_taking_turns = threading.Lock()


@dataclass(frozen=True)
class Shard:
    """Some files of one side, in the order of the manifest.

    Attributes:
        number: Its place among the shards of the side, from 0.
        first: Position of its first file among all files of the side.
        key: Hash of the files (name, size and time of change) and of the settings.
    """

    side: Side
    number: int
    first: int
    files: tuple[str, ...]
    settings: StoreSettings
    key: str

    @property
    def file_name(self) -> str:
        """Name of the shard's own file."""
        return f"{self.side}-{self.number:06d}-{self.key}.shard"

    @property
    def waveform_file(self) -> str | None:
        """Name of the file of its waveforms; None for a shard without."""
        if self.side == "voices" and self.settings.waveforms:
            return f"{self.file_name.removesuffix('.shard')}.waves"
        return None

    @property
    def file_names(self) -> set[str]:
        """Names of all its files."""
        return {self.file_name, *([self.waveform_file] if self.waveform_file else [])}


@dataclass(frozen=True)
class ShardIndex:
    """What a shard's file holds, without the data.

    Attributes:
        rows: Position of the file, number of rows of the array, and seconds (of speech; of the
            time in a video; None for a photograph), in the order of the data.
        rejected: Position of the file and the reason; one row a file, or a frame of a video.
        offset: Byte at which the data begin.
        samples: Length of each row's waveform; None for a shard without.
    """

    rows: list[tuple[int, int, float | None]]
    rejected: list[tuple[int, str]]
    offset: int
    samples: list[int] | None = None


def plan_shards(side: Side, files: Sequence[str], settings: StoreSettings) -> list[Shard]:
    """Cut a list of files into shards.

    Returns:
        The shards. Every file is asked for its size and time of change; one that is not there is
        no error, its shard lists it as rejected.
    """
    size = FILES_PER_SHARD[side]
    made_of = json.dumps([_FORMAT, side, _fingerprint(side, settings)], sort_keys=True)
    shards = []
    for number, first in enumerate(range(0, len(files), size)):
        of_shard = tuple(files[first : first + size])
        description = json.dumps([made_of, first, [(file, *_state(file)) for file in of_shard]])
        key = hashlib.sha256(description.encode()).hexdigest()[:20]
        shards.append(Shard(side, number, first, of_shard, settings, key))
    return shards


def make_shard(shard: Shard, base: Path, folder: Path) -> int:
    """Decode the files of a shard, and write it. Runs in a worker, on whichever machine.

    Args:
        base: Folder that relative names of files start from.
        folder: Where shards are written; it must exist.

    Returns:
        Number of files, used or not.

    Raises:
        OutputError: The shard cannot be written.
        MissingDependencyError: The face detector is not installed.
    """
    if not folder.is_dir():
        # A worker that outlives its command must not bring the folder back.
        raise OutputError(f"{folder}: was removed while it was being written")
    rows: list[tuple[int, int, float | None]] = []
    rejected: list[tuple[int, str]] = []
    blocks: list[NDArray] = []
    heard: list[NDArray[np.int16]] = []
    samples: list[int] = []
    with warnings.catch_warnings(), _one_thread(shard), _waveform_file(shard, folder) as waveforms:
        # Decoders warn of oddities in files; what matters is in the reason.
        warnings.simplefilter("ignore")
        settings = shard.settings
        is_voice = shard.side == "voices"
        reader = voice_reader(settings, heard) if is_voice else face_reader(settings)
        for position, name in enumerate(shard.files, shard.first):
            path = base / name
            try:
                for seconds, result in reader(path, name):
                    if isinstance(result, str):
                        rejected.append((position, result))
                    else:
                        rows.append((position, len(result), seconds))
                        blocks.append(result)
            except Exception as error:
                # Whatever a decoder does on a damaged file, the other files go on.
                rejected.append((position, _reason(error, path, name)))
            # Outside of what is caught: a full disk is no fault of the recording. Not kept in
            # memory, of which they would take three times as much as the spectrograms.
            if waveforms is not None:
                for waveform in heard:
                    waveforms.write(waveform.astype("<i2", copy=False).data)
                    samples.append(len(waveform))
                heard.clear()
    description: dict[str, list] = {"rows": rows, "rejected": rejected}
    if shard.waveform_file is not None:
        description["samples"] = samples
    header = json.dumps(description).encode() + b"\n"
    with atomic_path(folder / shard.file_name) as path, path.open("wb") as file:
        file.write(header)
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)
    return len(shard.files)


def read_index(path: Path, row_bytes: int) -> ShardIndex:
    """Read what a shard's file holds, without the data.

    Raises:
        DataError: The file is not whole.
    """
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline())
            offset = file.tell()
            n_rows = sum(count for _, count, _ in header["rows"])
            whole = file.seek(0, io.SEEK_END) == offset + n_rows * row_bytes
        samples = header.get("samples")
        if samples is not None:
            whole &= len(samples) == len(header["rows"])
            whole &= path.with_suffix(".waves").stat().st_size == 2 * sum(samples)
        if whole:
            return ShardIndex(header["rows"], header["rejected"], offset, samples)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise DataError(f"{path}: is damaged; remove it and run the same command again")


def _fingerprint(side: Side, settings: StoreSettings) -> list:
    """The settings that a side depends on."""
    if side == "voices":
        more = ["waveforms"] if settings.waveforms else []
        return [dataclasses.asdict(preset(settings.front_end)), *more]
    found = [settings.detector, FRAME_EVERY_S, MAX_FRAMES]
    return [settings.image_size_px, *([] if settings.detector is None else found)]


def _state(file: str) -> tuple[int, int] | tuple[str]:
    try:
        state = Path(file).stat()
    except (OSError, ValueError) as error:
        return (type(error).__name__,)
    return state.st_size, state.st_mtime_ns


def _reason(error: Exception, path: Path, name: str) -> str:
    """One line, without the file's name, which stands beside it."""
    text = str(error) or "no message"
    if not isinstance(error, (DataError, RecordingError)):
        text = f"cannot be decoded ({type(error).__name__}: {text})"
    text = text.replace(str(path), name).removeprefix(f"{name}: ")
    return " ".join(text.replace(name, PurePath(name).name).split())


@contextlib.contextmanager
def _waveform_file(shard: Shard, folder: Path) -> Iterator[IO[bytes] | None]:
    """Open the file of a shard's waveforms, where it has one."""
    if shard.waveform_file is None:
        yield None
        return
    with atomic_path(folder / shard.waveform_file) as path, path.open("wb") as file:
        yield file


@contextlib.contextmanager
def _one_thread(shard: Shard) -> Iterator[None]:
    """Make a shard on one thread.

    The front end's matrix products, as their last bits depend on how many threads share them; the
    detector's networks, as shards run side by side already.
    """
    if shard.side == "voices":
        with _taking_turns, threadpool_limits(1, user_api="blas"):
            yield
        return
    if shard.settings.detector is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
