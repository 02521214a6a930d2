"""Verification trials on speakers that the voice encoder does not learn from, after each epoch."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import nn

from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.front_end import extract
from voice2face.audio.log_mel import normalise_bands
from voice2face.audio.settings import FrontEnd
from voice2face.data.store import Store, rows_by_identity
from voice2face.errors import RecordingError
from voice2face.metrics.verification import eer, min_dcf, sample_trials
from voice2face.records import Recording
from voice2face.training.speaker.augmented_crops import other_speakers
from voice2face.training.speaker.embedding import embedded

# What is done to the recordings of a trial, both of them. Of several settings each recording draws
# one: taking turns would tell the halves of a recording apart by their noise.
CONDITIONS: dict[str, tuple[AugmentSettings, ...]] = {
    "clean": (),
    "noisy": (
        AugmentSettings(noise=1.0, noise_snr_db=(0.0, 10.0)),
        AugmentSettings(babble=1.0, babble_snr_db=(0.0, 10.0)),
    ),
    "disfluent": (AugmentSettings(disfluency=1.0, disfluencies_a_s=(1.0, 2.0)),),
}

# Of all runs, whatever their seed, so that their figures can be compared.
_SEED = 0
_TRIALS = 10_000
# Bounds on the work after an epoch.
_RECORDINGS_A_SPEAKER = 10
_SPEAKERS = 200
_LONGEST_S = 20.0


@dataclass(frozen=True)
class _Segment:
    """A recording, or one of its halves."""

    row: int
    half: int | None

    def cut(self, whole: NDArray, most: int) -> NDArray:
        middle = len(whole) // 2
        parts = {None: whole, 0: whole[:middle], 1: whole[middle:]}
        return parts[self.half][:most]


@dataclass(frozen=True)
class SpeakerTrials:
    """Trials, with what the voice encoder is to hear in them.

    Attributes:
        split: The split that they are from.
        identities: Speaker of each recording, or half of one.
        inputs: By condition, (frames, mels) float16 log-mel spectrograms of those.
        left: One side of each trial: an index into `identities`.
        right: The other side.
        is_target: True where both are of one speaker.
        min_frames: Shorter spectrograms are repeated to this length, as in use.
    """

    split: str
    identities: tuple[str, ...]
    inputs: dict[str, list[NDArray[np.float16]]]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    is_target: NDArray[np.bool_]
    min_frames: int

    def measure(self, encoder: nn.Module) -> dict[str, float]:
        """Tell the error rates of the trials.

        Returns:
            `verification/<condition>_eer` and `verification/<condition>_min_dcf`, 0 to 1.
        """
        scalars = {}
        for condition, scores in self.scores(encoder).items():
            scalars[f"verification/{condition}_eer"] = eer(scores, self.is_target)
            scalars[f"verification/{condition}_min_dcf"] = min_dcf(scores, self.is_target)
        return scalars

    def scores(self, encoder: nn.Module) -> dict[str, Float[np.ndarray, " trials"]]:
        """Score the trials by the cosine of their embeddings.

        Args:
            encoder: From (batch, mels, frames) to embeddings; it is left in the mode it was in.
        """
        scores = {}
        for condition, inputs in self.inputs.items():
            embeddings = embedded(encoder, inputs, self.min_frames)
            scores[condition] = np.einsum("te,te->t", embeddings[self.left], embeddings[self.right])
        return scores


def speaker_trials(store: Store, front_end: FrontEnd) -> SpeakerTrials | None:
    """Make trials of the speakers of the validation split, or of the test split without one.

    A speaker with one recording gives its two halves instead, so that there are trials of one
    speaker; these are easier than trials across recordings, since the halves share a channel.
    With waveforms in the store there are noisy and disfluent trials beside the clean ones, made
    here once and always the same: the same pairs, with both sides made worse. A recording in which
    one condition leaves too little speech is in no trial.

    Returns:
        The trials; None where fewer than two speakers are left.
    """
    split = "val" if "val" in store.voices["split"] else "test"
    segments = list(_segments(store, split))
    inputs: dict[str, list[NDArray[np.float16]]] = defaultdict(list)
    kept: list[_Segment] = []
    for index, segment in enumerate(segments):
        try:
            heard = _conditions(store, segments, index, front_end)
        except RecordingError:
            continue
        kept.append(segment)
        for condition, bands in heard.items():
            inputs[condition].append(bands)
    identities = [store.voices["identity"][segment.row] for segment in kept]
    counts = Counter(identities)
    usable = [index for index, name in enumerate(identities) if counts[name] > 1]
    if len({identities[index] for index in usable}) < 2:
        return None
    names = tuple(identities[index] for index in usable)
    left, right, is_target = sample_trials(names, _TRIALS, _SEED)
    of_usable = {name: [of[index] for index in usable] for name, of in inputs.items()}
    return SpeakerTrials(split, names, of_usable, left, right, is_target, front_end.min_frames)


def _segments(store: Store, split: str) -> Iterator[_Segment]:
    """Recordings of a split's speakers, none of whom is trained on."""
    trained = rows_by_identity(store.voices, "train")
    rows = rows_by_identity(store.voices, split)
    for name in sorted(rows.keys() - trained.keys())[:_SPEAKERS]:
        of_speaker = rows[name][:_RECORDINGS_A_SPEAKER]
        halves = (0, 1) if len(of_speaker) == 1 else (None,)
        for row in of_speaker:
            yield from (_Segment(row, half) for half in halves)


def _conditions(
    store: Store, segments: list[_Segment], index: int, front_end: FrontEnd
) -> dict[str, NDArray[np.float16]]:
    """What is heard of a segment in each condition that the store allows."""
    segment = segments[index]
    if store.waveforms is None:
        most = int(_LONGEST_S * front_end.sample_rate_hz / front_end.hop_length)
        bands = segment.cut(store.log_mel(segment.row), most)
        # A half that is normalised over the whole tells of the other half.
        return {"clean": normalise_bands(bands).astype(np.float16)}
    rate_hz = front_end.sample_rate_hz
    waveform = segment.cut(store.waveform(segment.row), int(_LONGEST_S * rate_hz))
    heard = {}
    for number, (condition, choice) in enumerate(CONDITIONS.items()):
        worse = waveform
        if choice:
            random = np.random.default_rng([_SEED, number, index])
            settings = choice[int(random.integers(len(choice)))]
            rows = [one.row for one in segments]
            most = settings.babble_speakers[1]
            others = other_speakers(store, rows, segment.row, most, random)
            worse = augment(waveform, settings, others, random, rate_hz)
        features = extract(Recording(condition, worse, rate_hz), front_end)
        heard[condition] = features.log_mel.astype(np.float16)
    return heard
