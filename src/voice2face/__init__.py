"""voice2face: generate plausible faces from a voice recording.

    >>> from voice2face import VoiceToFace
    >>> faces = VoiceToFace.load().generate("me.wav", samples=4, seed=0)  # doctest: +SKIP
    >>> faces.save("me.png")  # doctest: +SKIP

Generated faces are typical of such voices; they are never a likeness of the speaker.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from voice2face.errors import Voice2FaceError

if TYPE_CHECKING:
    from voice2face.runtime.imagined import ImaginedFaces, MorphedFaces
    from voice2face.runtime.pipeline import VoiceToFace

__version__ = "0.1.0"

# ONNX Runtime would look up a host of its maker's and leave an identifier in the user's cache;
# only this, set before it is imported, keeps it from both.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__all__ = ["ImaginedFaces", "MorphedFaces", "Voice2FaceError", "VoiceToFace", "__version__"]


def __getattr__(name: str) -> object:
    # Late, so that `import voice2face` and the command line's --help start at once.
    if name in {"ImaginedFaces", "MorphedFaces"}:
        from voice2face.runtime import imagined

        return getattr(imagined, name)
    if name == "VoiceToFace":
        from voice2face.runtime.pipeline import VoiceToFace

        return VoiceToFace
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
