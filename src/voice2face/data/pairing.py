"""Pairing: which voices and which faces count as belonging together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.data.store import Store
from voice2face.errors import ConfigError, DataError

PAIRING_FIELDS = ("identity", "gender", "age", "nationality")


@dataclass(frozen=True)
class Pairing:
    """Voices and faces under common labels.

    Attributes:
        labels: The labels that both sides have, sorted; label y of a class is `labels[y]`.
        voice_rows: Rows of the voice manifest that carry one of the labels.
        voice_labels: Class of each of them.
        face_rows: Rows of the face manifest that carry one of the labels.
        face_labels: Class of each of them.
    """

    labels: tuple[str, ...]
    voice_rows: NDArray[np.int64]
    voice_labels: NDArray[np.int64]
    face_rows: NDArray[np.int64]
    face_labels: NDArray[np.int64]


def pairing_fields(pair_by: str) -> tuple[str, ...]:
    """Read a pairing key.

    Args:
        pair_by: Columns joined by commas, such as "gender,age".

    Raises:
        ConfigError: A column is not one of `PAIRING_FIELDS`.
    """
    fields = tuple(field.strip() for field in pair_by.split(","))
    for field in fields:
        if field not in PAIRING_FIELDS:
            raise ConfigError(f"pair-by {pair_by!r}: give some of {', '.join(PAIRING_FIELDS)}")
    return fields


def pair(store: Store, pair_by: str, split: str | None) -> Pairing:
    """Pair a split's voices and faces by a pairing key.

    Args:
        pair_by: Columns that make the key, joined by commas: "identity" where both sides are of
            the same people; "gender" or "gender,age" where they are of different people.
        split: "train", "val" or "test"; None takes all rows.

    Returns:
        The pairing. Rows that lack one of the columns are left out.

    Raises:
        ConfigError: A column is not one of `PAIRING_FIELDS`.
        DataError: The two sides have no label in common, or the store lacks a column.
    """
    fields = pairing_fields(pair_by)
    for field in fields:
        if field not in store.voices or field not in store.faces:
            raise DataError(f"{store.folder}: has no column {field!r}; prepare the store anew")
    voice_keys = _keys(store.voices, fields, split)
    face_keys = _keys(store.faces, fields, split)
    labels = tuple(sorted(set(voice_keys.values()) & set(face_keys.values())))
    if not labels:
        raise DataError(
            f"{store.folder}: no {pair_by} is common to voices ({len(voice_keys)} rows) "
            f"and faces ({len(face_keys)} rows)"
            + ("" if split is None else f" of the split {split!r}")
        )
    number = {label: index for index, label in enumerate(labels)}

    def side(keys: dict[int, str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        kept = [(row, number[key]) for row, key in keys.items() if key in number]
        rows, classes = np.array(kept, dtype=np.int64).T
        return rows, classes

    return Pairing(labels, *side(voice_keys), *side(face_keys))


def _keys(columns: dict[str, list], fields: tuple[str, ...], split: str | None) -> dict[int, str]:
    """Key of each row of a split, or of all, that has all the fields."""
    keys = {}
    for row, of_split in enumerate(columns["split"]):
        values = [columns[field][row] for field in fields]
        if split in (None, of_split) and None not in values:
            keys[row] = "/".join(values)
    return keys
