"""A small real store with waveforms."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.data.prepare import PairingSettings, prepare
from voice2face.data.store import Store, StoreSettings


@pytest.fixture(scope="session")
def heard(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Four speakers of DSPSpeech to train on, two to validate; two of one recording each, too.

    The validation speakers have three recordings each; those with one are of LibriSpeech.
    """
    folder = tmp_path_factory.mktemp("heard")
    lines = ["path,identity,gender,split"]
    for number, split in ((1, "train"), (2, "train"), (3, "train"), (4, "train"), (5, "val"),
                          (6, "val")):  # fmt: skip
        name = f"spk{number:02d}"
        paths = sorted((shared_data / "voices/dspspeech-20" / name).glob("*.flac"))[:3]
        lines += [f"{path},{name},female,{split}" for path in paths]
    long = sorted((shared_data / "voices/librispeech-100").rglob("*.flac"))
    lines += [f"{path},{path.stem},male,val" for path in long[:2]]
    (folder / "voices.csv").write_text("\n".join(lines))
    photos = islice(sorted((shared_data / "faces/fairface/val").glob("*.jpg")), 2)
    (folder / "faces.csv").write_text(
        "path,identity,gender,split\n"
        + "".join(f"{path},{path.stem},female,train\n" for path in photos)
    )
    return prepare(
        [import_rows(f"table:{folder / 'voices.csv'}", VOICES)],
        [import_rows(f"table:{folder / 'faces.csv'}", FACES)],
        StoreSettings(waveforms=True),
        folder / "store",
        PairingSettings("gender", split="column"),
    )
