"""The card's licence follows from the data's."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from voice2face.data import importers
from voice2face.training.licences import licence_of_weights


def data(kind: str, licence: str) -> dict[str, str]:
    return {"kind": kind, "title": f"{kind} set", "licence": licence}


FREE = data("voices", "CC BY 4.0")


def test_permissive_data_leave_the_weights_to_us():
    told = licence_of_weights([FREE, data("faces", "MIT")])
    assert told == "Apache-2.0 for the weights. The data keep the licences named above."


@pytest.mark.parametrize(
    ("licence", "begins"),
    [
        ("non-commercial research only; the photographs belong to their owners", "Non-commercial"),
        ("CC BY-NC-SA 4.0", "Non-commercial use only"),
        ("CC BY-SA 4.0", "Apache-2.0 as far as allowed by the share-alike terms of faces"),
        ("not told: that of the folder's owner", "Unknown"),
        ("all rights reserved", "Unknown"),
        ("", "Unknown"),
    ],
)
def test_the_most_restrictive_decides_and_is_named(licence, begins):
    told = licence_of_weights([FREE, data("faces", licence)])
    assert told.startswith(begins)
    assert "faces set" in told
    assert "voices set" not in told


def test_unknown_and_non_commercial_are_both_told():
    told = licence_of_weights([data("faces", "not told: x"), data("voices", "CC BY-NC 4.0")])
    assert told.startswith("Unknown")
    assert "Non-commercial use only" in told


def test_every_data_set_that_is_read_is_placed():
    """By what its importer says: these alone leave the weights Apache-2.0."""
    free = set()
    for module in pkgutil.iter_modules(importers.__path__):
        found = importlib.import_module(f"{importers.__name__}.{module.name}")
        if source := getattr(found, "SOURCE", None):
            told = licence_of_weights([data("faces", source.licence)])
            free |= {source.name} if told.startswith("Apache-2.0 for the weights") else set()
    assert {"duke", "fairface", "librispeech", "dspspeech", "grid"} <= free
    assert not {"vggface", "wen2019", "ravdess", "folder", "table"} & free
