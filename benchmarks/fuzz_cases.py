"""Mutated inputs, each from its number: recordings, models, networks, stores and settings.

What a case may do: be used, or be refused by a `Voice2FaceError` of one line. Anything else is a
finding. The same number gives the same case.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import random
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from voice2face.errors import Voice2FaceError
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.description import DEFAULT_MODEL, find_bundle
from voice2face.runtime.pipeline import VoiceToFace
from voice2face.synthetic.world import World

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "librispeech-4340.flac"

# Container, encoder, rate and sample format of each recording that is mutated.
SEEDS = (
    ("wav", "pcm_s16le", 16000, "s16"), ("wav", "pcm_s24le", 48000, "s32"),
    ("wav", "pcm_f32le", 22050, "flt"), ("wav", "pcm_mulaw", 8000, "s16"),
    ("wav", "adpcm_ms", 16000, "s16"), ("wav", "adpcm_ima_wav", 16000, "s16p"),
    ("w64", "pcm_s16le", 16000, "s16"), ("aiff", "pcm_s16be", 16000, "s16"),
    ("au", "pcm_s16be", 16000, "s16"), ("caf", "pcm_s16be", 16000, "s16"),
    ("flac", "flac", 16000, "s16"), ("m4a", "alac", 44100, "s16p"),
    ("mp3", "libmp3lame", 44100, "s16p"), ("mp2", "mp2", 32000, "s16"),
    ("m4a", "aac", 44100, "fltp"), ("aac", "aac", 16000, "fltp"),
    ("mov", "aac", 48000, "fltp"), ("3gp", "libopencore_amrnb", 8000, "s16"),
    ("amr", "libopencore_amrnb", 8000, "s16"), ("ogg", "libopus", 48000, "s16"),
    ("webm", "libopus", 48000, "s16"), ("mka", "pcm_s16le", 16000, "s16"),
    ("ac3", "ac3", 48000, "fltp"), ("eac3", "eac3", 48000, "fltp"),
    ("wv", "wavpack", 44100, "s16p"), ("tta", "tta", 16000, "s16"),
    ("wma", "wmav2", 44100, "fltp"), ("avi", "mp2", 44100, "s16"),
    ("ts", "mp2", 48000, "s16"), ("mkv", "aac", 48000, "fltp"),
    ("flv", "libmp3lame", 44100, "s16p"), ("voc", "pcm_s16le", 16000, "s16"),
)  # fmt: skip

_NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 63, 65, 2**31, 2**63, 10**30, 0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"),
)  # fmt: skip
_VALUES: tuple[Any, ...] = (*_NUMBERS, None, True, "", "x", [], {}, [[]], {"a": 1}, 2000 * "y")


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Damage bytes in some of the ways in which files are: cut, flipped, moved, or made to lie."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        if not data:
            break
        # Headers are where lies hide.
        end = len(data) if chance.random() < 0.5 else min(len(data), 600)
        at = chance.randrange(end)
        length = min(chance.choice((1, 2, 4, 8, 64, 1024)), len(data) - at)
        how = chance.randrange(8)
        if how == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif how == 1:
            data[at : at + length] = chance.randbytes(length)
        elif how == 2:
            data[at : at + length] = chance.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * length
        elif how == 3:
            del data[at : at + length]
        elif how == 4:
            data[at:at] = chance.randbytes(length)
        elif how == 5:
            other = chance.randrange(len(data))
            data[at : at + length] = data[other : other + length]
        elif how == 6 and chance.random() < 0.3:
            del data[at:]
        else:
            number = chance.choice((0, 1, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, len(data)))
            packed = number.to_bytes(4, chance.choice(("little", "big")))
            data[at : at + 4] = packed
    return bytes(data)


@cache
def _speech() -> np.ndarray:
    """Three seconds of the example, (1, samples) at 16 kHz."""
    resampler = av.AudioResampler("fltp", "mono", 16000)
    with av.open(str(EXAMPLE)) as container:
        pieces = [
            piece.to_ndarray()
            for frame in container.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
    return np.ascontiguousarray(np.concatenate(pieces, axis=1)[:, 8000:56000])


@cache
def recording(index: int) -> bytes:
    """Encode the speech as the seed of that number."""
    container, codec, rate_hz, sample_format = SEEDS[index]
    formats = {"m4a": "ipod", "mka": "matroska", "mkv": "matroska", "wma": "asf", "ts": "mpegts",
               "aac": "adts"}  # fmt: skip
    file = io.BytesIO()
    with av.open(file, "w", format=formats.get(container, container)) as out:
        stream = out.add_stream(codec, rate=rate_hz, layout="mono")
        if codec == "wmav2":
            stream.codec_context.bit_rate = 64000
        frame = av.AudioFrame.from_ndarray(_speech(), format="fltp", layout="mono")
        frame.sample_rate = 16000
        size = stream.codec_context.frame_size or 1024
        resampler = av.AudioResampler(sample_format, "mono", rate_hz, frame_size=size)
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(piece))
        out.mux(stream.encode(None))
    return file.getvalue()


@cache
def _model() -> VoiceToFace:
    return VoiceToFace.load(DEFAULT_MODEL)


def _drawn(model: VoiceToFace, path: Path) -> None:
    faces = model.generate(path, samples=1)
    size = model.description.image_size_px
    assert faces.faces.shape == (1, size, size, 3)
    assert np.isfinite(faces.embedding).all()


def _recording_case(chance: random.Random, folder: Path) -> None:
    content = mutate(recording(chance.randrange(len(SEEDS))), chance)
    if chance.random() < 0.05:  # two files that were joined
        content += mutate(recording(chance.randrange(len(SEEDS))), chance)
    path = folder / f"x.{chance.choice(SEEDS)[0]}"
    path.write_bytes(content)
    _drawn(_model(), path)


def _mutated_json(content: str, chance: random.Random) -> str:
    if chance.random() < 0.2:
        return mutate(content.encode(), chance).decode(errors="surrogateescape")
    whole = json.loads(content)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        part: Any = whole
        while isinstance(part, dict) and part:
            key = chance.choice(sorted(part))
            if not isinstance(part[key], dict) or chance.random() < 0.2:
                break
            part = part[key]
        else:
            continue
        how = chance.random()
        if how < 0.15:
            del part[key]
        elif how < 0.25:
            part[f"{key}_"] = chance.choice(_VALUES)
        elif how < 0.6 and isinstance(part[key], (int, float)):
            part[key] = chance.choice((part[key] * 2, -part[key], part[key] + 1, *_NUMBERS))
        else:
            part[key] = chance.choice(_VALUES)
    return json.dumps(whole)


def _model_case(chance: random.Random, folder: Path) -> None:
    bundle = Path(shutil.copytree(find_bundle(DEFAULT_MODEL), folder / "bundle"))
    path = bundle / "model.json"
    text = _mutated_json(path.read_text(encoding="utf-8"), chance)
    path.write_bytes(text.encode(errors="surrogateescape"))
    _drawn(VoiceToFace(Bundle(bundle)), EXAMPLE)


def _network_case(chance: random.Random, folder: Path) -> None:
    bundle = Path(shutil.copytree(find_bundle(DEFAULT_MODEL), folder / "bundle"))
    about = json.loads((bundle / "model.json").read_text(encoding="utf-8"))
    name = chance.choice(sorted(about["files"]))
    content = mutate((bundle / name).read_bytes(), chance)
    (bundle / name).write_bytes(content)
    about["files"][name] = hashlib.sha256(content).hexdigest()
    (bundle / "model.json").write_text(json.dumps(about), encoding="utf-8")
    _drawn(VoiceToFace(Bundle(bundle)), EXAMPLE)


@cache
def _planted(folder: Path) -> Path:
    from voice2face.synthetic.world import make_world

    return make_world(folder / "planted", World(6, 0, recordings_each=2, faces_each=2)).folder


def _store_case(chance: random.Random, folder: Path) -> None:
    from voice2face.data.pairing import pair
    from voice2face.data.store import Store

    whole = _planted(folder.parent)
    copy = Path(shutil.copytree(whole, folder / "store"))
    path = copy / chance.choice(sorted(name.name for name in copy.iterdir()))
    before = path.read_bytes()
    if path.name == "store.json":
        text = _mutated_json(before.decode(), chance)
        path.write_bytes(text.encode(errors="surrogateescape"))
    elif chance.random() < 0.1:
        path.unlink()
    else:
        path.write_bytes(mutate(before, chance))
    store = Store.open(copy)
    # What opens can be read, as by an evaluation, whatever its numbers.
    for start, frames in zip(store.voices["start"], store.voices["frames"], strict=True):
        assert len(store.log_mels[start : start + frames]) == frames
    pair(store, "identity", "train")
    same = path.exists() and path.read_bytes() == before
    if path.name in store.card["sha256"] and not same:
        try:
            store.verify()
        except Voice2FaceError:
            return
        raise AssertionError(f"{path.name} was changed, and is taken as whole")


def _leaves(settings: Any, name: str = "") -> list[str]:
    if not dataclasses.is_dataclass(settings):
        return [name]
    return [
        leaf
        for field in dataclasses.fields(settings)
        for leaf in _leaves(getattr(settings, field.name), f"{name}.{field.name}".strip("."))
    ]


def _setting_case(chance: random.Random, folder: Path) -> None:
    from voice2face.ranges import refuse_problems
    from voice2face.training.overrides import override
    from voice2face.training.presets import PRESETS, preset

    settings = preset(chance.choice(sorted(PRESETS)))
    values = ("", "None", "true", "nan", "inf", "-inf", "1e400", "0", "-1", "1", "3", "0.5", "2,1",
              "64,,64", "0,0", "x", "../../x", "\0", "99999999999999999999", "1e-400")  # fmt: skip
    assigned = [
        f"{chance.choice(_leaves(settings))}={chance.choice(values)}"
        for _ in range(chance.choice((1, 1, 2)))
    ]
    if chance.random() < 0.05:
        assigned.append(chance.choice(("", "=", "gan", "gan.=1", ".=1", "gan.generator=1")))
    changed = override(settings, assigned)
    refuse_problems(changed)
    json.dumps(dataclasses.asdict(changed), allow_nan=False)  # what a run's folder says of them


KINDS: dict[str, Callable[[random.Random, Path], None]] = {
    "recordings": _recording_case,
    "models": _model_case,
    "networks": _network_case,
    "stores": _store_case,
    "settings": _setting_case,
}


def attempt(kind: str, number: int, folder: Path) -> str:
    """Try one case.

    Args:
        kind: A key of `KINDS`.
        number: Which case.
        folder: An empty folder for its files, in one that stays for all.

    Returns:
        "used", or "refused: " and why.

    Raises:
        Exception: A finding.
    """
    try:
        KINDS[kind](random.Random(f"{kind} {number}"), folder)
    except Voice2FaceError as error:
        assert "\n" not in str(error), f"a message of several lines: {error}"
        return f"refused: {error}"
    return "used"
