"""Use the runtime half where torch is not installed: every module, and faces from what is read.

    python .ci/without_torch.py [FACES.npy]

The faces are kept in FACES.npy. If it is there, they may differ from it by one grey level.
"""

from __future__ import annotations

import importlib
import io
import pkgutil
import struct
import sys
import tempfile
import wave
from pathlib import Path

import av
import numpy as np
import onnxruntime
import PIL

import voice2face
from voice2face.cli import main

RUNTIME = ("audio", "images", "runtime", "cli", "errors", "files", "records", "recordings")


def with_old_title(samples: np.ndarray) -> io.BytesIO:
    """Write a WAV file whose title is Latin-1, as old programs do."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(samples.tobytes())
    title = b"INFOINAM" + struct.pack("<I", 6) + b"Caf\xe9\xff\0"
    content = file.getvalue() + b"LIST" + struct.pack("<I", len(title)) + title
    return io.BytesIO(content[:4] + struct.pack("<I", len(content) - 8) + content[8:])


for module in pkgutil.walk_packages(voice2face.__path__, "voice2face."):
    if module.name.split(".")[1] in RUNTIME:
        importlib.import_module(module.name)
assert "torch" not in sys.modules

examples = Path(__file__).resolve().parents[1] / "examples"
first, second = sorted(examples.glob("*.flac"))
model = voice2face.VoiceToFace.load()
faces = model.generate(second, samples=4, seed=0)
assert faces.faces.shape == (4, 64, 64, 3)
assert faces.image.width >= 4 * 256
assert faces.woman_probability is not None and faces.woman_probability > 0.9
decoded = importlib.import_module("voice2face.audio.decode").decode(second, "example")
titled = model.generate(with_old_title(decoded.waveform), samples=4, seed=0)
assert np.abs(titled.faces.astype(int) - faces.faces).mean() < 1
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    assert main(["bundle", "pack", "starter", "-o", str(folder / "a.zip")]) == 0
    assert main(["bundle", "check", str(folder / "a.zip")]) == 0
    assert (
        main(["morph", str(first), str(second), "--steps", "3", "-o", str(folder / "a.gif")]) == 0
    )
    explained = ["generate", str(first), "--explain", str(folder / "why.png")]
    assert main([*explained, "--model", str(folder / "a.zip"), "-o", str(folder / "a.png")]) == 0
same = "all well"
if len(sys.argv) > 1:
    known = Path(sys.argv[1])
    if known.exists():
        off = int(np.abs(np.load(known).astype(int) - faces.faces).max())
        assert off <= 1, f"a face is {off} grey levels off"
        same = f"faces are {'the same' if off == 0 else 'one grey level off'}"
    else:
        np.save(known, faces.faces)
print(
    f"numpy {np.__version__}, onnxruntime {onnxruntime.__version__}, av {av.__version__}, "
    f"pillow {PIL.__version__}: {same}"
)
