"""Faces for many recordings, by local processes or on a cluster; stopped at any moment, it goes on.

The recordings are divided into shards. Each is worked on by one process, which writes its pictures
and then `shards/NAME.parquet`; shards that are there are not made again. At the end they are joined
to `results.parquet`, in the order of the recordings.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from voice2face.data.backends import Workers, run_tasks
from voice2face.errors import ConfigError, DataError, RecordingError
from voice2face.files import atomic_path, locked
from voice2face.recordings import expand, targets
from voice2face.runtime.description import find_bundle, read_description
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.runtime.reading import NamedBytes

_SHARD_FILES = 32
_ROWS_AT_A_TIME = 16
_MADE_FROM = b"voice2face.made_from"
_SCHEMA = pa.schema(
    [
        ("recording", pa.string()),
        ("picture", pa.string()),
        ("error", pa.string()),
        ("duration_s", pa.float64()),
        ("speech_s", pa.float64()),
        ("woman_probability", pa.float64()),
        ("speech_probability", pa.float64()),
        ("notes", pa.list_(pa.string())),
        ("embedding", pa.list_(pa.float32())),
    ]
)


@dataclass(frozen=True)
class BatchSettings:
    """What is generated for each recording; see `VoiceToFace.generate`.

    Attributes:
        model: Folder of a bundle.
        native: Whether pictures have the model's own pixels, without a caption.
    """

    model: str
    samples: int = 4
    seed: int = 0
    truncation: float = 1.0
    native: bool = False
    first_s: float | None = None
    force: bool = False
    track: int | None = None

    def options(self) -> dict[str, Any]:
        """Options of `VoiceToFace.generate`."""
        left_out = ("model", "native")
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in left_out}


@dataclass(frozen=True)
class _Shard:
    """Recordings that one task works on: files, or the rows of a row group of a Parquet file.

    Attributes:
        pictures: Files of the pictures, relative to the folder of the results.
        table: The Parquet file that holds the recordings; empty: the names are those of files.
    """

    names: tuple[str, ...]
    pictures: tuple[str, ...]
    table: str = ""
    row_group: int = 0

    def file_name(self, made_of: str) -> str:
        """Name of the shard's file, which tells all that its content depends on."""
        about = json.dumps([dataclasses.asdict(self), made_of])
        return f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.parquet"


def generate_batch(
    recordings: list[str],
    folder: Path,
    settings: BatchSettings,
    workers: Workers,
) -> tuple[int, list[str]]:
    """Generate faces for recordings, and write `results.parquet` and the pictures.

    Args:
        recordings: Files, folders and globs; or one Parquet file, with the column `path` (of files,
            relative to it) or `audio` (bytes, or a struct with the field `bytes`).

    Returns:
        How many recordings there are, and a line for each that could not be used.

    Raises:
        ConfigError: A setting is out of range, or the backend cannot be used.
        DataError: The Parquet file cannot be used, or a worker died.
        OutputError: The folder cannot be written.
        RecordingError: A folder or glob has no recording.
    """
    description = read_description(find_bundle(settings.model))
    # Relative names are also found by workers that run elsewhere.
    settings = dataclasses.replace(settings, model=str(find_bundle(settings.model).resolve()))
    made_of = json.dumps([dataclasses.asdict(settings), description.files])
    shards = list(_shards(recordings))
    names = [shard.file_name(made_of) for shard in shards]
    results = _Results(folder.resolve(), hashlib.sha256("".join(names).encode()).hexdigest())
    with locked(folder):
        if (finished := results.finished()) is not None:
            return finished
        files = results.begin(names)
        missing = [pair for pair in zip(shards, files, strict=True) if not pair[1].exists()]
        n_recordings = sum(len(shard.names) for shard in shards)
        n_done = n_recordings - sum(len(shard.names) for shard, _ in missing)
        tasks = ((shard, settings, file) for shard, file in missing)
        with tqdm(total=n_recordings, initial=n_done, unit="recording", mininterval=1.0) as bar:
            if missing:
                for n_files in run_tasks(_make_shard, tasks, workers):
                    bar.update(n_files)
        return results.join(files)


def _shards(recordings: list[str]) -> Iterator[_Shard]:
    tables = [name for name in recordings if Path(name).suffix.lower() == ".parquet"]
    if tables and len(recordings) > 1:
        raise ConfigError(f"{tables[0]}: give one Parquet file, and nothing else")
    if "-" in recordings:
        raise ConfigError("standard input (-) cannot be read by several processes; give files")
    if tables:
        yield from _table_shards(Path(tables[0]).resolve())
    else:
        named, _ = expand(recordings)
        yield from _file_shards(
            [str(Path(name).resolve()) for name, _ in named], targets(named, Path(), ".png")
        )


