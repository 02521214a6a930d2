"""Strong speaker encoders that the small one learns to imitate.

The teacher hears the clean recording; the student, a short stretch of it made worse. Whoever has
taught a model cannot judge it: the card says which judges that leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from tqdm import tqdm

from voice2face.data.store import Store
from voice2face.errors import look_up
from voice2face.files import atomic_path, content_key
from voice2face.pretrained.resemblyzer import Resemblyzer
from voice2face.training.speaker.augmented_crops import require_waveforms

# Of a recording; more tells the teacher little about who speaks.
_LONGEST_S = 8.0
_TOGETHER = 16


class _Teacher(Protocol):
    """A speaker encoder."""

    def embed_many(self, waveforms: Sequence[NDArray[np.int16]]) -> NDArray[np.float32]:
        """Embed recordings.

        Args:
            waveforms: (samples,) int16 each, 16 kHz.

        Returns:
            (recordings, teacher) of unit length.

        Raises:
            RecordingError: No speech was found in one of them.
        """
        ...


TEACHERS: dict[str, Callable[[], _Teacher]] = {Resemblyzer.name: Resemblyzer}


def teacher_targets(
    folder: Path, store: Store, rows: Sequence[int], name: str, dim: int
) -> Float[Tensor, "recordings embedding"]:
    """Tell what the student is to answer, or find the file that it is in.

    Args:
        folder: Where the file is; its name tells what it was made of.
        rows: Recordings: rows of the voice manifest; each is heard once, however often it is there.

    Returns:
        The teacher's embeddings of the clean recordings, along their principal directions and of
        unit length; zeros where the teacher finds no speech.

    Raises:
        ConfigError: There is no such teacher.
        DataError: The store holds no waveforms.
        MissingDependencyError: The teacher's package is not installed.
        RecordingError: The teacher finds no speech in a recording.
        OutputError: The file cannot be written.
    """
    make = look_up("teacher", name, TEACHERS)
    require_waveforms(store, f"the teacher {name!r} is to hear")
    different = sorted(set(rows))
    made_of = [store.card.get("content_sha256"), different, name, _LONGEST_S]
    key = content_key(made_of)
    path = folder / f"speaker.teacher-{key}.safetensors"
    if not path.exists():
        teacher = make()
        most = int(_LONGEST_S * 16000)
        waveforms = [store.waveform(row)[:most] for row in different]
        found = [
            teacher.embed_many(waveforms[at : at + _TOGETHER])
            for at in tqdm(range(0, len(waveforms), _TOGETHER), name)
        ]
        with atomic_path(path) as temporary:
            save_file({"embedding": torch.from_numpy(np.concatenate(found))}, temporary)
    embeddings = load_file(path)["embedding"]
    mean, directions = principal_directions(embeddings, dim)
    targets = nn.functional.normalize((embeddings - mean) @ directions, dim=1)
    place = {row: index for index, row in enumerate(different)}
    return targets[torch.tensor([place[row] for row in rows])]


def principal_directions(
    embeddings: Float[Tensor, "recordings teacher"], dim: int
) -> tuple[Float[Tensor, " teacher"], Float[Tensor, "teacher embedding"]]:
    """Find the directions in which embeddings differ most.

    Returns:
        Their mean, and the directions, of unit length and at right angles to each other.
    """
    mean = embeddings.mean(dim=0)
    # In float64, and each with its largest part positive, so that machines agree on the signs.
    _, _, rows = torch.linalg.svd((embeddings - mean).double(), full_matrices=False)
    rows = rows[:dim]
    largest = rows.gather(1, rows.abs().argmax(dim=1, keepdim=True))
    found = torch.zeros(embeddings.shape[1], dim, dtype=torch.float64)
    found[:, : len(rows)] = (rows * largest.sign()).T
    return mean, found.to(embeddings.dtype)
