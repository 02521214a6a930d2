"""A store of people and the runs on it, which several tests go on from."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.e2e.runs import SHORT, speaker

from voice2face.cli import main
from voice2face.synthetic.world import World, make_world


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> tuple[Path, Path]:
    """A store of people, and a run on it that was never stopped."""
    folder = tmp_path_factory.mktemp("going_on")
    store = folder / "store"
    make_world(store, World(n_identities=20, seed=0, recordings_each=3, faces_each=3))
    run = folder / "straight"
    assert main(["train", "speaker", str(store), *SHORT, "-o", str(run)]) == 0
    assert main(["train", "gan", str(store), *SHORT, "-o", str(run)]) == 0
    return store, run


@pytest.fixture(scope="session")
def encoded(trained, tmp_path_factory) -> Path:
    """A speaker stage that was never stopped."""
    run = tmp_path_factory.mktemp("encoded") / "straight"
    assert main(speaker(trained, run)) == 0
    return run
