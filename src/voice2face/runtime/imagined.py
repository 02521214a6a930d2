"""What comes out: faces imagined for one voice, or on the way from one voice to another."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice2face.runtime.shown import Shown

if TYPE_CHECKING:
    from PIL import Image

# Below this, the words say that it is uncertain whether a woman or a man speaks.
_UNCERTAIN = 0.8
_STRIP_FACE_PX = 128
_NOBODY = (
    "The people in these pictures do not exist.",
    "The faces are typical of such voices, never a likeness of the speaker.",
)


@dataclass(frozen=True)
class ImaginedVoice:
    """One voice of a recording.

    Attributes:
        share: Of the recording's speech, above 0 to 1.
        embedding: (embedding,) float32, of unit length.
        woman_probability: See `ImaginedFaces`.
        faces: (faces, size, size, 3) uint8 RGB; none of a voice that was not asked for.
    """

    share: float
    embedding: NDArray[np.float32]
    woman_probability: float | None
    faces: NDArray[np.uint8]


@dataclass(frozen=True)
class ImaginedFaces(Shown):
    """Faces imagined for one recording.

    Attributes:
        recording: The recording's name.
        faces: (faces, size, size, 3) uint8 RGB; of several voices, one's after another's. Where
            the generator takes noise, all are drawn from the whole recording, each with noise of
            its own; otherwise the first is, and each further one is drawn from what is heard in a
            short stretch of it, chosen at random.
        embedding: (embedding,) float32, the embedding of the voice that speaks most, of unit
            length.
        duration_s: Length of the recording.
        speech_s: What the voice activity detector kept of it.
        timings_ms: How long each part took.
        woman_probability: How probable it is, by the voice, that a woman speaks; None: the model
            does not tell.
        speech_probability: How probable it is that a person speaks; None: the model does not tell.
        notes: What a listener should know of how the recording was read.
        voices: The voices that were told apart; who speaks most is first.
        stretches_s: Beginning and end, in seconds, of each stretch of a long recording that was
            used; empty: all was.
    """

    recording: str
    faces: NDArray[np.uint8]
    embedding: NDArray[np.float32]
    duration_s: float
    speech_s: float
    timings_ms: dict[str, float] = field(default_factory=dict[str, float])
    woman_probability: float | None = None
    speech_probability: float | None = None
    notes: tuple[str, ...] = ()
    voices: tuple[ImaginedVoice, ...] = ()
    stretches_s: tuple[tuple[float, float], ...] = ()

    @property
    def confidence(self) -> float | None:
        """Probability of the more probable gender, 0.5 to 1; None: the model does not tell."""
        p = self.woman_probability
        return None if p is None else max(p, 1 - p)

    @property
    def heard(self) -> str:
        """What each drawn voice sounds like, in plain words, a line a voice.

        Empty where there is one and the model does not tell. Where more than one were heard and
        their number was not given, the words say so.
        """
        drawn = [voice for voice in self.voices if len(voice.faces)]
        if len(self.voices) < 2:
            return _sounds_like(self.woman_probability)
        lines = [
            f"voice {number}, {100 * voice.share:.0f} % of the speech"
            + "".join(map(": {}".format, filter(None, [_sounds_like(voice.woman_probability)])))
            for number, voice in enumerate(drawn, 1)
        ]
        return "\n".join(lines if len(drawn) > 1 else [f"two voices or more; {lines[0]}"])

    @property
    def image(self) -> Image.Image:
        """The faces on a captioned sheet, as a Pillow image; each of several voices has a row.

        See `caption_sheet`.
        """
        from voice2face.images.sheet import caption_sheet

        title = f"{Path(self.recording).name}   ({self.speech_s:.1f} s of speech)"
        columns = {"columns": len(self.voices[0].faces)} if self._rows > 1 else {}
        return caption_sheet(self.faces, f"{title}\n{self.heard}".rstrip(), **columns)

    @property
    def native_image(self) -> Image.Image:
        """The faces in a grid at the model's own pixels, as a Pillow image."""
        from voice2face.images.sheet import columns_of, grid

        n_faces = len(self.faces)
        return grid(self.faces, n_faces // self._rows if self._rows > 1 else columns_of(n_faces))

    @property
    def words(self) -> list[str]:
        """How many faces of which recording, what the voice sounds like, and what they are not."""
        count = len(self.faces)
        of_what = f"{count} invented face{'s' * (count > 1)} for {Path(self.recording).name}"
        heard = [line[0].upper() + line[1:] for line in self.heard.splitlines()]
        return [of_what, *heard, *_NOBODY]

    @property
    def _rows(self) -> int:
        """Voices that were drawn."""
        return max(1, sum(len(voice.faces) > 0 for voice in self.voices))


def _sounds_like(woman_probability: float | None) -> str:
    if woman_probability is None:
        return ""
    confidence = max(woman_probability, 1 - woman_probability)
    percent = min(round(100 * confidence), 99)  # never certain
    if confidence < _UNCERTAIN:
        return f"woman or man: uncertain, {percent} %"
    return f"sounds like a {'woman' if woman_probability > 0.5 else 'man'}: {percent} %"


@dataclass(frozen=True)
class MorphedFaces(Shown):
    """Faces imagined on the way from one recording's voice to another's.

    Attributes:
        recordings: Names of the two recordings.
        faces: (samples, steps, size, size, 3) uint8 RGB. The first step is the first voice's.
        embeddings: (2, embedding) float32, the two voices, of unit length.
    """

    recordings: tuple[str, str]
    faces: NDArray[np.uint8]
    embeddings: NDArray[np.float32]

    @property
    def image(self) -> Image.Image:
        """A captioned strip, a column a step and a row a sample, as a Pillow image."""
        from voice2face.images.sheet import caption_sheet

        samples, steps, *face = self.faces.shape
        return caption_sheet(
            np.reshape(self.faces, (samples * steps, *face)), self._title, steps, _STRIP_FACE_PX
        )

    @property
    def native_image(self) -> Image.Image:
        """A column a step and a row a sample at the model's own pixels, as a Pillow image."""
        from voice2face.images.sheet import grid

        samples, steps, *face = self.faces.shape
        return grid(np.reshape(self.faces, (samples * steps, *face)), steps)

    @property
    def words(self) -> list[str]:
        """Of which recordings the faces are, and what they are not."""
        return [f"Invented faces on the way from {self._title}", *_NOBODY]

    def save(self, path: str | Path) -> None:
        """Write `image` as PNG, or `animation` as GIF, by the suffix; see `ImaginedFaces.save`."""
        from voice2face.images.sheet import save_gif

        if Path(path).suffix.lower() == ".gif":
            save_gif(self.animation, Path(path))
        else:
            super().save(path)

    @property
    def animation(self) -> list[Image.Image]:
        """The way there and back, a captioned sheet of the samples a frame, as Pillow images."""
        from voice2face.images.sheet import caption_sheet

        steps = self.faces.shape[1]
        there = [caption_sheet(self.faces[:, step], self._title) for step in range(steps)]
        return there + there[-2:0:-1]

    @property
    def _title(self) -> str:
        first, last = (Path(name).name for name in self.recordings)
        return f"{first}  to  {last}"
