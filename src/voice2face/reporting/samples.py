"""Faces of a run's model: for held-out people, for one speaker, and for other sounds."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.audio.decode import decode
from voice2face.audio.front_end import extract
from voice2face.data.store import Store, rows_by_identity
from voice2face.errors import BundleError, DataError, RecordingError
from voice2face.records import Features, Recording
from voice2face.reporting.elements import FaceGrid, FaceRow, Missing, Tile
from voice2face.reporting.faces import spread
from voice2face.reporting.runs import Run, find_setting
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.synthetic.sounds import MEASURING_SOUNDS, measuring_sound

_HELD_OUT = ("test", "val")
_MOST_PEOPLE, _TRUE_FACES, _GENERATED = 8, 2, 2
_MOST_SPEAKERS, _RECORDINGS_EACH = 6, 4
_MOST_SOUNDS, _SHOWN_SOUNDS = 500, 24
_SOUND_S, _SYNTHETIC_S = 30.0, 4.0


class Model:
    """A run's bundle, used for the first face only, which is that of the whole recording.

    Raises:
        BundleError: There is none, or it cannot be used.
    """

    def __init__(self, run: Run) -> None:
        if run.bundle is None:
            raise BundleError("the run has exported no model yet")
        self._model = VoiceToFace.load(run.bundle)
        self.front_end = self._model.description.front_end

    def imagine(self, log_mel: NDArray[np.float32]) -> NDArray[np.uint8]:
        """Generate a face, (size, size, 3) RGB, from normalised (frames, mels)."""
        return self._model.imagine(log_mel)[0]

    def answer(self, features: Features, name: str) -> NDArray[np.uint8]:
        """Generate a face as `voice2face generate` does, which rejects sounds without speech.

        Raises:
            NotSpeechError: It does not sound like a person speaking.
        """
        self._model.hear(features.log_mel, name)
        return self.imagine(features.log_mel)


def open_store(run: Run, given: Path | None) -> Store:
    """Open the store that is given, or else the run's own.

    Raises:
        DataError: It is not there, damaged, or not what the run began with.
    """
    path = find_setting(run.config, "store", "path")
    folder = given or run.folder / (path if isinstance(path, str) else "store")
    store = Store.open(folder)
    began_with = find_setting(run.config, "store", "content_sha256")
    if given is None and began_with not in (None, store.card.get("content_sha256")):
        raise DataError(f"{folder}: the store has changed since the run began")
    return store


def beside_true_faces(model: Model, store: Store, run: Run, number: int) -> FaceGrid | Missing:
    """Show generated faces and photographs of up to 8 held-out people.

    Missing if voices and faces are of different people. `number` is the run's on the page.
    """
    title = f"Generated and true faces: {run.name}"
    if not set(store.voices["identity"]) & set(store.faces["identity"]):
        pair_by = store.card.get("settings", {}).get("pair_by") or find_setting(
            run.config, "pair_by"
        )
        paired = f" (they are paired by {pair_by})" if pair_by else ""
        return Missing(
            title,
            f"Voices and faces of this store are of different people{paired}, so there are no true "
            "faces to compare with.",
        )
    people = [
        (f"{identity} ({split})", voices[identity], faces[identity])
        for split in _HELD_OUT
        for voices, faces in [
            (rows_by_identity(store.voices, split), rows_by_identity(store.faces, split))
        ]
        for identity in sorted(voices.keys() & faces.keys())
    ]
    rows = []
    for label, recordings, photographs in people[:_MOST_PEOPLE]:
        true = [
            Tile("true face", np.array(store.images[row]), is_real=True)
            for row in spread(photographs, _TRUE_FACES)
        ]
        generated = [
            Tile(f"generated, recording {n}", model.imagine(store.log_mel(row)))
            for n, row in enumerate(recordings[:_GENERATED], start=1)
        ]
        rows.append(FaceRow(label, (*true, *generated)))
    if not rows:
        return Missing(title, "No held-out person (test or val) has both a voice and a face.")
    return FaceGrid(
        f"beside_true_faces_{number}",
        title,
        f"{len(rows)} held-out people in order of name, not selected; photographs have a frame. "
        "Compare what a voice may show: gender, approximate age, proportions of the face. Hair, "
        "eye colour and skin tone cannot be heard; if they agree, it is by chance. A generated "
        "face is never a likeness.",
        tuple(rows),
    )


def consistency(model: Model, store: Store, run: Run, number: int) -> FaceGrid | Missing:
    """Show the faces of several recordings of each of several speakers.

    They are of the first split (test, val, train) in which two speakers have several recordings.
    `number` is the run's on the page.
    """
    title = f"One speaker, several recordings: {run.name}"
    chosen: dict[str, list[int]] = {}
    split = ""
    for split in (*_HELD_OUT, "train"):
        several = {who: r for who, r in rows_by_identity(store.voices, split).items() if len(r) > 1}
        names = sorted(several, key=lambda who: (-min(len(several[who]), _RECORDINGS_EACH), who))
        chosen = {who: several[who][:_RECORDINGS_EACH] for who in names[:_MOST_SPEAKERS]}
        if len(chosen) > 1:
            break
    if len(chosen) < 2:
        return Missing(title, "The store has fewer than two speakers with several recordings.")
    faces = {
        who: np.stack([model.imagine(store.log_mel(row)) for row in rows])
        for who, rows in chosen.items()
    }
    within, between = _distances(list(faces.values()))
    origin = "held out from training"
    if split not in _HELD_OUT:
        origin = "from training (too few held-out speakers have several recordings)"
    return FaceGrid(
        f"consistency_{number}",
        title,
        f"{len(chosen)} speakers {origin}, one row each. Faces of a row should look like one "
        "person, and rows should differ: a generator that gives everybody the same face is also "
        f"consistent. Mean difference of pixels: {within:.1f} within rows, {between:.1f} between "
        "rows, of 255.",
        tuple(
            FaceRow(who, tuple(Tile(f"recording {n}", face) for n, face in enumerate(own, start=1)))
            for who, own in faces.items()
        ),
    )


def out_of_domain(model: Model, run: Run, number: int, sounds: Sequence[Path]) -> FaceGrid:
    """Show what `voice2face generate` does with sounds without speech: faces, or rejections.

    Of the files in `sounds`, the first 500 are used, up to 30 s of each; the first 24 are shown.
    `number` is the run's on the page.
    """
    rate = model.front_end.sample_rate_hz
    computed = [
        _answer(model, kind, Recording(kind, measuring_sound(kind, _SYNTHETIC_S, 0, 0, rate), rate))
        for kind in MEASURING_SOUNDS
    ]
    rows = [FaceRow(f"Synthetic sounds, {_SYNTHETIC_S:g} s each", tuple(computed))]
    counts = [f"{_n_accepted(computed)} of {len(computed)} synthetic sounds are accepted as speech"]
    if sounds:
        answers = [_answer_file(model, path) for path in sounds[:_MOST_SOUNDS]]
        heard = [tile for tile, _ in answers]
        n_unreadable = sum(not is_readable for _, is_readable in answers)
        several = len(sounds) > _SHOWN_SOUNDS
        label = "Recorded sounds" + (
            f", the first {_SHOWN_SOUNDS} of {len(sounds)}" if several else ""
        )
        rows.append(FaceRow(label, tuple(heard[:_SHOWN_SOUNDS])))
        counts.append(
            f"{_n_accepted(heard)} of {len(heard) - n_unreadable} recorded sounds"
            + (f" ({n_unreadable} more cannot be read)" if n_unreadable else "")
            + (f"; only the first {_MOST_SOUNDS} were used" if len(sounds) > _MOST_SOUNDS else "")
        )
    return FaceGrid(
        f"out_of_domain_{number}",
        f"Sounds without speech: {run.name}",
        f"{', '.join(counts)}, as in voice2face generate. The others are rejected, with the "
        "reason. An accepted sound gets a face, which should not look good: if it does, the "
        "generator makes a face of any input, and a good face says nothing about the voice.",
        tuple(rows),
    )


def _n_accepted(tiles: Sequence[Tile]) -> int:
    return sum(tile.face is not None for tile in tiles)


def _answer_file(model: Model, path: Path) -> tuple[Tile, bool]:
    """The face or rejection of a file, and whether it can be read."""
    try:
        heard = decode(path, path.name, model.front_end.sample_rate_hz, _SOUND_S)
    except RecordingError as error:
        return Tile(str(error), None), False
    return _answer(model, path.name, heard), True


def _answer(model: Model, name: str, recording: Recording) -> Tile:
    """The face of a recording, or why it is rejected."""
    try:
        features = extract(recording, model.front_end)
        face = model.answer(features, name)
    except RecordingError as error:
        return Tile(str(error), None)
    caption = f"{name}: {features.speech_s:.1f} s of {features.duration_s:.1f} s is speech"
    return Tile(caption, face)


def _distances(rows: list[NDArray[np.uint8]]) -> tuple[float, float]:
    """Mean absolute difference between two faces of one row, and of two rows."""
    within = [_difference(a, b) for row in rows for a, b in itertools.combinations(row, 2)]
    between = [
        _difference(a, b)
        for one, other in itertools.combinations(rows, 2)
        for a in one
        for b in other
    ]
    return float(np.mean(within)), float(np.mean(between))


def _difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(np.int16) - b.astype(np.int16)).mean())
