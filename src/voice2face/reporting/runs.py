"""Reading a run's folder: settings, scalars and sheets, of a run that has ended or still goes on.

Logs are read strictly: a line that is wrong is named, and nothing is passed over in silence. Only
the last line may be cut off, since a run may be writing it while it is read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import ConfigError, DataError
from voice2face.files import read_json
from voice2face.runtime.description import read_description
from voice2face.scalar_log import Log, read_log

_SHEET_NAME = re.compile(r"\d{9}\.png")


@dataclass(frozen=True)
class Run:
    """A run's folder, read. No two runs of a page have the same name.

    `config` is `config.json`. Scalars of the speaker stage go by optimiser steps, those of the
    adversarial stage by images seen, as do `sheets`, pictures of faces for fixed voices. An epoch
    has `n_train_faces`. None is what is not there, or not known.
    """

    name: str
    folder: Path
    config: dict[str, Any] | None
    speaker: Log
    gan: Log
    sheets: tuple[tuple[int, Path], ...]
    image_size_px: int | None
    bundle: Path | None
    n_train_faces: int | None

    @property
    def planned_images(self) -> int | None:
        """Images that the adversarial stage was to see; None where nothing tells."""
        return find_setting(self.config, "gan", "images")

    def epochs(self, images: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """Tell the epochs at which so many real images had been seen, both (values,).

        They are as logged, or else by the number of training faces; None where that is not known.
        """
        if self.gan.lines and all("epoch" in line for line in self.gan.lines):
            steps, epochs = self.gan.column("step"), self.gan.column("epoch")
            return np.interp(images, np.insert(steps, 0, 0), np.insert(epochs, 0, 0))
        return images / self.n_train_faces if self.n_train_faces else None

    @property
    def ended(self) -> str | None:
        """Why the adversarial stage ended; None where it goes on, or nothing tells."""
        try:
            why = read_json(self.folder / "gan.ended.json", DataError).get("why")
        except DataError:
            return None
        return why if isinstance(why, str) else None

    @property
    def has_ended(self) -> bool:
        """Whether the adversarial stage is through and the model exported."""
        planned = self.planned_images
        seen = max(self.gan.last_step, self.sheets[-1][0] if self.sheets else 0)
        converged = (self.ended or "").startswith("converged")
        return self.bundle is not None and (planned is None or seen >= planned or converged)


def read_runs(folders: list[Path]) -> list[Run]:
    """Read several runs, and give them names that differ.

    Raises:
        ConfigError: No run is given.
        DataError: See `read_run`.
    """
    if not folders:
        raise ConfigError("no run to report on; give the folder of at least one")
    names: list[str] = []
    for folder in folders:
        base = name = folder.resolve().name or str(folder)
        number = 1
        while name in names:
            number += 1
            name = f"{base} ({number})"
        names.append(name)
    return [read_run(folder, name) for folder, name in zip(folders, names, strict=True)]


def read_run(folder: Path, name: str) -> Run:
    """Read a run's folder. What is not there yet is left empty.

    Raises:
        DataError: The folder is no run's, or a file in it is damaged.
    """
    config_file = folder / "config.json"
    logs = {stage: folder / f"{stage}.jsonl" for stage in ("speaker", "gan")}
    if not any(path.is_file() for path in (config_file, *logs.values())):
        raise DataError(
            f"{folder}: is not a run's folder (it has neither config.json nor speaker.jsonl nor "
            "gan.jsonl); give the folder that voice2face train wrote to"
        )
    config = read_json(config_file, DataError) if config_file.is_file() else None
    bundle = folder / "bundle"
    has_bundle = (bundle / "model.json").is_file()
    size = find_setting(config, "gan", "image_size_px") or find_setting(config, "image_size_px")
    n_faces = find_setting(config, "store", "n_train_faces")
    if has_bundle:
        description = read_description(bundle)
        size = description.image_size_px
        amount = description.card.get("amount")
        if n_faces is None and isinstance(amount, dict):
            n_faces = amount.get("faces trained on")
    planned = find_setting(config, "gan", "images")
    batch = find_setting(config, "gan", "batch_size") or 0
    sheets = [
        (int(path.stem), path)
        for path in sorted((folder / "sheets").glob("*.png"))
        if _SHEET_NAME.fullmatch(path.name)
    ]
    return Run(
        name=name,
        folder=folder,
        config=config,
        speaker=read_log(logs["speaker"]),
        gan=read_log(logs["gan"]),
        # Sheets past the end are of a longer run that was here before.
        sheets=tuple(pair for pair in sheets if planned is None or pair[0] < planned + batch),
        image_size_px=size if isinstance(size, int) else None,
        bundle=bundle if has_bundle else None,
        n_train_faces=n_faces if isinstance(n_faces, int) and n_faces > 0 else None,
    )


def find_setting(config: dict[str, Any] | None, *path: str) -> Any:
    """Find a setting by its keys from outside in; None where there is none.

    Older runs keep their settings below "settings".
    """
    for root in (config, (config or {}).get("settings")):
        value: Any = root
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None:
            return value
    return None


def flatten(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """List the leaves of nested settings: dotted name, and value as JSON, but for plain text."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from flatten(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
