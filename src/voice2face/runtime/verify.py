"""What a picture says of where it came from: its metadata, its signature and the mark in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from voice2face.errors import DataError
from voice2face.files import read_regular
from voice2face.images.photographs import decode_picture
from voice2face.runtime.description import bundled_models, read_description
from voice2face.runtime.mark_finder import (
    FACE_THRESHOLD,
    SHEET_THRESHOLD,
    Found,
    find_mark,
)
from voice2face.runtime.signing import read_credentials
from voice2face.runtime.xmp import read_xmp

MADE, PROBABLY, CANNOT_TELL = "made by this program", "probably", "cannot tell"
_MOST_BYTES = 100_000_000
_PROGRAM = "voice2face"


@dataclass(frozen=True)
class Verification:
    """What is known of a picture.

    Attributes:
        picture: Its name.
        mark: What was found of the imperceptible mark.
        metadata: See `read_xmp`; anybody can write and remove them.
        credentials: See `read_credentials`; None: there are none.
    """

    picture: str
    mark: Found
    metadata: dict[str, str]
    credentials: dict[str, str] | None

    @property
    def verdict(self) -> str:
        """`MADE`, `PROBABLY` or `CANNOT_TELL`: never that something is a photograph.

        Metadata and signatures of signers that nobody knows are claims: they make it probable.
        """
        if self.mark.is_marked:
            return MADE
        signed = self.credentials or {}
        is_signed = signed.get("program") == _PROGRAM and signed["state"] != "invalid"
        claimed = self.metadata.get("CreatorTool", "").split(" ")[0] == _PROGRAM
        return PROBABLY if claimed or is_signed else CANNOT_TELL

    @property
    def model(self) -> str | None:
        """Name of the model that the mark tells: a shipped one, or its number; None: untold."""
        if self.mark.model is None:
            return None
        for name, folder in bundled_models().items():
            if read_description(folder).number == self.mark.model:
                return name
        return f"number {self.mark.model:06x}"

    @property
    def text(self) -> str:
        """All of it in words: the verdict, and a line for each layer."""
        found, needed = max(
            ((self.mark.sheet_score, SHEET_THRESHOLD), (self.mark.face_score, FACE_THRESHOLD)),
            key=lambda pair: pair[0] / pair[1],
        )
        mark = f"found, score {found:.1f}" if self.mark.is_marked else "not found"
        mark += f"; model {self.model}" if self.model else ""
        mark += "" if self.mark.is_marked else f" (score {found:.1f}, {needed:g} is needed)"
        told = "; ".join(f"{name} {value}" for name, value in self.metadata.items())
        signed = "; ".join(
            f"{name} {value}" if name != "state" else value
            for name, value in (self.credentials or {}).items()
            if value
        )
        verdict = {
            MADE: "made by this program",
            PROBABLY: "probably made by this program: it says so, but anybody can write that",
            CANNOT_TELL: "cannot tell: it may be generated, by this program or another, or not",
        }[self.verdict]
        return (
            f"{self.picture}: {verdict}\n  mark: {mark}\n  metadata: {told or 'none'}\n"
            f"  Content Credentials: {signed or 'none'}"
        )

    def to_json(self) -> dict[str, Any]:
        """Give all of it as JSON holds it."""
        return {
            "picture": self.picture,
            "verdict": self.verdict,
            "mark": {
                "found": self.mark.is_marked,
                "model": self.model,
                "sheet_score": round(self.mark.sheet_score, 2),
                "face_score": round(self.mark.face_score, 2),
            },
            "metadata": self.metadata,
            "credentials": self.credentials,
        }


def verify(picture: Path | bytes, name: str = "picture") -> Verification:
    """Tell what a picture says of where it came from; of an animation, the first frame.

    Args:
        picture: Its file, or the bytes of one: PNG, JPEG, WebP, GIF, BMP or TIFF.
        name: How it is called, of bytes.

    Raises:
        DataError: It cannot be read.
    """
    if isinstance(picture, Path):
        content, name = read_regular(picture, _MOST_BYTES, DataError), str(picture)
    else:
        content = picture
    pixels, media_type = decode_picture(content, name)
    credentials = read_credentials(content, media_type)
    return Verification(name, find_mark(pixels), read_xmp(content), credentials)
