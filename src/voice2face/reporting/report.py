"""The training report: one page about one or several runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from voice2face.data.pairing import pair
from voice2face.data.store import Store
from voice2face.errors import ConfigError, RecordingError, Voice2FaceError
from voice2face.files import write_atomically
from voice2face.images.sheet import save_png
from voice2face.recordings import expand
from voice2face.reporting.elements import Element, FaceGrid, LinePlot, Missing, Section
from voice2face.reporting.faces import draw_faces, latest_sheet, made_here, sheet_over_time
from voice2face.reporting.page import write_page
from voice2face.reporting.plots import Pictures, draw_plots
from voice2face.reporting.runs import Run, find_setting, read_runs
from voice2face.reporting.samples import (
    Model,
    beside_true_faces,
    consistency,
    open_store,
    out_of_domain,
)
from voice2face.reporting.scalars import adversarial_section, other_section, speaker_section
from voice2face.reporting.tables import glance, settings_table

T = TypeVar("T")


def report(
    runs: list[Path], out: Path, store: Path | None = None, sounds: Path | None = None
) -> Path:
    """Write a page about runs, and its pictures as PNG files next to it.

    The page says what a run does not have (yet), and why. Pictures of an older report are removed
    from the folder; other files are not touched.

    Args:
        runs: Folders that `voice2face train` wrote to; a run may still go on.
        out: The page, "NAME.html".
        store: Store to take held-out people from; None takes each run's own.
        sounds: Folder of sounds that are no voice, heard beside the computed ones; or None.

    Returns:
        The folder of the pictures, "NAME_files" beside the page.

    Raises:
        ConfigError: No run is given, or `out` is no HTML file's name.
        DataError: A run or the given store is damaged; the message names file and line.
        RecordingError: The folder of sounds is not there, or holds none.
        OutputError: The page cannot be written.
    """
    if out.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"{out}: the page is one HTML file; give a name that ends in .html")
    if sounds is not None and not sounds.is_dir():
        raise RecordingError(f"{sounds}: no such folder of sounds")
    further = [] if sounds is None else [Path(name) for name, _ in expand([str(sounds)])[0]]
    read = [_with_epochs(run) for run in read_runs(runs)]
    stores = [_store(run, store) for run in read]
    sections = [
        Section("Runs", _how_to_read(read), (glance(read),)),
        adversarial_section(read),
        Section(
            "Faces during training",
            "Generated during training, for the same recordings each time.",
            tuple(
                make(run, number)
                for number, run in enumerate(read, start=1)
                for make in (sheet_over_time, latest_sheet)
            ),
        ),
        _answers(read, stores, further),
        speaker_section(read),
    ]
    if other := other_section(read):
        sections.append(other)
    sections.append(Section("Settings", "The settings of all runs.", (settings_table(read),)))
    files = out.parent / f"{out.stem}_files"
    pictures = draw_plots(sections)
    _write_pictures(sections, pictures, files)
    names = [run.name for run in read]
    write_page(out, "report.html", sections, pictures=pictures, names=names, files=files.name)
    return files


def _write_pictures(sections: list[Section], pictures: Pictures, files: Path) -> None:
    """Write plots, as on a light page, and faces as files, and drop those of an older report."""
    written = set()
    for element in (element for section in sections for element in section.elements):
        if not isinstance(element, (LinePlot, FaceGrid)):
            continue
        path = files / f"{element.key}.png"
        written.add(path)
        if isinstance(element, FaceGrid):
            save_png(draw_faces(element), path)
        else:
            write_atomically(path, pictures[element][0])
    for path in sorted(set(files.glob("*.png")) - written):
        if made_here(path):
            path.unlink()


def _how_to_read(runs: list[Run]) -> str:
    cut_off = [
        f"{run.name}: the last line of {stage}.jsonl is incomplete and not used."
        for run in runs
        for stage, log in (("speaker", run.speaker), ("gan", run.gan))
        if log.is_cut_off
    ]
    overlaid = " Each run has its own colour and dashes." if len(runs) > 1 else ""
    return " ".join(
        [
            "Generator G and discriminator D play a game, min over G, max over D of E[log D(x)] + "
            "E[log(1 − D(G(z)))]. Its losses do not fall for ever, and no single curve shows that "
            f"the faces are good. Compare several curves, and look at the faces.{overlaid}",
            *cut_off,
        ]
    )


def _store(run: Run, given: Path | None) -> Store | str:
    """A run's store, or why there is none. One that was given must be there."""
    try:
        return open_store(run, given)
    except Voice2FaceError as error:
        if given is not None:
            raise
        return _without_path(str(error), run)


def _with_epochs(run: Run) -> Run:
    """Count the faces of an epoch in the run's own store, where the run itself does not tell."""
    pair_by = find_setting(run.config, "pair_by") or find_setting(run.config, "gan", "pair_by")
    if run.n_train_faces or not isinstance(pair_by, str):
        return run
    try:
        n_faces = len(pair(open_store(run, None), pair_by, "train").face_rows)
    except Voice2FaceError:
        return run
    return dataclasses.replace(run, n_train_faces=n_faces)


def _answers(runs: list[Run], stores: list[Store | str], sounds: list[Path]) -> Section:
    """What the exported models answer."""
    elements: list[Element] = []
    for number, (run, store) in enumerate(zip(runs, stores, strict=True), start=1):
        model = _or_why(lambda run=run: Model(run), run)
        why = next((one for one in (model, store) if isinstance(one, str)), None)
        if not isinstance(model, str) and not isinstance(store, str):
            why = _or_why(
                lambda m=model, s=store: s.require_front_end(m.front_end, "the model"), run
            )
        for title, make in (
            ("Generated and true faces", beside_true_faces),
            ("One speaker, several recordings", consistency),
        ):
            if isinstance(model, str) or isinstance(store, str) or why:
                elements.append(Missing(f"{title}: {run.name}", why or ""))
            else:
                elements.append(make(model, store, run, number))
        if isinstance(model, str):
            elements.append(Missing(f"Sounds without speech: {run.name}", model))
        else:
            elements.append(out_of_domain(model, run, number, sounds))
    return Section(
        "Faces of the exported model",
        "Generated by the exported model from whole recordings; not selected.",
        tuple(elements),
    )


def _or_why(make: Callable[[], T], run: Run) -> T | str:
    """What a call gives, or, as text, why it fails."""
    try:
        return make()
    except Voice2FaceError as error:
        return _without_path(str(error), run)


def _without_path(message: str, run: Run) -> str:
    """A message as a sentence of the page, which names no folder of the machine it was made on."""
    folder = f"{run.folder}/"
    if message.startswith(folder):
        message = f"{run.name}/{message[len(folder) :]}"
    return f"{message[0].upper()}{message[1:]}."