def _file_shards(names: Sequence[str], pictures: Sequence[Path]) -> Iterator[_Shard]:
    for first in range(0, len(names), _SHARD_FILES):
        part = slice(first, first + _SHARD_FILES)
        yield _Shard(tuple(names[part]), tuple(map(str, pictures[part])))


def _table_shards(path: Path) -> Iterator[_Shard]:
    with _opened(path) as table:
        if "audio" in table.schema_arrow.names:
            first = 0
            for group in range(table.metadata.num_row_groups):
                rows = range(first, first + table.metadata.row_group(group).num_rows)
                first = rows.stop
                names = tuple(f"{path}, row {row}" for row in rows)
                yield _Shard(names, tuple(f"{row:09d}.png" for row in rows), str(path), group)
        elif "path" in table.schema_arrow.names:
            texts = table.read(columns=["path"]).column("path").to_pylist()
            if not all(isinstance(text, str) and text for text in texts):
                raise DataError(f"{path}: the column path has empty values; fill them")
            names = [str(path.parent / text) for text in texts]
            yield from _file_shards(names, [Path(f"{row:09d}.png") for row in range(len(names))])
        else:
            raise DataError(f"{path}: has no column audio or path")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(path) as table:
            yield table
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).strip()})") from None


def _make_shard(shard: _Shard, settings: BatchSettings, file: Path) -> int:
    """Generate the faces of a shard, in a worker; the number of its recordings."""
    model, rows = _model(settings.model), []
    for name, picture, source in zip(shard.names, shard.pictures, _sources(shard), strict=True):
        rows.append(_row(model, settings, name, source, file.parents[1] / picture))
        rows[-1]["picture"] = None if rows[-1]["error"] else picture
    with atomic_path(file) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, _SCHEMA), temporary)
    return len(rows)


@cache
def _model(folder: str) -> VoiceToFace:
    return VoiceToFace.load(folder)


def _sources(shard: _Shard) -> Iterator[str | IO[bytes]]:
    """The recordings of a shard; few at a time are held."""
    if not shard.table:
        yield from shard.names
        return
    with _opened(Path(shard.table)) as table:
        names = iter(shard.names)
        batches = table.iter_batches(_ROWS_AT_A_TIME, [shard.row_group], columns=["audio"])
        for batch in batches:
            for value in batch.column(0).to_pylist():
                content = value.get("bytes") if isinstance(value, dict) else value
                if content is not None and not isinstance(content, bytes):
                    raise DataError(f"{shard.table}: the column audio does not hold bytes")
                yield NamedBytes(content or b"", next(names))


def _row(
    model: VoiceToFace, settings: BatchSettings, name: str, source: str | IO[bytes], picture: Path
) -> dict[str, Any]:
    row: dict[str, Any] = {"recording": name, "error": None}
    try:
        faces = model.generate(source, **settings.options())
    except RecordingError as error:
        return row | {"error": str(error)}
    faces.save(picture, settings.native)
    return row | {
        "duration_s": faces.duration_s,
        "speech_s": faces.speech_s,
        "woman_probability": faces.woman_probability,
        "speech_probability": faces.speech_probability,
        "notes": list(faces.notes),
        "embedding": faces.embedding,
    }


class _Results:
    """The folder of the results; `made_from` is a hash of all that they depend on."""

    def __init__(self, folder: Path, made_from: str) -> None:
        self._shards, self._file = folder / "shards", folder / "results.parquet"
        self._made_from = made_from.encode()

    def finished(self) -> tuple[int, list[str]] | None:
        """What `join` gave, if an earlier call did all."""
        if not self._file.exists():
            return None
        with _opened(self._file) as table:
            if (table.schema_arrow.metadata or {}).get(_MADE_FROM) != self._made_from:
                return None
            errors = table.read(columns=["error"]).column("error").to_pylist()
        return len(errors), [error for error in errors if error]

    def begin(self, names: Sequence[str]) -> list[Path]:
        """Make place for shards of these names, and remove others."""
        self._shards.mkdir(exist_ok=True)
        for path in self._shards.glob("*.parquet"):
            if path.name not in names:
                path.unlink(missing_ok=True)
        return [self._shards / name for name in names]

    def join(self, files: list[Path]) -> tuple[int, list[str]]:
        """Join shards to one file; the number of recordings, and what could not be used."""
        errors: list[str | None] = []
        schema = _SCHEMA.with_metadata({_MADE_FROM: self._made_from})
        with atomic_path(self._file) as temporary, pq.ParquetWriter(temporary, schema) as writer:
            for file in files:
                with _opened(file) as shard:
                    table = shard.read().cast(schema)
                writer.write_table(table)
                errors += table.column("error").to_pylist()
        for file in files:
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._shards.rmdir()
        return len(errors), [error for error in errors if error]
