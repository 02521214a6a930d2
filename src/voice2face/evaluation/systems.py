"""Systems to score: a bundle of ours, or a folder of images that any other system drew."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.errors import DataError
from voice2face.evaluation.interfaces import Rows, System
from voice2face.evaluation.keys import row_keys
from voice2face.images.photographs import read_face
from voice2face.runtime.description import bundled_models
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.runtime.sampling import recording_seed

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_NAMED = 5


class BundleSystem:
    """A bundle, given the spectrograms of the store, so that no recording is read again."""

    def __init__(self, model: VoiceToFace) -> None:
        self.model = model
        self.name = model.description.name

    @property
    def shares_noise(self) -> bool:
        """Whether faces of one seed have the same noise, whatever the recording."""
        return self.model.description.noise_dim > 0

    def generate(self, store: Store, rows: Rows, samples: int, seed: int) -> NDArray[np.uint8]:
        """Give faces for recordings; see `interfaces.System`.

        Args:
            seed: For all but the first; of a model that takes noise, for that one too.

        Returns:
            (n, samples, size, size, 3) RGB.

        Raises:
            DataError: The store's spectrograms are of another front end than the bundle's.
        """
        store.require_front_end(self.model.description.front_end, self.name)

        def faces(row: int) -> NDArray[np.uint8]:
            return self.model.imagine(store.log_mel(row), samples, seed)

        # ONNX Runtime runs each network on one thread and lets go of Python meanwhile.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return np.stack(list(pool.map(faces, [int(row) for row in rows])))


class FolderSystem:
    """Images that some system drew, one a recording, named by the recording's key.

    The keys are in `recordings.parquet` of the trial lists; `keys.row_keys` makes them.

    Raises:
        DataError: It is no folder, or has two images of one name.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(
                f"{folder}: is not a folder; give a folder with one image per recording"
            )
        self.name = folder.name
        self._folder = folder
        self._paths: dict[str, Path] = {}
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                if path.stem in self._paths:
                    raise DataError(f"{path}: {self._paths[path.stem].name} has the same name")
                self._paths[path.stem] = path

    def generate(self, store: Store, rows: Rows, samples: int, seed: int) -> NDArray[np.uint8]:
        """Read the faces for recordings; see `interfaces.System`.

        Args:
            samples: Faces a recording; as there is one image, it is given so many times.

        Returns:
            (n, samples, size, size, 3) RGB, at the size of the store's faces.

        Raises:
            DataError: Recordings have no image; they are named. Or an image cannot be read.
        """
        keys = row_keys(store.voices)
        wanted = [keys[int(row)] for row in rows]
        missing = [key for key in wanted if key not in self._paths]
        if missing:
            more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
            raise DataError(
                f"{self._folder}: has no image for {len(missing)} of {len(wanted)} recordings: "
                f"{', '.join(missing[:_NAMED])}{more}; name each image by the key of its recording "
                "in recordings.parquet of the trial lists"
            )
        size = store.images.shape[1]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            read = pool.map(lambda key: read_face(self._paths[key], size, 1.0), wanted)
            faces = np.stack(list(read))
        return np.repeat(faces[:, None], samples, axis=1)


def shares_noise(system: System) -> bool:
    """Whether a system's faces of one seed have the same noise, whatever the recording."""
    return getattr(system, "shares_noise", False)


def generate_apart(
    system: System, store: Store, rows: Rows, samples: int, seed: int
) -> NDArray[np.uint8]:
    """Give faces for recordings, each recording's with random numbers of its own.

    With noise that recordings share, many of them show few poses and lights; how good and how
    varied faces are must not be told from those.

    Returns:
        (n, samples, size, size, 3) RGB.
    """
    seeds = [recording_seed(seed, int(row)) for row in rows]
    drawn = [
        system.generate(store, np.array([row]), samples, own)
        for row, own in zip(rows, seeds, strict=True)
    ]
    return np.concatenate(drawn)


def find_systems(names: Sequence[str]) -> list[BundleSystem | FolderSystem]:
    """Find systems by what a user writes.

    Args:
        names: Each a shipped model, the folder of a bundle, or a folder of images.

    Returns:
        The systems; those that would share a name are called by as much of the end of their path
        as tells them apart.

    Raises:
        BundleError: A bundle is damaged.
        DataError: One is none of these.
    """
    systems = [_find_system(name) for name in names]
    count = Counter(one.name for one in systems)
    alike = [name for one, name in zip(systems, names, strict=True) if count[one.name] > 1]
    called = _distinct_names(alike)
    for one, name in zip(systems, names, strict=True):
        one.name = called.get(name, one.name)
    return systems


def _distinct_names(paths: Sequence[str]) -> dict[str, str]:
    """Call each path by its end, as long as tells all apart; by itself where none does."""
    parts = {path: Path(path).parts for path in paths}
    for length in range(1, max(map(len, parts.values()), default=0) + 1):
        ends = {path: "/".join(of_path[-length:]) for path, of_path in parts.items()}
        if len(set(ends.values())) == len(ends):
            return ends
    return {path: path for path in paths}


def _find_system(name: str) -> BundleSystem | FolderSystem:
    folder = Path(name)
    if name in bundled_models() or folder.suffix == ".zip" or (folder / "model.json").is_file():
        return BundleSystem(VoiceToFace.load(name))
    return FolderSystem(folder)
