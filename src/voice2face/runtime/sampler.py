"""Drawing: from a voice to the faces of a seed, and to those on the way to another voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.images.pixels import to_pixels
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.reading import Clock
from voice2face.runtime.sampling import are_women, noise, slerp, stretch, voice_weights
from voice2face.runtime.speech import Voice

# Faces generated at a time; fixed, so that a face does not depend on how many are asked for.
_BATCH = 4


@dataclass(frozen=True)
class Sampler:
    """Draws faces with the random numbers of one seed; see `VoiceToFace.generate`."""

    bundle: Bundle
    seed: int
    truncation: float

    def faces(
        self, voice: Voice, samples: int, clock: Clock
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Draw faces of a voice.

        Returns:
            (samples, size, size, 3) RGB, and (samples,) how often each was drawn before, for it
            looked broken.
        """
        faces: list[NDArray[np.uint8]] = []
        redraws: list[NDArray[np.int64]] = []
        for first in range(0, samples, _BATCH):
            indices = range(first, min(first + _BATCH, samples))
            women = None
            if voice.woman_probability is not None:
                women = are_women(self.seed, indices, voice.woman_probability)
            conditions = self.conditions(voice, indices, women)
            clock.lap("embed")
            drawn = self._unbroken(conditions, indices, self._weights(voice, indices))
            faces.append(drawn[0])
            redraws.append(drawn[1])
            clock.lap("draw")
        return np.concatenate(faces), np.concatenate(redraws)

    def way(self, first: Voice, last: Voice, steps: int, index: int) -> NDArray[np.uint8]:
        """Draw (steps, size, size, 3) faces of a sample on the way between two voices."""
        ends = [self.conditions(end, [index]) for end in (first, last)]
        weights = [self._weights(end, [index]) for end in (first, last)]
        redraws = [
            int(self._unbroken(end, [index], of_end)[1][0])
            for end, of_end in zip(ends, weights, strict=True)
        ]
        if redraws[0] != redraws[1]:
            both = [self._noise([index], *one) for one in zip(weights, redraws, strict=True)]
            noises = slerp(np.eye(2)[0], np.eye(2)[1], steps) @ np.concatenate(both)
        else:
            between = None
            if weights[0] is not None and weights[1] is not None:
                between = slerp(weights[0][0], weights[1][0], steps)
            noises = self._noise(steps * [index], between, redraws[0])
        return self._pixels(self.bundle.draw(slerp(ends[0][0], ends[1][0], steps), noises))

    def conditions(
        self, voice: Voice, indices: Sequence[int], women: Sequence[bool] | None = None
    ) -> NDArray[np.float32]:
        """Give the (samples, embedding) that samples are generated from.

        Where the generator takes noise, that of the whole recording. Otherwise the first is; each
        further one is that of a random stretch, with the noise that training adds. Embeddings then
        stay among those that the generator knows: noise alone, large enough to change the face,
        leads away from them. Each is then brought to the side of its gender, where the model tells.

        Args:
            women: Gender of each sample; None gives all the more probable one.
        """
        description = self.bundle.description
        embeddings = np.repeat(voice.embedding[None], len(indices), axis=0)
        varied = [row for row, index in enumerate(indices) if index and not description.noise_dim]
        if varied:
            n_frames, dim = len(voice.log_mel), description.embedding_dim
            stretches = (
                stretch(self.seed, indices[row], n_frames, description.crop_frames, dim)
                for row in varied
            )
            frames, noises = zip(*stretches, strict=True)
            heard = self.bundle.embed(voice.log_mel[np.stack(frames)])
            # At 1 these are the very embeddings of the stretches.
            whole = np.multiply(np.float32(1 - self.truncation), voice.embedding)
            heard = np.multiply(np.float32(self.truncation), heard) + whole
            heard += (self.truncation * description.jitter * np.stack(noises)).astype(np.float32)
            embeddings[varied] = heard / np.linalg.norm(heard, axis=1, keepdims=True)
        gender, probability = description.gender, voice.woman_probability
        if gender is None or probability is None:
            return embeddings
        sides = [probability > 0.5] * len(indices) if women is None else women
        return np.stack([gender.on_side(*one) for one in zip(embeddings, sides, strict=True)])

    def _weights(self, voice: Voice, indices: Sequence[int]) -> NDArray[np.float64] | None:
        """Weigh the noises of samples by the voice: (samples, 2), where they follow from it."""
        mapped = self.bundle.description.voice_noise
        if voice.place is None or mapped is None:
            return None
        return voice_weights(self.seed, indices, voice.place, mapped.sectors)

    def _unbroken(
        self,
        conditions: NDArray[np.float32],
        indices: Sequence[int],
        weights: NDArray[np.floating] | None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Draw a face for each (embedding,), again while it looks broken: see `faces`."""
        faces = self.bundle.draw(conditions, self._noise(indices, weights))
        redraws = np.zeros(len(faces), np.int64)
        logits, redraw = self.bundle.artifact_logits(faces), self.bundle.description.redraw
        if logits is None or redraw is None:
            return self._pixels(faces), redraws
        for number in range(1, redraw.most + 1):
            broken = np.flatnonzero(logits > redraw.threshold)
            if not len(broken):
                break
            again = self.bundle.draw(
                conditions[broken], self._noise(indices, weights, number)[broken]
            )
            found = self.bundle.artifact_logits(again)
            assert found is not None
            better = found < logits[broken]
            rows = broken[better]
            faces[rows], logits[rows], redraws[rows] = again[better], found[better], number
        return self._pixels(faces), redraws

    def _noise(
        self, indices: Sequence[int], weights: NDArray[np.floating] | None, redraw: int = 0
    ) -> NDArray[np.float32]:
        """Draw the scaled noise of the samples of some numbers."""
        drawn = noise(self.seed, indices, self.bundle.description.noise_dim, weights, redraw)
        return drawn * np.float32(self.truncation)

    def _pixels(self, faces: NDArray[np.float32]) -> NDArray[np.uint8]:
        return to_pixels(faces, self.bundle.description.pixel_range)
