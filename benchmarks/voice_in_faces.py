"""How far the voice moves the face at one seed, for speakers that the map was not fitted to.

    python benchmarks/voice_in_faces.py STORE MODEL > result.json

The map from voices to noise (`runtime/voice_noise.py`) is fitted anew without each fifth of the
store's training speakers that have several recordings and a gender. Faces are drawn for the
recordings of these, of their gender, and compared as EfficientNet-Lite2's features and dlib's face
recogniser see them, and by their noise:

- between speakers of a gender at one seed, over between seeds of one recording;
- between recordings of one speaker at one seed, over between speakers.

MODEL takes noise; the first row is of the model without the map.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from record import line
from voice2face.data.store import Store
from voice2face.judges import FACE_RECOGNISERS, IMAGE_FEATURES, load_judge
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import find_bundle
from voice2face.runtime.reading import Clock
from voice2face.runtime.sampler import Sampler
from voice2face.runtime.sampling import noise, voice_weights
from voice2face.runtime.speech import Voice, embed_voice
from voice2face.training.gan.voice_noise_fit import fitted_to

FOLDS, SEEDS = 5, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("model")
    options = parser.parse_args()
    store, bundle = Store.open(options.store), Bundle(find_bundle(options.model))
    voices = Voices(store, bundle)
    judges: dict[str, Callable[[NDArray[np.uint8]], NDArray[np.floating]]] = {
        "efficientnet-lite2": load_judge(IMAGE_FEATURES, "efficientnet-lite2").extract,
        "dlib-resnet": load_judge(FACE_RECOGNISERS, "dlib-resnet").embed,
    }
    figures: dict = {}
    for mapped in (False, True):
        faces, noises = voices.drawn(mapped)
        seen = {name: np.stack([judge(of) for of in faces]) for name, judge in judges.items()}
        seen["noise"] = noises
        figures["noise follows from the voice" if mapped else "noise of the seed alone"] = {
            name: voices.ratios(found) for name, found in seen.items()
        }
    rounded = json.loads(json.dumps(figures), parse_float=lambda x: round(float(x), 3))
    said = line(
        "voice_in_faces",
        ("numpy", "onnxruntime"),
        speakers=len(set(voices.speakers)),
        recordings=len(voices.speakers),
        seeds=SEEDS,
        figures=rounded,
    )
    print(said)


class Voices:
    """Embedded recordings of training speakers, each in the fold that its map is not fitted to."""

    def __init__(self, store: Store, bundle: Bundle) -> None:
        self.store, self.bundle = store, bundle
        known = [
            row
            for row, (split, gender) in enumerate(
                zip(store.voices["split"], store.voices["gender"], strict=True)
            )
            if split == "train" and gender is not None
        ]
        heard = [embed_voice(bundle, "", store.log_mel(row)) for row in known]
        self.all_embeddings = np.stack([voice.embedding for voice in heard])
        self.all_speakers, self.all_genders, self.all_sets = (
            np.array([store.voices[column][row] for row in known])
            for column in ("identity", "gender", "data_set")
        )
        names, counts = np.unique(self.all_speakers, return_counts=True)
        several = names[counts > 1]
        folds = dict(zip(several, np.random.default_rng(0).permutation(len(several)), strict=True))
        self.at = np.flatnonzero(np.isin(self.all_speakers, several))
        self.folds = np.array([folds[name] % FOLDS for name in self.all_speakers[self.at]])
        self.speakers, self.genders = self.all_speakers[self.at], self.all_genders[self.at]
        self.voices = [heard[at] for at in self.at]

    def drawn(self, mapped: bool) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
        """Faces (recordings, seeds, size, size, 3), and their noise (recordings, seeds, dim)."""
        about = dataclasses.replace(self.bundle.description, voice_noise=None)
        faces, noises = [], []
        for fold in range(FOLDS):
            held_out = np.flatnonzero(self.folds == fold)
            if mapped:
                kept = ~np.isin(self.all_speakers, self.speakers[held_out])
                about = dataclasses.replace(
                    about,
                    voice_noise=fitted_to(
                        self.all_embeddings[kept],
                        self.all_speakers[kept],
                        self.all_genders[kept] == "female",
                        self.all_sets[kept],
                    ),
                )
            self.bundle.description = about
            for voice, gender in zip(
                (self.voices[at] for at in held_out), self.genders[held_out], strict=True
            ):
                place = None
                if about.voice_noise is not None:
                    place = about.voice_noise.place(voice.embedding, voice.woman_probability)
                # As of a voice whose gender is heard rightly, so that only the noise differs.
                sure = dataclasses.replace(
                    voice, place=place, woman_probability=float(gender == "female")
                )
                faces.append(np.concatenate([self._face(sure, seed) for seed in range(SEEDS)]))
                for seed in range(SEEDS):
                    weights = None
                    if place is not None and about.voice_noise is not None:
                        weights = voice_weights(seed, [0], place, about.voice_noise.sectors)
                    noises.append(noise(seed, [0], about.noise_dim, weights)[0])
        back = np.argsort(np.argsort(self.folds, kind="stable"), kind="stable")
        return np.stack(faces)[back], np.reshape(noises, (len(back), SEEDS, -1))[back]

    def _face(self, voice: Voice, seed: int) -> NDArray[np.uint8]:
        """The first face of a seed: (1, size, size, 3)."""
        return Sampler(self.bundle, seed, truncation=1.0).faces(voice, 1, Clock())[0]

    def ratios(self, found: NDArray[np.floating]) -> dict[str, float]:
        """The two ratios, of (recordings, seeds, features); genders weigh as they are many."""
        same, between, seeds = [], [], []
        for one, other in itertools.combinations(range(len(found)), 2):
            if self.genders[one] != self.genders[other]:
                continue
            distances = np.linalg.norm(found[one] - found[other], axis=1)
            kind = same if self.speakers[one] == self.speakers[other] else between
            kind.append(distances.mean())
        for of in found:
            pairs = itertools.combinations(of, 2)
            seeds.append(np.mean([np.linalg.norm(one - other) for one, other in pairs]))
        return {
            "between speakers over between seeds": float(np.mean(between) / np.mean(seeds)),
            "within a speaker over between speakers": float(
                np.mean(same) / max(np.mean(between), 1e-9)
            ),
        }


if __name__ == "__main__":
    main()
