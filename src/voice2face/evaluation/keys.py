"""Names for the recordings and faces of a store, by which other systems can answer."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import PurePath

_UNSAFE = re.compile(r"[^\w.+-]+")


def row_keys(columns: dict[str, list]) -> list[str]:
    """Name each row of a manifest.

    Args:
        columns: Of the manifest; `identity` and `file` are used.

    Returns:
        `identity__file` without the file's folder and suffix, fit for a file's name; rows that
        would share a name get `__1`, `__2` ... in the store's order.

    >>> row_keys({"identity": ["A B", "A B", "c/d"], "file": ["x/1.wav", "y/1.wav", "2.tar.gz"]})
    ['A_B__1__1', 'A_B__1__2', 'c_d__2.tar']
    """
    plain = [
        _UNSAFE.sub("_", f"{identity}__{PurePath(file).stem}")
        for identity, file in zip(columns["identity"], columns["file"], strict=True)
    ]
    total = Counter(plain)
    used = {key for key, count in total.items() if count == 1}
    seen: Counter[str] = Counter()
    keys = []
    for key in plain:
        name = key
        while total[key] > 1 and (name == key or name in used):
            seen[key] += 1
            name = f"{key}__{seen[key]}"
        used.add(name)
        keys.append(name)
    return keys
