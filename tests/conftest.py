"""Fixtures that several tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the data sets; see docs/data.md. VOICE2FACE_SHARED names another parent."""
    shared = Path(os.environ.get("VOICE2FACE_SHARED", REPOSITORY.parent / "shared"))
    if not (shared / "data").is_dir():
        pytest.skip(f"the data sets are not here ({shared / 'data'})")
    return shared / "data"
