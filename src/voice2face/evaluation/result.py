"""The result of an evaluation: of what it is, and its files."""

from __future__ import annotations

import contextlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from voice2face import __version__
from voice2face.evaluation.interfaces import Contenders
from voice2face.evaluation.sections import Context
from voice2face.evaluation.shown import Pictures
from voice2face.files import atomic_path, write_atomically

_FORMAT = 1
_RESULT_FILE, _PICTURES_FILE = "result.json", "pictures.npz"
_PACKAGES = ("numpy", "onnxruntime", "torch", "pillow", "pyarrow")


def result_header(contenders: Contenders, context: Context, by: list[str], samples: int) -> dict:
    """Say of what a result is: who was scored on what, and by which versions."""
    systems = [one.name for one in contenders.systems]
    return {
        "format": _FORMAT,
        "system": systems[0],
        "systems": systems,
        "baselines": [one.name for one in contenders.baselines],
        "matchers": [one.name for one in contenders.matchers],
        "split": context.trials.header["split"],
        "by": by,
        "seed": context.seed,
        "samples": samples,
        "store": {
            "name": context.store.folder.name,
            "content_sha256": context.store.card.get("content_sha256"),
            "sources": context.store.card.get("sources", []),
        },
        "trials": _describe_trials(context),
        "versions": _versions(),
    }


def write_result(result: dict, pictures: Pictures, out: Path) -> None:
    """Write `result.json` and the pictures of the trials that are shown, by name."""
    text = json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(out / _RESULT_FILE, text.encode())
    with atomic_path(out / _PICTURES_FILE) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **pictures)


def _describe_trials(context: Context) -> dict:
    trials = context.trials
    return {
        **trials.header,
        "n_people": len(np.unique(trials.recording_person)),
        "n_people_with_faces": int(trials.paired.sum()),
        "n_recordings": len(trials.recording_rows),
        "n_faces": len(trials.face_rows),
        "lists": [
            {
                "protocol": groups.protocol,
                "stratum": groups.stratum,
                "size": groups.size,
                "groups": len(groups.person),
            }
            for groups in trials.lists
        ],
    }


def _versions() -> dict[str, str]:
    found = {"voice2face": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
