"""Who lives in the planted world: latent vectors, and how much a voice tells of a face at best."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import ConfigError

# What each shared factor moves in the voice, and in the face.
SHARED = (
    ("pitch", "jaw"),
    ("tract", "length"),
    ("breath", "lips"),
    ("tilt", "brows"),
    ("sibilance", "nose"),
    ("openness", "eyes"),
)
_VOICE_ONLY = ("rate", "roughness", "melody")
_FACE_ONLY = ("skin", "hair_colour", "eye_colour", "hair_volume")
VOICE_FACTORS = (*(voice for voice, _ in SHARED), *_VOICE_ONLY)
FACE_FACTORS = (*(face for _, face in SHARED), *_FACE_ONLY)

_MOST_PEOPLE = 1_000_000
_BLOCK_VALUES = 2_000_000
_IMPOSSIBLE = float(np.finfo(np.float64).min)


@dataclass(frozen=True)
class WorldSettings:
    """Proportions and nuisance of a planted world.

    Attributes:
        n_shared: How many of the factors in `SHARED`, from the first, voice and face have in
            common, 0 to 6; of the others, the voice's and the face's values are independent.
        correlation: Correlation of a shared factor's value in the voice with that in the face,
            0 to 1: the rest is each side's own.
        duration_s: Shortest and longest recording.
        snr_db: Least and greatest level of the speech above the noise.
        voice_nuisance: Size of what differs between recordings of a person (channel, mood,
            intonation, loudness): 1 as designed, 0 none.
        face_nuisance: Size of what differs between images of a person (pose, light, expression):
            1 as designed, 0 none.

    Raises:
        ConfigError: A value is out of its range; all are named.
    """

    n_shared: int = 6
    correlation: float = 0.8
    duration_s: tuple[float, float] = (3.0, 5.0)
    snr_db: tuple[float, float] = (20.0, 40.0)
    voice_nuisance: float = 1.0
    face_nuisance: float = 1.0

    def __post_init__(self) -> None:
        wrong = []
        if not 0 <= self.n_shared <= len(SHARED):
            wrong.append(f"n_shared is {self.n_shared}; 0 to {len(SHARED)} is needed")
        if not 0 <= self.correlation <= 1:
            wrong.append(f"correlation is {self.correlation}; 0 to 1 is needed")
        if not 1 <= self.duration_s[0] <= self.duration_s[1] <= 60:
            wrong.append(f"duration_s is {self.duration_s}; 1 <= shortest <= longest <= 60")
        if not -20 <= self.snr_db[0] <= self.snr_db[1] <= 100:
            wrong.append(f"snr_db is {self.snr_db}; -20 <= least <= greatest <= 100")
        amounts = {"voice_nuisance": self.voice_nuisance, "face_nuisance": self.face_nuisance}
        wrong += [
            f"{name} is {value}; 0 to 2 is needed"
            for name, value in amounts.items()
            if not 0 <= value <= 2
        ]
        if wrong:
            raise ConfigError("planted world: " + "; ".join(wrong))

    @property
    def correlations(self) -> NDArray[np.float64]:
        """(6,) correlation of voice and face for each factor of `SHARED`."""
        return np.where(np.arange(len(SHARED)) < self.n_shared, self.correlation, 0.0)


@dataclass(frozen=True)
class Person:
    """An identity of the planted world. All factors are standard normal over the population.

    Attributes:
        seed: Of the world.
        number: Of the person in it.
        gender: "female" or "male"; drives voice and face.
        shared: (6,) the factors behind both sides.
        voice: Value by name of `VOICE_FACTORS`, as the voice expresses it.
        face: Value by name of `FACE_FACTORS`, as the face expresses it.
    """

    seed: int
    number: int
    gender: str
    shared: tuple[float, ...]
    voice: dict[str, float]
    face: dict[str, float]


def person_name(number: int) -> str:
    """Name a person as stores do, such as "planted/000123"."""
    return f"planted/{number:06d}"


def random_source(seed: int, number: int, what: str, index: int = 0) -> np.random.Generator:
    """Make the random numbers of one thing of one person; they depend on nothing else.

    Args:
        seed: Of the world, at least 0.
    """
    return np.random.default_rng([seed, number, index, *what.encode()])


def sample_person(seed: int, number: int, settings: WorldSettings) -> Person:
    """Draw a person. The same numbers give the same person, however many others there are.

    With z the shared factor and r the correlation, the voice has sqrt(r) z + sqrt(1 - r) a and
    the face sqrt(r) z + sqrt(1 - r) b, where a and b are each side's own: all have unit variance,
    and voice and face have the correlation r.

    Args:
        seed: Of the world, at least 0.
        number: Of the person, 0 to 999,999.

    Raises:
        ConfigError: The seed or the number is out of range.
    """
    if seed < 0 or not 0 <= number < _MOST_PEOPLE:
        raise ConfigError(
            f"planted world: seed {seed} and person {number}; a seed of at least 0 and a person "
            f"of 0 to {_MOST_PEOPLE - 1} are needed"
        )
    random = random_source(seed, number, "latents")
    gender = "male" if random.random() < 0.5 else "female"
    shared, own_voice, own_face = random.standard_normal((3, len(SHARED)))
    r = settings.correlations
    voice = np.sqrt(r) * shared + np.sqrt(1 - r) * own_voice
    face = np.sqrt(r) * shared + np.sqrt(1 - r) * own_face
    voice = [*voice, *random.standard_normal(len(_VOICE_ONLY))]
    face = [*face, *random.standard_normal(len(_FACE_ONLY))]
    return Person(
        seed=seed,
        number=number,
        gender=gender,
        shared=tuple(map(float, shared)),
        voice=dict(zip(VOICE_FACTORS, map(float, voice), strict=True)),
        face=dict(zip(FACE_FACTORS, map(float, face), strict=True)),
    )


def line_up_scores(
    settings: WorldSettings,
    n_candidates: int,
    same_gender: bool,
    n_trials: int = 100_000,
) -> Iterator[NDArray[np.float64]]:
    """Draw line-ups of faces for a voice, and score each face as the best possible matcher does.

    It sees the true values that the voice (v) and the faces (f_1 ... f_n) express, and their
    genders. That face j is the right one makes the odds p(v, f_j) / (p(v) p(f_j)) = p(v | f_j) /
    p(v), since the others are independent of the voice. With correlation r_k of factor k,
    v_k given f_jk is normal with mean r_k f_jk and variance 1 - r_k^2; a face of another gender
    than the voice's is impossible. So, but for a constant, the logarithm of the odds is half the
    sum over k of v_k^2 - (v_k - r_k f_jk)^2 / (1 - r_k^2), which no other score can beat, neither
    in choosing among faces nor in accepting pairs. It also serves the choice of the right voice
    for a face.

    Args:
        n_candidates: Faces to choose from, at least 2.
        same_gender: Whether all are of the voice's gender; otherwise each wrong one has either
            gender with the same chance.
        n_trials: Line-ups, at least 1.

    Yields:
        (trials, n_candidates) scores, some line-ups at a time, the right face first. A face of
        the other gender has the lowest number there is; where nothing is shared, all tie.

    Raises:
        ConfigError: Fewer than two candidates or no trial.

    Source:
        Neyman and Pearson, On the problem of the most efficient tests (1933).
    """
    if n_candidates < 2 or n_trials < 1:
        raise ConfigError(
            f"ceiling: {n_candidates} candidates and {n_trials} trials; at least 2 and 1 are needed"
        )
    # A factor that is not shared tells nothing, to the last bit: it is left out.
    is_shared = settings.correlations > 0
    r = settings.correlations[is_shared]
    random = np.random.default_rng([0, *b"ceiling"])
    block = max(1, _BLOCK_VALUES // (n_candidates * len(is_shared)))
    for first in range(0, n_trials, block):
        count = min(block, n_trials - first)
        faces = random.standard_normal((count, n_candidates, len(is_shared)))[..., is_shared]
        own = random.standard_normal((count, len(is_shared)))[:, is_shared]
        voice = r * faces[:, 0] + np.sqrt(1 - r**2) * own
        errors = (voice[:, None] - r * faces) ** 2 / np.maximum(1 - r**2, 1e-12)
        scores = ((voice**2).sum(axis=-1)[:, None] - errors.sum(axis=-1)) / 2
        if not same_gender:
            scores[:, 1:][random.random((count, n_candidates - 1)) < 0.5] = _IMPOSSIBLE
        yield scores
