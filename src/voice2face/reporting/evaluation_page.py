"""The page of an evaluation."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import DataError
from voice2face.files import read_json, write_atomically
from voice2face.reporting.elements import Element, FaceGrid, FaceRow, Section, Tile, Words
from voice2face.reporting.evaluation_plots import (
    duration_plots,
    identity_plots,
    influence_plots,
    overview,
)
from voice2face.reporting.evaluation_result import STRATA, systems_of
from voice2face.reporting.evaluation_tables import (
    confusion_tables,
    estimate_tables,
    group_tables,
    sounds_table,
)
from voice2face.reporting.markdown import markdown
from voice2face.reporting.page import page

_JUDGED = {
    "attributes": "Attributes",
    "measured": "Visible traits",
    "detection": "Face detection",
    "quality": "Image quality",
    "vggface": "VGGFace score",
}

Faces = Mapping[str, NDArray[np.uint8]]


def write_result_page(folder: Path) -> Path:
    """Write `result.html` and `summary.md` from the files that `evaluate` wrote.

    The summary has the tables over all people.

    Returns:
        The page, `result.html` in the folder.

    Raises:
        DataError: `result.json` or `pictures.npz` is missing or damaged.
    """
    result = read_json(folder / "result.json", DataError)
    try:
        with np.load(folder / "pictures.npz", allow_pickle=False) as archive:
            pictures = dict(archive)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{folder / 'pictures.npz'}: cannot be read ({error})") from None
    target = folder / "result.html"
    for path, text in (
        (folder / "summary.md", _result_summary(result)),
        (target, result_page(result, pictures)),
    ):
        write_atomically(path, text.encode("utf-8", "backslashreplace"))
    return target


def result_page(result: dict, pictures: Faces | None = None) -> str:
    """Write the page of a result of `evaluate`.

    `pictures` are the faces of its trials, see `evaluation.shown`; None leaves the trials out.
    """
    sections = [*_sections(result)]
    sections[1:1] = _trials(result, pictures or {})
    return page("evaluation.html", sections, systems=systems_of(result), result=result)


def _result_summary(result: dict) -> str:
    """Write the tables of a result over all people as Markdown."""
    trials, store = result["trials"], result["store"]["name"]
    title = f"{', '.join(systems_of(result))} on the split {result['split']!r} of {store}"
    text = (
        f"{trials['n_people']} people, {trials['n_recordings']} recordings, "
        f"{trials['n_faces']} faces; faces generated per recording: {result['samples']}; "
        f"seed {result['seed']}. In parentheses: 95 % confidence intervals over people."
    )
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    hashes = [
        f"{name} {sha}"
        for name, sha in (
            ("store", result["store"]["content_sha256"]),
            ("trials/trials.json", trials.get("sha256")),
        )
        if sha
    ]
    lines = (text, f"Made with {versions}.", f"SHA-256: {', '.join(hashes) or 'unknown'}.")
    return markdown(title, [Section("Data", "", (Words(lines),)), *_sections(result)])


def _sections(result: dict) -> list[Section]:
    return [
        Section("Summary", "", (*overview(result), *_summary(result))),
        *(
            Section(f"Identity, judged by {judge}", "", _identity(judge, section, result))
            for judge, section in result["identity"].items()
        ),
        *(
            Section(f"{title}, judged by {judge}", _classifier(section), _judged(section, result))
            for kind, title in _JUDGED.items()
            for judge, section in result.get(kind, {}).items()
        ),
        *(
            Section(f"Sounds without speech: {system}", "", tuple(sounds_table(one)))
            for system, one in _sounds(result)
        ),
    ]


def _summary(result: dict) -> Iterator[Element]:
    """Conclusions, what was not measured, and the best possible values."""
    yield Words(tuple(result["verdicts"] or ["No judge was used."]), "Conclusions", is_folded=True)
    if result["not_asked"]:
        yield Words(tuple(result["not_asked"]), "Not measured")
    if result["ceiling"]:
        yield Words((result["ceiling"],))


def _identity(judge: str, section: dict, result: dict) -> tuple[Element, ...]:
    systems = systems_of(result)
    return (
        *identity_plots(section, systems),
        *duration_plots(result.get("duration", {}).get(judge), systems),
        *estimate_tables(section, result),
        *group_tables(section, result),
    )


def _judged(section: dict, result: dict) -> tuple[Element, ...]:
    return (
        *estimate_tables(section, result),
        *confusion_tables(section, result),
        *group_tables(section, result),
    )


def _classifier(section: dict) -> str:
    """How a classifier for the VGGFace score was trained; empty for other judges."""
    about = section.get("about")
    if not about:
        return ""
    return (
        f"Trained on {about['faces']:.0f} faces of {about['people']:.0f} people; correct for "
        f"{about['right_percent']:.1f} % of {about['tested']:.0f} other faces of these people. "
        "Scores of different classifiers are not comparable."
    )


def _sounds(result: dict) -> list[tuple[str, dict]]:
    """The sound section of each system."""
    return [(result["system"], result["sounds"]), *result.get("sounds_of", {}).items()]


def _trials(result: dict, pictures: Faces) -> Iterator[Section]:
    """Trials with their faces: generated faces, candidates, and the choice of each judge."""
    shown = result.get("shown", {"trials": []})
    if not shown["trials"] or not pictures:
        return
    _, stratum, size = shown["protocol"].split("/")
    rows = tuple(_trial(trial, systems_of(result), pictures) for trial in shown["trials"])
    yield Section(
        "Example trials",
        f"Random trials of {size} matching, {STRATA[stratum]}, each of a different person. The "
        "generated faces come first (the first of several; judges use the mean of all), then the "
        "candidates, which are true faces. The speaker has a frame. True faces are photographs of "
        "real people. Share this page only if their terms allow it.",
        (
            FaceGrid("", "", "", rows),
            *influence_plots(shown.get("over_time", ()), systems_of(result)),
        ),
    )


def _trial(trial: dict, systems: Sequence[str], pictures: Faces) -> FaceRow:
    drawn = (
        Tile(
            name,
            pictures.get(f"drawn/{name}/{trial['probe']}"),
            alt=name,
            verdicts=tuple(_verdicts(trial, name)),
        )
        for name in systems
    )
    candidates = (
        Tile(
            f"candidate {place + 1}{', the speaker' if place == trial['right'] else ''}",
            pictures.get(f"face/{key}"),
            is_real=True,
            is_framed=place == trial["right"],
            alt=f"candidate {place + 1}",
        )
        for place, key in enumerate(trial["candidates"])
    )
    return FaceRow(f"{trial['identity']} · {trial['probe']}", (*drawn, *candidates))


def _verdicts(trial: dict, name: str) -> Iterator[tuple[str, bool | None]]:
    """Which candidate each judge selects for a system's face."""
    for judge, by_system in trial["picked"].items():
        picked = by_system[name]
        if picked is None:
            yield f"{judge}: ? no choice", None
        elif picked == trial["right"]:
            yield f"{judge}: ✓ {picked + 1}, correct", True
        else:
            yield f"{judge}: ✗ {picked + 1}, wrong", False
