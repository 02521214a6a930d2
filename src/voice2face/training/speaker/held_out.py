"""Speakers held back from the training split, to choose by and to calibrate on."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

from voice2face.data.store import Store, hash_split

# Not the hash that split the store, which left every name on one side of its bound.
_SALT = "held out of training: "


def hold_out(store: Store, percent: int, unlabelled: Collection[str] = ()) -> Store:
    """Move a share of the training speakers to the validation split.

    Args:
        percent: Share of its training speakers, chosen by a hash of their names; 0 moves none.
        unlabelled: Data sets that do not tell who speaks; they stay as they are.

    Returns:
        The store, with another `split` of its voices.
    """
    if not percent:
        return store
    split = [
        "val"
        if split == "train"
        and data_set not in unlabelled
        and hash_split(f"{_SALT}{name}", percent) == "test"
        else split
        for name, split, data_set in zip(
            *(store.voices[column] for column in ("identity", "split", "data_set")), strict=True
        )
    ]
    return dataclasses.replace(store, voices={**store.voices, "split": split})
