"""Import every module of the runtime half, and draw faces, where torch is not installed."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import voice2face

RUNTIME = ("audio", "images", "runtime", "cli", "errors", "files", "records", "recordings")

for module in pkgutil.walk_packages(voice2face.__path__, "voice2face."):
    if module.name.split(".")[1] in RUNTIME:
        importlib.import_module(module.name)

example = Path(__file__).resolve().parents[1] / "examples" / "librispeech-4340.flac"
faces = voice2face.VoiceToFace.load().generate(example, samples=4, seed=0)
assert faces.faces.shape == (4, 64, 64, 3)
assert faces.image.width >= 4 * 256
print(f"runtime half without torch: {len(RUNTIME)} rooms imported, faces drawn")
