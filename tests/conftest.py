"""What all tests share: where the repository and the shared data are."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def repository() -> Path:
    """Root of the repository."""
    return Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data(repository: Path) -> Path:
    """Folder of the real voices and faces; tests that need it are skipped where it is absent."""
    root = Path(os.environ.get("VOICE2FACE_SHARED", repository.parent / "shared"))
    if not (root / "data").is_dir():
        pytest.skip(f"{root / 'data'} is absent")
    return root / "data"
