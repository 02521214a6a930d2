"""The licence of a model's weights, given those of its data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_OWN = "Apache-2.0 for the weights. The data keep the licences named above."

# What a data set's licence says, from the most restrictive to the least -> what it leaves.
_TERMS = (
    (
        ("non-commercial", "noncommercial", "-nc", "research only"),
        "Non-commercial use only, as required by",
    ),
    (("-sa",), "Apache-2.0 as far as allowed by the share-alike terms of"),
)
# These ask for no more than their name.
_PERMISSIVE = ("mit", "apache", "cc by", "cc-by", "cc0", "bsd", "public domain")


def licence_of_weights(sources: Sequence[dict[str, Any]]) -> str:
    """State the licence of the weights, and the data that determine it.

    Args:
        sources: Data sets of a store's card, each with "kind", "title" and "licence".

    Returns:
        Sentences; the most restrictive data decide, and an unknown licence is the most restrictive.
    """
    unknown = [source for source in sources if not _is_known(source["licence"])]
    sentences = []
    if unknown:
        sentences.append(
            "Unknown: ask the owners of the data before passing the weights on, because the terms "
            f"are unknown of {_named(unknown)}"
        )
    for words, left in _TERMS:
        deciding = [one for one in sources if _says(one["licence"], words)]
        if deciding:
            sentences.append(f"{left} {_named(deciding)}")
            break
    return f"{'. '.join(sentences)}." if sentences else _OWN


def _says(licence: str, words: Sequence[str]) -> bool:
    return any(word in licence.lower() for word in words)


def _is_known(licence: str) -> bool:
    restricted = [word for words, _ in _TERMS for word in words]
    return _says(licence, restricted) or (
        _says(licence, _PERMISSIVE) and "not told" not in licence.lower()
    )


def _named(sources: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{one['kind']} {one['title']} ({one['licence']})" for one in sources)
