"""The notebooks run from top to bottom, end in time, and show what they say."""

from __future__ import annotations

import base64
import io
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.conftest import REPOSITORY

nbformat = pytest.importorskip("nbformat", reason="needs pip install '.[notebooks]'")
nbclient = pytest.importorskip("nbclient", reason="needs pip install '.[notebooks]'")

NOTEBOOKS = sorted((REPOSITORY / "examples").glob("*.ipynb"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_has_no_output(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


def executed(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[dict]]:
    """Outputs of each code cell, run in a folder with the recordings beside it."""
    for recording in (REPOSITORY / "examples").glob("*.flac"):
        shutil.copy(recording, folder)
    # A line with ! runs the command of this environment.
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    notebook = nbformat.read(REPOSITORY / "examples" / f"{name}.ipynb", as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(notebook, timeout=None, resources=resources).execute()
    return [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]


def picture(outputs: list[dict]) -> Image.Image:
    """The last picture that a cell shows."""
    *_, content = (one.data["image/png"] for one in outputs if "image/png" in one.get("data", {}))
    return Image.open(io.BytesIO(base64.b64decode(content)))


def text(outputs: list[dict]) -> str:
    """What a cell prints."""
    return "".join(one.get("text", "") for one in outputs)


@pytest.mark.long
def test_first_face(tmp_path, monkeypatch):
    faces, measured, array, plot, morph, explained = executed("first_face", tmp_path, monkeypatch)
    (shown,) = faces
    assert "4 invented faces for librispeech-4340.flac" in shown.data["text/html"]
    assert picture(faces).width >= 4 * 256
    assert "a woman speaks: 9" in text(measured)
    assert text(array).endswith("the same faces: True\n")
    assert picture(plot).height > 300
    assert "Invented faces on the way" in morph[0].data["text/html"]
    assert picture(explained).width > 1000


@pytest.mark.long
def test_your_own_model(tmp_path, monkeypatch):
    outputs = executed("your_own_model", tmp_path, monkeypatch)
    faces, person = outputs[-2:]
    assert "4 invented faces for the array" in faces[0].data["text/html"]
    assert picture(person).size == (64, 64)
    # Training goes somewhere: the last faces have more in common with the mean face of the data.
    mean = np.load(tmp_path / "own_model/world/faces.npy").mean(axis=0)
    sheets = sorted((tmp_path / "own_model/run/sheets").glob("*.png"))
    first, last = (likeness(sheet, mean) for sheet in (sheets[0], sheets[-1]))
    assert last > first + 0.1


def likeness(sheet: Path, face: np.ndarray) -> float:
    """Correlation of the mean of a sheet's first row of faces with a face."""
    size = len(face)
    row = np.asarray(Image.open(sheet).convert("RGB"), float)[:size]
    return float(
        np.corrcoef(row.reshape(size, -1, size, 3).mean(axis=1).ravel(), face.ravel())[0, 1]
    )


@pytest.mark.long
def test_judge_a_model(tmp_path, monkeypatch):
    *_, figure, words = executed("judge_a_model", tmp_path, monkeypatch)
    assert picture(figure).width > 500
    assert "does not differ significantly from chance" in text(words).split("\n")[0]
