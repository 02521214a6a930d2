"""Batches of the adversarial stage: embedded voices, faces, and what is known of both."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from voice2face.data.manifest import SPLITS
from voice2face.data.pairing import PAIRING_FIELDS, Pairing
from voice2face.data.store import Store
from voice2face.errors import ConfigError, DataError
from voice2face.training.crops import (
    VoiceCrops,
    crop_length,
    faces_to_tensor,
    random_source,
    sample_indices,
)
from voice2face.training.engine import Engine
from voice2face.training.gan.differentiable_augment import N_NUMBERS
from voice2face.training.gan.settings import GanSettings
from voice2face.training.gan.trainer import Batch, jittered

# Of each recording its first ten seconds of speech, as the front end makes shorter ones.
_SHEET_FRAMES = 1000
_VOICES_A_TIME = 32
_FACES_A_TIME = 512


class PairedBatches:
    """Draws the batch of any step; the whole training set lies on the engine's device.

    Raises:
        ConfigError: A classifier's column does not exist, or the batch cannot be shared.
        DataError: A classifier's column tells nothing apart.
    """

    def __init__(
        self,
        store: Store,
        pairing: Pairing,
        encoder: nn.Module,
        stage: GanSettings,
        seed: int,
        engine: Engine,
    ) -> None:
        device = engine.device
        self._stage, self._seed, self._engine, self._encoder = stage, seed, engine, encoder
        group = stage.batch_multiple
        self._share = engine.share(stage.batch_size, group)
        self._crops = VoiceCrops(store, device)
        self._images = torch.from_numpy(store.images[pairing.face_rows]).to(device)
        self._voice_rows = torch.from_numpy(pairing.voice_rows).to(device)
        self._face_rows = torch.from_numpy(pairing.face_rows).to(device)
        self.classifiers = {"classifier": len(pairing.labels)}
        voice_labels, face_labels = [pairing.voice_labels], [pairing.face_labels]
        for column in stage.label_columns:
            labels, of_voices, of_faces = _column_labels(store, pairing, column)
            self.classifiers[f"classifier_{column}"] = len(labels)
            voice_labels.append(of_voices)
            face_labels.append(of_faces)
        self._voice_labels = torch.from_numpy(np.stack(voice_labels)).to(device)
        self._face_labels = torch.from_numpy(np.stack(face_labels)).to(device)
        # Faces in order of their label, and where each label's begin.
        self._by_label = self._face_labels[0].argsort(stable=True)
        counts = self._face_labels[0].bincount(minlength=len(pairing.labels))
        self._of_label = torch.stack([counts.cumsum(0) - counts, counts])

    def batch(self, images: int) -> Batch:
        """Draw this process's share of the step that begins at some progress.

        Args:
            images: Images seen before the step.

        Returns:
            The batch: the same for the same settings and progress.
        """
        random = random_source(self._seed, "gan", images, self._engine.device)
        count, share = self._stage.batch_size, self._share
        device = self._engine.device
        # All is drawn for the whole batch: the numbers do not depend on how it is shared.
        voices = sample_indices(len(self._voice_rows), count, random)[share]
        faces = sample_indices(len(self._images), count, random)[share]
        where = torch.rand(count, generator=random, device=device)[share]
        mirrored = (torch.rand(count, generator=random, device=device) < 0.5)[share]
        length = crop_length(self._stage.crop_frames, self._seed, "gan", images)
        with torch.no_grad(), self._engine.autocast():
            log_mel = self._crops.crop(self._voice_rows[voices], length, where)
            embedding = self._encoder(log_mel).float()
        noise = torch.randn((count, embedding.shape[1]), generator=random, device=device)[share]
        z = augmentation = None
        if self._stage.noise_dim:
            faces = self._matched(voices, torch.rand(count, generator=random, device=device)[share])
            z = torch.randn((count, self._stage.noise_dim), generator=random, device=device)[share]
            numbers = (2, count, N_NUMBERS)
            augmentation = torch.rand(numbers, generator=random, device=device)[:, share]
        return Batch(
            voices=jittered(embedding, self._stage.jitter * noise),
            voice_labels=self._voice_labels[:, voices],
            faces=faces_to_tensor(self._images[faces], mirrored if self._stage.flip else None),
            face_labels=self._face_labels[:, faces],
            voice_rows=self._voice_rows[voices],
            face_rows=self._face_rows[faces],
            noise=z,
            augmentation=augmentation,
        )

    def all_faces(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Give all faces, unmirrored, and the label of each, some at a time."""
        labels = self._face_labels[0].split(_FACES_A_TIME)
        for images, of_images in zip(self._images.split(_FACES_A_TIME), labels, strict=True):
            yield faces_to_tensor(images), of_images

    def all_voices(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Embed the beginnings of all recordings, and give the label of each, some at a time."""
        labels = self._voice_labels[0].split(_VOICES_A_TIME)
        for rows, of_voices in zip(self._voice_rows.split(_VOICES_A_TIME), labels, strict=True):
            yield _beginnings(self._crops, self._encoder, rows), of_voices

    def _matched(
        self, voices: Int[Tensor, " batch"], where: Float[Tensor, " batch"]
    ) -> Int[Tensor, " batch"]:
        """Draw a face of the label of each voice."""
        first, count = self._of_label[:, self._voice_labels[0, voices]]
        return self._by_label[first + (where * count).long()]


def _column_labels(
    store: Store, pairing: Pairing, column: str
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Number what a column of the manifest says of the paired voices and faces.

    Returns:
        The values that faces have, sorted; the number of each voice's value, and of each face's;
        -1 where it is not told, or no face has it.

    Raises:
        ConfigError: There is no such column.
        DataError: Faces have fewer than two values.
    """
    if column not in PAIRING_FIELDS:
        raise ConfigError(f"classifiers {column!r}: give some of {', '.join(PAIRING_FIELDS)}")
    of_faces = [store.faces[column][row] for row in pairing.face_rows]
    labels = tuple(sorted({value for value in of_faces if value is not None}))
    if len(labels) < 2:
        raise DataError(
            f"{store.folder}: column {column!r} has a single label "
            f"({', '.join(labels) or 'it is empty'}); leave this classifier out"
        )
    number = {label: index for index, label in enumerate(labels)}
    of_voices = [store.voices[column][row] for row in pairing.voice_rows]
    return (
        labels,
        np.array([number.get(value, -1) for value in of_voices], dtype=np.int64),
        np.array([number.get(value, -1) for value in of_faces], dtype=np.int64),
    )


def whole_recordings(
    store: Store, encoder: nn.Module, count: int, seed: int, device: torch.device
) -> Float[Tensor, "count embedding"]:
    """Embed fixed recordings of people who are not trained on, for sheets and validation.

    Args:
        count: How many; fewer where the store holds fewer.

    Returns:
        Unit embeddings of recordings of the validation split, else of the test split, else, where
        nobody is held out, of the training split.
    """
    splits = store.voices["split"]
    split = next(name for name in (*SPLITS[1:], SPLITS[0]) if name in splits)
    rows = [row for row, of_split in enumerate(splits) if of_split == split]
    order = torch.randperm(len(rows), generator=random_source(seed, "sheet", 0))
    return embedded(store, encoder, torch.tensor(rows)[order[:count]], device)


def embedded(
    store: Store, encoder: nn.Module, rows: Int[Tensor, " count"], device: torch.device
) -> Float[Tensor, "count embedding"]:
    """Embed the beginnings of recordings, by their rows of the voice manifest, at unit length."""
    return _beginnings(VoiceCrops(store, device), encoder, rows.to(device))


def _beginnings(
    crops: VoiceCrops, encoder: nn.Module, rows: Int[Tensor, " count"]
) -> Float[Tensor, "count embedding"]:
    found = []
    for part in rows.split(_VOICES_A_TIME):
        beginning = torch.zeros(len(part), device=part.device)
        with torch.no_grad():
            found.append(encoder(crops.crop(part, _SHEET_FRAMES, beginning)))
    return F.normalize(torch.cat(found))
