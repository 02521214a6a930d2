"""The voice encoder with the heads that teach it: speakers, a teacher's embeddings, gender."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from voice2face.networks import VOICE_ENCODERS, build
from voice2face.training.speaker.augmented_crops import UNKNOWN
from voice2face.training.speaker.losses import SPEAKER_LOSSES, predicted
from voice2face.training.speaker.settings import SpeakerSettings

WOMAN = {"female": 1.0, "male": 0.0}
# A unit embedding alone could not make a sure answer.
GENDER_SCALE = 10.0


class Identifier(nn.Module):
    """The voice encoder with the heads that teach it.

    Attributes:
        encoder: F_e.
        head: Its weight has a row a speaker.
        gender: Log-odds of a woman, of the unit embedding times `GENDER_SCALE`; None where gender
            is not learned.
    """

    def __init__(self, stage: SpeakerSettings, n_speakers: int) -> None:
        super().__init__()
        dim = stage.encoder.embedding_dim
        self.encoder = build(VOICE_ENCODERS, stage.encoder)
        self.head = nn.Linear(dim, n_speakers, bias=False)
        self.gender = nn.Linear(dim, 1) if stage.gender_weight else None
        self._stage = stage

    def forward(
        self,
        log_mel: Float[Tensor, "batch mels frames"],
        labels: Int[Tensor, " batch"],
        teacher: Float[Tensor, "batch embedding"] | None = None,
        woman: Float[Tensor, " batch"] | None = None,
    ) -> tuple[Float[Tensor, ""], dict[str, Float[Tensor, ""]]]:
        """Identify the speakers of a batch, and what else is asked.

        Args:
            labels: `UNKNOWN` takes no part in telling speakers apart.

        Returns:
            The loss, and what the log tells: the share of the batch that is told right, and the
            mean cosine to the teacher.
        """
        stage, weight = self._stage, self.head.weight
        embedding = self.encoder(log_mel).float()
        # Angles and logits in bfloat16 would be off by more than a margin is worth.
        with torch.autocast(log_mel.device.type, enabled=False):
            known = labels != UNKNOWN
            loss = stage.speaker_weight * SPEAKER_LOSSES[stage.loss](
                embedding[known], weight, labels[known], stage.margin, stage.scale
            )
            right = predicted(stage.loss, embedding, weight) == labels
            scalars = {"accuracy": right.sum() / known.sum().clamp(min=1)}
            unit = nn.functional.normalize(embedding, dim=1)
            if teacher is not None:
                cosines = (unit * teacher).sum(dim=1)
                scalars["teacher_cosine"] = cosines.mean()
                loss = loss + stage.teacher_weight * (1 - cosines).mean()
            if self.gender is not None and woman is not None:
                logits = self.gender(GENDER_SCALE * unit)[:, 0]
                known = ~woman.isnan()
                entropies = nn.functional.binary_cross_entropy_with_logits(
                    logits, woman.nan_to_num(), reduction="none"
                )
                mean = (known * entropies).sum() / known.sum().clamp(min=1)
                loss = loss + stage.gender_weight * mean
                scalars["gender_loss"] = mean
        return loss, scalars
