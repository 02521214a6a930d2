"""Check the files of a release: their sizes, what they hold, and that one version is told."""

from __future__ import annotations

import re
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

MOST_BYTES = 30_000_000
OF_WHEEL = (
    "voice2face/py.typed",
    "voice2face/models/{model}/model.json",
    "voice2face/models/speech_detector/speech_detector.onnx",
    "voice2face/reporting/templates/base.html",
    "voice2face/web_app/index.html",
    "voice2face/web_app/ort-wasm-simd-threaded.wasm.br",
)
OF_SDIST = ("tests/conftest.py", "examples/librispeech-4340.flac", "web/build/index.html",
            "CHANGELOG.md", "CITATION.cff", "SECURITY.md", "LICENSE", "NOTICE")  # fmt: skip
NEVER = re.compile(r"(^|/)(node_modules|__pycache__|\.git|\.venv|shared|runs/[^/]*\.png)(/|$)")

root = Path(__file__).resolve().parents[1]
(wheel,), (sdist,) = (list(Path(sys.argv[1]).glob(end)) for end in ("*.whl", "*.tar.gz"))
default = re.search(
    r'DEFAULT_MODEL = "(.+)"', (root / "src/voice2face/runtime/description.py").read_text()
)
assert default is not None
with zipfile.ZipFile(wheel) as archive:
    in_wheel = archive.namelist()
    metadata = next(name for name in in_wheel if name.endswith(".dist-info/METADATA"))
    version = Parser().parsestr(archive.read(metadata).decode())["Version"]
with tarfile.open(sdist) as archive:
    in_sdist = [name.partition("/")[2] for name in archive.getnames()]
for path, names, wanted in ((wheel, in_wheel, OF_WHEEL), (sdist, in_sdist, OF_SDIST)):
    size = path.stat().st_size
    assert size <= MOST_BYTES, f"{path.name} has {size} bytes"
    missing = {name.format(model=default[1]) for name in wanted} - set(names)
    assert not missing, f"{path.name} lacks {sorted(missing)}"
    unwanted = [name for name in names if NEVER.search(name)]
    assert not unwanted, f"{path.name} has {unwanted[:3]}"
    print(f"{path.name}: {size / 1e6:.1f} MB, {len(names)} files")
cited = re.search(r"^version: (.+)$", (root / "CITATION.cff").read_text(), re.MULTILINE)
assert cited and cited[1] == version, f"CITATION.cff says {cited and cited[1]}, not {version}"
assert version in (root / "CHANGELOG.md").read_text(), f"CHANGELOG.md does not tell {version}"
