"""Matching people by name, where voices and faces come from different data sets.

Names are compared in a normal form, and nothing that differs in it is ever merged: likely
spelling variants are listed, for a person to confirm in a table of variants.
"""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from voice2face.data.tables import read_table
from voice2face.errors import DataError

__all__ = ["KNOWN_VARIANTS", "NameMatching", "match_names", "normalise_name", "read_variants"]

# Spelling variants that a publication or a data set's authors document: normalised variant to
# normalised name. None is known so far: the names of VoxCeleb1 were taken over from VGGFace.
KNOWN_VARIANTS: Mapping[str, str] = MappingProxyType({})

# Names this alike are near misses, by difflib's ratio: 2 x matching letters / all letters.
_NEAR = 0.85
# A word or an initial that makes more pairs than this tells nothing, such as "speaker".
_MAX_PAIRS_A_BLOCK = 20_000

_APOSTROPHES = frozenset("'’ʼ‘`´ʻ")
# Letters that do not decompose into a base letter and an accent.
_LETTERS = str.maketrans(
    {"æ": "ae", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "œ": "oe", "þ": "th"}
)


@dataclass(frozen=True)
class NameMatching:
    """Which names of two sides are of one person.

    Attributes:
        pairs: Name on the voice side and name on the face side of the same person.
        only_voices: Names that only the voice side has.
        only_faces: Names that only the face side has.
        near_misses: Names of `only_voices` and of `only_faces` that may be of one person, by
            spelling, and how alike they are, 0 to 1; the likest first. They are not merged.
    """

    pairs: tuple[tuple[str, str], ...]
    only_voices: tuple[str, ...]
    only_faces: tuple[str, ...]
    near_misses: tuple[tuple[str, str, float], ...]


def normalise_name(name: str) -> str:
    """Bring a name to the form in which names are compared.

    Capitals and accents are dropped, apostrophes too; every other run of signs, blanks or
    underscores becomes one blank; initials that stand in a row are joined. So "A.J. Buckley",
    "a_j_buckley" and "AJ Buckley" agree, and so do "Chloë O'Neill" and "chloe_oneill".

    Returns:
        Lower-case words joined by single blanks; empty if there is no letter or digit.

    >>> normalise_name("A.J._Buckley")
    'aj buckley'
    """
    # Folding may bring new accents (İ becomes i and a dot): hence the second decomposition.
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", name).casefold())
    kept = (_fold(character) for character in text.translate(_LETTERS))
    words: list[str] = []
    initials = False
    for word in unicodedata.normalize("NFC", "".join(kept)).split():
        initial = len(word) == 1 and word.isalpha()
        if initial and initials:
            words[-1] += word
        else:
            words.append(word)
        initials = initial
    return " ".join(words)


def read_variants(path: Path) -> dict[str, str]:
    """Read a user's table of spelling variants.

    Args:
        path: CSV with the columns `name` and `variant`; a name may have several rows.

    Returns:
        Normalised variant to normalised name, as `match_names` takes it.

    Raises:
        DataError: The table cannot be used, or a variant stands for two names or is itself a
            name that has variants; the message names the lines.
    """
    variants: dict[str, str] = {}
    variant_line: dict[str, int] = {}
    name_line: dict[str, int] = {}
    for line, row in read_table(path, ("name", "variant")).items():
        name, variant = normalise_name(row["name"]), normalise_name(row["variant"])
        if not name or not variant:
            raise DataError(f"{path}, line {line}: has a name without letters")
        if name == variant:
            continue
        if variants.get(variant, name) != name:
            raise DataError(
                f"{path}: lines {variant_line[variant]} and {line} give {row['variant']!r} "
                "to two names"
            )
        variants[variant] = name
        variant_line[variant] = line
        name_line.setdefault(name, line)
    for name in sorted(variants.keys() & name_line.keys()):
        raise DataError(
            f"{path}: {name!r} is a variant in line {variant_line[name]} and a name in line "
            f"{name_line[name]}; give all variants of a person to one name"
        )
    return variants


def match_names(
    voices: Collection[str],
    faces: Collection[str],
    variants: Mapping[str, str] = KNOWN_VARIANTS,
) -> NameMatching:
    """Match the people of two sides by name.

    Args:
        variants: Normalised variant to normalised name; see `read_variants`.

    Returns:
        The matching, all parts sorted; exchanging the sides exchanges its columns.

    Raises:
        DataError: Two different names of one side have one normal form, or a name has no letter
            or digit; the message lists them.
    """
    voice_names = _by_normal_form(voices, variants, "voice")
    face_names = _by_normal_form(faces, variants, "face")
    common = voice_names.keys() & face_names.keys()
    lonely_voices = {key: name for key, name in voice_names.items() if key not in common}
    lonely_faces = {key: name for key, name in face_names.items() if key not in common}
    near_misses = [
        (lonely_voices[voice], lonely_faces[face], ratio)
        for voice, face, ratio in _near_misses(lonely_voices, lonely_faces)
    ]
    return NameMatching(
        pairs=tuple(sorted((voice_names[key], face_names[key]) for key in common)),
        only_voices=tuple(sorted(lonely_voices.values())),
        only_faces=tuple(sorted(lonely_faces.values())),
        near_misses=tuple(sorted(near_misses, key=lambda miss: (-miss[2], *sorted(miss[:2])))),
    )


