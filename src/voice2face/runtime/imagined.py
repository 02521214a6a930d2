"""What comes out: faces imagined for one voice, or on the way from one voice to another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import ConfigError
from voice2face.runtime.shown import Shown

if TYPE_CHECKING:
    from PIL import Image

    from voice2face.runtime.description import ModelDescription

# Signs the bytes of a picture's file, of a kind told by its suffix: see `signing.Signer`.
Sign = Callable[[bytes, str], bytes]

# Below this, the words say that it is uncertain whether a woman or a man speaks.
_UNCERTAIN = 0.8
_STRIP_FACE_PX = 128
_NOBODY = (
    "The people in these pictures do not exist.",
    "The faces are typical of such voices, never a likeness of the speaker.",
)


@dataclass(frozen=True)
class Origin:
    """What made faces: what the pictures' marks tell.

    Attributes:
        number: The model's number in the mark, 24 bits; see `model_number`.
        seed: Of the faces; None: it is not told.
        marked: Whether pictures get the imperceptible mark.
    """

    model: str = ""
    number: int = 0
    seed: int | None = None
    marked: bool = True

    @classmethod
    def of(cls, model: ModelDescription, seed: int) -> Origin:
        """Tell the origin of a model's faces."""
        return cls(model.name, model.number, seed, model.marked)

    def mark_sheet(self, sheet: Image.Image) -> Image.Image:
        """Add the imperceptible mark of sheets."""
        from PIL import Image

        from voice2face.runtime.sheet_mark import mark_sheet

        return Image.fromarray(mark_sheet(np.asarray(sheet), self.number)) if self.marked else sheet

    def mark_faces(self, grid: Image.Image, face_px: int) -> Image.Image:
        """Add the imperceptible mark of faces, side by side at their own pixels."""
        from PIL import Image

        from voice2face.runtime.face_mark import mark_faces

        return Image.fromarray(mark_faces(np.asarray(grid), face_px)) if self.marked else grid

    def face_png(self, face: NDArray[np.uint8]) -> bytes:
        """Write one face, (size, size, 3) uint8 RGB, as a marked PNG."""
        from PIL import Image

        return self.encode([self.mark_faces(Image.fromarray(face), len(face))], ".png")

    def encode(self, pictures: list[Image.Image], suffix: str) -> bytes:
        """Write a picture as a file of a kind, with metadata: see `sheet.encode`."""
        from voice2face.images.sheet import encode
        from voice2face.runtime.xmp import xmp_packet

        return encode(pictures, suffix, xmp_packet(self.model, self.seed))


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
        faces: (faces, size, size, 3) uint8 RGB; of several voices, one's after another's. Where
            the generator takes noise, all are drawn from the whole recording, each with noise of
            its own; otherwise the first is, and each further one is drawn from what is heard in a
            short stretch of it, chosen at random.
        embedding: (embedding,) float32, the embedding of the voice that speaks most, of unit
            length.
        speech_s: What the voice activity detector kept of it.
        timings_ms: How long each part took.
        woman_probability: How probable it is, by the voice, that a woman speaks; None: the model
            does not tell.
        speech_probability: How probable it is that a person speaks; None: the model does not tell.
        notes: What a listener should know of how the recording was read.
        voices: The voices that were told apart; who speaks most is first.
        stretches_s: Beginning and end, in seconds, of each stretch of a long recording that was
            used; empty: all was.
        redrawn: How many of the faces were generated again, for they looked broken.
        origin: What made them.
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
    redrawn: int = 0
    origin: Origin = field(default_factory=Origin)

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
        """The faces on a captioned, marked sheet, as a Pillow image; each voice has a row.

        See `caption_sheet` and `mark_sheet`.
        """
        from voice2face.images.sheet import caption_sheet

        title = f"{Path(self.recording).name}   ({self.speech_s:.1f} s of speech)"
        columns = {"columns": len(self.voices[0].faces)} if self._rows > 1 else {}
        sheet = caption_sheet(self.faces, f"{title}\n{self.heard}".rstrip(), **columns)
        return self.origin.mark_sheet(sheet)

    @property
    def native_image(self) -> Image.Image:
        """The faces in a marked grid at the model's own pixels, as a Pillow image."""
        from voice2face.images.sheet import columns_of, grid

        n_faces = len(self.faces)
        columns = n_faces // self._rows if self._rows > 1 else columns_of(n_faces)
        return self.origin.mark_faces(grid(self.faces, columns), self.faces.shape[1])

    def encode(self, suffix: str = ".png", native: bool = False) -> bytes:
        """Write `image`, or `native_image`, as a file of a kind, with metadata: its bytes.

        Args:
            suffix: ".png", ".jpg", ".jpeg", ".webp" or ".gif".
        """
        return self.origin.encode([self.native_image if native else self.image], suffix)

    def save(
        self, path: Path | str | IO[bytes], native: bool = False, sign: Sign | None = None
    ) -> None:
        """Write what `encode` gives, of the kind that the name's suffix tells, by default PNG.

        Args:
            path: A file's name, or an open file; "-" is standard output.
            sign: Signs it, such as `signing.Signer`.

        Raises:
            ConfigError: No picture of such a suffix is written.
            OutputError: It cannot be written.
        """
        _write(path, lambda suffix: self.encode(suffix, native), sign)

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
        faces: (samples, steps, size, size, 3) uint8 RGB. The first step is the first voice's.
        embeddings: (2, embedding) float32, the two voices, of unit length.
        origin: What made them.
    """

    recordings: tuple[str, str]
    faces: NDArray[np.uint8]
    embeddings: NDArray[np.float32]
    origin: Origin = field(default_factory=Origin)

    @property
    def image(self) -> Image.Image:
        """A captioned, marked strip, a column a step and a row a sample, as a Pillow image."""
        from voice2face.images.sheet import caption_sheet

        samples, steps, *face = self.faces.shape
        faces = np.reshape(self.faces, (samples * steps, *face))
        sheet = caption_sheet(faces, self._title, steps, _STRIP_FACE_PX)
        return self.origin.mark_sheet(sheet)

    @property
    def native_image(self) -> Image.Image:
        """A column a step and a row a sample at the model's own pixels, as a Pillow image."""
        from voice2face.images.sheet import grid

        samples, steps, *face = self.faces.shape
        sheet = grid(np.reshape(self.faces, (samples * steps, *face)), steps)
        return self.origin.mark_faces(sheet, face[0])

    @property
    def words(self) -> list[str]:
        """Of which recordings the faces are, and what they are not."""
        return [f"Invented faces on the way from {self._title}", *_NOBODY]

    @property
    def animation(self) -> list[Image.Image]:
        """The way there and back, a marked sheet of the samples a frame, as Pillow images."""
        from voice2face.images.sheet import caption_sheet

        steps = range(self.faces.shape[1])
        sheets = (caption_sheet(self.faces[:, step], self._title) for step in steps)
        there = [self.origin.mark_sheet(sheet) for sheet in sheets]
        return there + there[-2:0:-1]

    def encode(self, suffix: str = ".png", native: bool = False) -> bytes:
        """Write `animation` as GIF, or `image` or `native_image` as another kind, with metadata."""
        if suffix == ".gif":
            return self.origin.encode(self.animation, suffix)
        return self.origin.encode([self.native_image if native else self.image], suffix)

    def save(self, path: Path | str | IO[bytes], sign: Sign | None = None) -> None:
        """Write what `encode` gives; arguments and errors are those of `ImaginedFaces.save`."""
        _write(path, self.encode, sign)

    @property
    def _title(self) -> str:
        first, last = (Path(name).name for name in self.recordings)
        return f"{first}  to  {last}"


def _write(path: Path | str | IO[bytes], encode: Callable[[str], bytes], sign: Sign | None) -> None:
    from voice2face.files import output_file

    target = Path(path) if isinstance(path, str) else path
    suffix = picture_suffix(target) if isinstance(target, Path) else ".png"
    content = encode(suffix)
    with output_file(target) as file:
        file.write(sign(content, suffix) if sign else content)


def picture_suffix(target: Path) -> str:
    """Tell the kind of a picture by its file's name; of standard output PNG.

    Raises:
        ConfigError: No picture of such a suffix is written.
    """
    from voice2face.files import is_standard_output
    from voice2face.images.sheet import PICTURE_SUFFIXES

    suffix = ".png" if is_standard_output(target) else target.suffix.lower()
    if suffix not in PICTURE_SUFFIXES:
        raise ConfigError(
            f"{target}: {f'ends in {suffix!r}' if suffix else 'has no suffix'}; give a name that "
            f"ends in {', '.join(PICTURE_SUFFIXES)}"
        )
    return suffix
