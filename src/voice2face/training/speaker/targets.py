"""What the voice encoder is to answer for each recording, beside who speaks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from voice2face.data.store import Store
from voice2face.training.speaker.augmented_crops import TrainingSpeakers
from voice2face.training.speaker.gender_fit import fit_logistic
from voice2face.training.speaker.identifier import WOMAN
from voice2face.training.speaker.settings import SpeakerSettings
from voice2face.training.speaker.teachers import teacher_targets
from voice2face.training.speaker.variants import original_recordings

# Of the regression on the teacher's embeddings, which tell gender almost without an error.
_PENALTY = 1e-2


@dataclass(frozen=True)
class Targets:
    """What is known of each recording that is trained on, beside who speaks.

    Attributes:
        teacher: (recordings, embedding) of unit length; None without a teacher.
        woman: (recordings,) probability of a woman: 1 or 0 where the data tell; otherwise by a
            logistic regression on the teacher's embeddings, or not a number without a teacher;
            None where gender is not learned.
    """

    teacher: Tensor | None = None
    woman: Tensor | None = None

    @classmethod
    def from_store(
        cls,
        store: Store,
        speakers: TrainingSpeakers,
        stage: SpeakerSettings,
        folder: Path,
    ) -> Targets:
        """Gather what the settings ask for; of a variant, that of its recording.

        Raises:
            ConfigError: There is no such teacher.
            DataError: The store holds no waveforms, which the teacher hears.
            MissingDependencyError: The teacher's package is not installed.
        """
        teacher = woman = None
        if stage.teacher:
            base, rows = original_recordings(store, speakers.rows)
            dim = stage.encoder.embedding_dim
            teacher = teacher_targets(folder, base, rows, stage.teacher, dim)
        if stage.gender_weight:
            gender = store.voices["gender"]
            woman = torch.tensor([WOMAN.get(gender[row], float("nan")) for row in speakers.rows])
            if teacher is not None:
                woman = _with_posterior(woman, teacher)
        return cls(teacher, woman)

    def at(self, chosen: Int[Tensor, " batch"], device: torch.device | str) -> Targets:
        """Those of some recordings, on a device."""
        teacher, woman = (
            None if of_all is None else of_all[chosen].to(device)
            for of_all in (self.teacher, self.woman)
        )
        return Targets(teacher, woman)


def _with_posterior(
    woman: Float[Tensor, " recordings"], teacher: Float[Tensor, "recordings embedding"]
) -> Float[Tensor, " recordings"]:
    """Fill in the probability of a woman where no label tells."""
    known = ~woman.isnan()
    if known.all() or len(woman[known].unique()) < 2:
        return woman
    evidence = fit_logistic(teacher[known].numpy(), woman[known].numpy() == 1, _PENALTY)
    filled_in = [evidence.probability_of_woman(one) for one in teacher[~known].numpy()]
    filled = woman.clone()
    filled[~known] = torch.from_numpy(np.array(filled_in, np.float32))
    return filled
