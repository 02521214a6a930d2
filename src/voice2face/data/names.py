"""Matching people by name, where voices and faces come from different data sets.

Names are compared in a normal form, and nothing that differs in it is ever merged: likely
spelling variants are listed, for a person to confirm in a table of variants.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.process import cdist

from voice2face.data.tables import read_table
from voice2face.errors import DataError

# Spelling variants that a publication or a data set's authors document: normalised variant to
# normalised name. None is known so far: the names of VoxCeleb1 were taken over from VGGFace.
KNOWN_VARIANTS: Mapping[str, str] = MappingProxyType({})

# Names this alike are near misses: 2 x letters in common, in this order / all letters.
_NEAR = 0.85
# Names that are compared with all others at a time: a bound on memory.
_ROWS = 256

_APOSTROPHES = frozenset("'’ʼ‘`´ʻ")
# Letters that do not decompose into a base letter and an accent.
_LETTERS = str.maketrans(
    {"æ": "ae", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "œ": "oe", "þ": "th"}
)


@dataclass(frozen=True)
class _NameMatching:
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
) -> _NameMatching:
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
    return _NameMatching(
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

    Digits are not misspelt: n000012 and n000013 are two people.
    """
    by_digits: dict[tuple[str, ...], tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, names in enumerate((voices, faces)):
        for name in sorted(names):
            by_digits[tuple(re.findall(r"\d+", name))][side].append(name)
    for ones, others in by_digits.values():
        for at in range(0, len(ones) if others else 0, _ROWS):
            yield from _alike(ones[at : at + _ROWS], others)


def _alike(ones: list[str], others: list[str]) -> Iterator[tuple[str, str, float]]:
    """Pairs of names that are near misses, and how alike: without blanks, or the words in order."""
    forms = (
        lambda name: name.replace(" ", ""),
        lambda name: " ".join(sorted(name.split())),
    )
    likeness = np.maximum(
        *(cdist([*map(form, ones)], [*map(form, others)], scorer=fuzz.ratio) for form in forms)
    )
    # A middle name or a second surname that one side leaves out.
    contained = cdist(ones, others, scorer=fuzz.token_set_ratio, score_cutoff=100) == 100
    several = np.outer([" " in name for name in ones], [" " in name for name in others])
    for one, other in np.argwhere((likeness >= 100 * _NEAR) | (contained & several)):
        yield ones[one], others[other], round(float(likeness[one, other]) / 100, 3)
