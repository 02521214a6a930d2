"""Dividing identities into training, validation and test."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from voice2face.data.manifest import SPLITS, ManifestRow
from voice2face.data.names import normalise_name
from voice2face.errors import ConfigError, DataError, unknown_name

_HASH = re.compile(r"hash:(\d+)/(\d+)/(\d+)")


def assign_splits(
    identities: Collection[str], scheme: str, published: Mapping[str, str | None]
) -> dict[str, str]:
    """Put every identity into one split.

    Spellings of one name that `normalise_name` brings together get one split.

    Args:
        scheme: "fz": by the initial of the name, A-B "val", C-E "test", F-Z "train".
            "hash:80/10/10": by SHA-256 of the normalised name, with these percentages of "train",
            "val" and "test"; the same on every machine, and whoever else is in the data.
            "column": as the data set publishes it.
        published: The data set's own split by identity, for "column"; see `published_splits`.

    Returns:
        "train", "val" or "test" by identity.

    Raises:
        ConfigError: The scheme is unknown, or its percentages are not three that sum to 100.
        DataError: A name does not begin with a letter of A-Z ("fz"); or an identity has no
            published split, or two of them ("column").

    Source:
        "fz" is the split of Wen, Singh and Raj 2019 (arXiv 1905.10604), section 4.
    """
    names = sorted(set(identities))
    wanted = scheme.strip().lower()
    if wanted == "fz":
        return _by_initial(names)
    if wanted == "column":
        return _by_column(names, published)
    if wanted.startswith("hash"):
        return _by_hash(names, wanted)
    raise unknown_name("split scheme", wanted, ("column", "fz", "hash:80/10/10"))


def published_splits(rows: Iterable[ManifestRow]) -> dict[str, str | None]:
    """Gather the data set's own split of each identity.

    Returns:
        Split by identity; None where no row of it tells.

    Raises:
        DataError: An identity is in two splits; the message names it and a file of each.
    """
    splits: dict[str, str | None] = {}
    first: dict[str, tuple[str, Path]] = {}
    for row in rows:
        splits.setdefault(row.identity, None)
        if row.split is None:
            continue
        split, path = first.setdefault(normalise_name(row.identity), (row.split, row.path))
        if split != row.split:
            raise DataError(
                f"identity {row.identity!r} is in two splits: {path} is in {split!r}, "
                f"{row.path} in {row.split!r}; an identity may be in one only"
            )
        splits[row.identity] = row.split
    return splits


def _by_initial(names: list[str]) -> dict[str, str]:
    splits = {}
    for name in names:
        initial = normalise_name(name)[:1]
        if not "a" <= initial <= "z":
            raise DataError(
                f"identity {name!r} does not begin with a letter of A-Z, and the split 'fz' goes "
                "by initials; use hash:80/10/10"
            )
        splits[name] = "val" if initial <= "b" else "test" if initial <= "e" else "train"
    return splits


def _by_hash(names: list[str], scheme: str) -> dict[str, str]:
    match = _HASH.fullmatch(scheme)
    train, val, test = map(int, match.groups()) if match else (0, 0, 0)
    if train + val + test != 100:
        raise ConfigError(
            f"split {scheme!r}: give hash:TRAIN/VAL/TEST in whole percent that sum to 100, "
            "such as hash:80/10/10"
        )
    splits = {}
    for name in names:
        digest = hashlib.sha256(normalise_name(name).encode("utf-8", "surrogatepass")).digest()
        percent = int.from_bytes(digest[:8], "big") % 100
        splits[name] = "train" if percent < train else "val" if percent < train + val else "test"
    return splits


def _by_column(names: list[str], published: Mapping[str, str | None]) -> dict[str, str]:
    by_normal_form: dict[str, tuple[str, str]] = {}
    for name, split in sorted(published.items()):
        if split is None:
            continue
        if split not in SPLITS:
            raise DataError(f"identity {name!r}: split is {split!r}; {', '.join(SPLITS)} is needed")
        other, before = by_normal_form.setdefault(normalise_name(name), (name, split))
        if before != split:
            raise DataError(
                f"identity {name!r} is in two splits: {split!r}, and as {other!r} in {before!r}"
            )
    lacking = [name for name in names if normalise_name(name) not in by_normal_form]
    if lacking:
        raise DataError(
            f"no published split for {len(lacking)} of {len(names)} identities, such as "
            f"{', '.join(map(repr, lacking[:5]))}; use another split than 'column'"
        )
    return {name: by_normal_form[normalise_name(name)][1] for name in names}
