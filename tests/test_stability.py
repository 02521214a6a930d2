"""What version 1 promises is what it was; a change is made on purpose, and written down."""

from __future__ import annotations

import difflib

import pytest

from tests.stability import FOLDER, PROMISES


@pytest.mark.parametrize("name", PROMISES)
def test_what_is_promised_is_what_it_was(name):
    path = FOLDER / f"{name}.txt"
    was, now = path.read_text().splitlines(), PROMISES[name]().splitlines()
    changes = list(difflib.unified_diff(was, now, "promised", "now", lineterm="", n=1))
    assert not changes, "\n".join(
        [
            f"{path.name}: docs/stability.md says which changes are allowed; to accept this one:",
            "python -m tests.stability",
            *changes,
        ]
    )