def _fold(character: str) -> str:
    """Keep letters, digits and the vowel signs of scripts that have them; drop accents."""
    if character in _APOSTROPHES or "\u0300" <= character <= "\u036f":
        return ""
    if character.isalnum() or unicodedata.category(character).startswith("M"):
        return character
    return " "


def _by_normal_form(
    names: Collection[str], variants: Mapping[str, str], side: str
) -> dict[str, str]:
    """Name by normal form, of one side."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(set(names)):
        normal = normalise_name(name)
        groups[variants.get(normal, normal)].append(name)
    if "" in groups:
        raise DataError(
            f"{side} side: names without a letter or digit: {_listed(groups[''])}; rename them"
        )
    collisions = [" = ".join(map(repr, group)) for group in groups.values() if len(group) > 1]
    if collisions:
        raise DataError(
            f"{side} side: different names that are read as the same person: "
            f"{'; '.join(collisions[:10])}{_and_more(len(collisions) - 10)}; "
            "merge or rename their folders"
        )
    return {normal: name for normal, (name,) in groups.items()}


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(map(repr, names[:10])) + _and_more(len(names) - 10)


def _and_more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def _near_misses(
    voices: Collection[str], faces: Collection[str]
) -> Iterator[tuple[str, str, float]]:
    """Pairs of normalised names that are nearly spelt alike.

    Not all pairs are compared, only those that share a word, the initials of all words or the
    first two letters; and of these, only those with enough letters in
    common, in whatever order, go to the comparison that looks at the order.
    """
    sides = (sorted(voices), sorted(faces))
    blocks: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, names in enumerate(sides):
        for index, name in enumerate(names):
            for key in _block_keys(name):
                blocks[key][side].append(index)
    candidates = {
        pair
        for of_voices, of_faces in blocks.values()
        if len(of_voices) * len(of_faces) <= _MAX_PAIRS_A_BLOCK
        for pair in itertools.product(of_voices, of_faces)
    }
    if not candidates:
        return
    pairs = np.array(sorted(candidates))
    near = _may_be_near(
        _letter_counts(sides[0])[pairs[:, 0]], _letter_counts(sides[1])[pairs[:, 1]]
    )
    words = [[frozenset(name.split()) for name in names] for names in sides]
    for (voice, face), enough in zip(pairs.tolist(), near.tolist(), strict=True):
        one, other = words[0][voice], words[1][face]
        # A middle name or a second surname that one side leaves out.
        contained = min(len(one), len(other)) > 1 and (one <= other or other <= one)
        if enough or contained:
            names = sides[0][voice], sides[1][face]
            ratio = _likeness(*names)
            if (ratio >= _NEAR or contained) and _digits(names[0]) == _digits(names[1]):
                yield *names, round(ratio, 3)


def _block_keys(name: str) -> set[str]:
    words = name.split()
    keys = {f"word {word}" for word in words if len(word) > 2}
    keys.add("initials " + "".join(sorted(word[0] for word in words)))
    keys.add("start " + "".join(words)[:2])
    return keys


def _letter_counts(names: list[str]) -> NDArray[np.int64]:
    """How often each letter is in each name; rare letters share a column, the last is blanks."""
    counts = np.zeros((len(names), 65), np.int64)
    for row, name in enumerate(names):
        for letter in name:
            counts[row, 64 if letter == " " else ord(letter) % 64] += 1
    return counts


def _may_be_near(ones: NDArray[np.int64], others: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether names with these letters can be near: the ratio's upper bound, any order."""
    common = np.minimum(ones, others)
    bounds = [
        2 * common[:, :end].sum(1) / (ones[:, :end].sum(1) + others[:, :end].sum(1))
        for end in (64, 65)
    ]
    return np.maximum(*bounds) >= _NEAR


def _likeness(one: str, other: str) -> float:
    """Tell how alike two normalised names are: without blanks, or with the words in order."""
    return max(
        _ratio(one.replace(" ", ""), other.replace(" ", "")),
        _ratio(" ".join(sorted(one.split())), " ".join(sorted(other.split()))),
    )


def _ratio(one: str, other: str) -> float:
    """Difflib's ratio, which depends on the order of its arguments, made symmetric."""
    return difflib.SequenceMatcher(None, *sorted((one, other)), autojunk=False).ratio()


def _digits(name: str) -> list[str]:
    """Digits are not misspelt: n000012 and n000013 are two people."""
    return re.findall(r"\d+", name)
