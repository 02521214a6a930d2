"""Train the speech detector, and measure whom it refuses and what it lets through.

    apt-get download PACKAGE ...          # those of _PACKAGES
    dpkg-deb -x PACKAGE.deb PACKAGES/PACKAGE
    python benchmarks/speech_detector.py STORE PACKAGES --grid ../shared/data/pairs/grid -o FOLDER

STORE was prepared with --waveforms. Sounds are divided by package: some to learn from, some to
choose the threshold by, some to be asked about; likewise the store's speakers. The sounds of
`evaluation.out_of_domain` are only asked about. A clip in which the voice activity detector finds
too little counts as refused, as it is in use. Intervals are over files or speakers. The detector is
written to FOLDER/speech_detector.onnx, with the decision at 0.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from record import line
from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.settings import FrontEnd
from voice2face.audio.suffixes import MEDIA_SUFFIXES, VIDEO_SUFFIXES
from voice2face.data.store import Store
from voice2face.export import export_network, parity_error
from voice2face.metrics.intervals import identity_weights, mean_interval
from voice2face.synthetic.sounds import (
    MEASURING_SOUNDS,
    TRAINING_SOUNDS,
    measuring_sound,
    training_sound,
)
from voice2face.training.speaker.augmented_crops import other_speakers
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speech import (
    LEAST_FRAMES,
    Clip,
    clip_of,
    clips_of_file,
    logits_of,
    set_threshold,
    train_detector,
)

Part = Literal["train", "val", "test"]

_FRONT_END = FrontEnd()
_RATE_HZ = _FRONT_END.sample_rate_hz
_WORSE = AugmentSettings(reverberation=0.4, babble=0.3, noise=0.5, telephone=0.4)
# What is no speech stays so at any pitch.
_CHANGED = AugmentSettings(
    speed=1, speed_factors=(0.6, 1.6), reverberation=0.3, noise=0.3, telephone=0.3
)
_HELD_OUT_PERCENT = 10
_SYNTHETIC = {"train": 60, "val": 8}


@dataclass(frozen=True)
class Package:
    """Sounds of a Debian package.

    Attributes:
        part: What they are for.
        kind: What they are.
        wanted: Of the path in the package; the first group, if any, names a subset.
        unwanted: Of the path.
        most_files: So many, evenly spread over the sorted paths.
        most_clips: Of one file.
    """

    part: Part
    kind: Literal["speech", "animals", "music", "noise"]
    wanted: str = ""
    unwanted: str = r"^$"
    most_files: int = 60
    most_clips: int = 1


# Files of telephone announcements in which nobody speaks: silence, beeps, and shrieking monkeys.
_NOT_SAID = r"/(silence/|beep|confbridge-(join|leave)|(a|de)scending-2tone|tt-monkeys\.)"

# By name and number, for a package that holds several kinds. Licences: their debian/copyright.
_PACKAGES: dict[str, tuple[Package, ...]] = {
    "asterisk-core-sounds-es-wav": (Package("train", "speech", "", _NOT_SAID, most_files=80),),
    "asterisk-core-sounds-fr-wav": (Package("train", "speech", "", _NOT_SAID, most_files=80),),
    "asterisk-core-sounds-en-wav": (Package("train", "speech", "", _NOT_SAID, most_files=80),),
    "klettres-data": (Package("train", "speech", most_files=100),),
    "fillets-ng-data": (
        Package("train", "speech", r"/sound/.*/en/", most_files=50),
        Package("train", "music", r"/music/", most_clips=6),
    ),
    "asterisk-core-sounds-it-wav": (Package("val", "speech", "", _NOT_SAID),),
    "asterisk-core-sounds-ru-wav": (Package("test", "speech", "", _NOT_SAID),),
    "ktuberling-data": (Package("test", "speech", most_files=100),),
    "tuxpaint-stamps-default": (
        Package("test", "speech", r"_desc", most_files=100),
        Package("test", "animals", r"/animals/", "_desc", most_clips=2),
        Package("test", "music", r"/hobbies/music/", "_desc", most_clips=2),
        Package("test", "noise", r"/(household|vehicles|naturalforces)/", "_desc", most_clips=2),
    ),
    "gcompris-qt-data": (
        Package("train", "animals", r"/(explore_farm_animals|memory-sound)/", most_clips=3),
        Package("train", "music", r"/(explore_world_music|instruments)/", most_clips=6),
    ),
    "wesnoth-1.16-data": (
        Package(
            "train",
            "animals",
            r"(wolf|bat|gryphon|horse|tusker|drake|birds|yeti|naga|ink|ogre|troll|goblin)",
            most_clips=2,
        ),
        Package("train", "noise", r"(magic|horn|sword|bow|ship|night|campfire|drums|rumble|flame)"),
    ),
    "widelands-data": (
        Package("train", "animals", r"/sound/(animals|farm)/", "scythe", most_clips=3),
    ),
    "megaglest-data": (
        Package(
            "train",
            "animals",
            r"/(units/(behemoth|bull|chicken|cow|dragon|elephant|evil_dragon|ibis|pig|sheep|snake"
            r"|thunderbird|wild_sow)/sounds|tilesets/.*/(chicken|hawk|mudchute_cow|owl|rooster))",
            r"(build|walk)",
            most_files=80,
        ),
    ),
    "lmms-common": (Package("train", "music", most_files=60, most_clips=2),),
    "lincity-ng-data": (Package("train", "noise", most_files=50),),
    "bucklespring-data": (Package("train", "noise", most_files=20),),
    "colobot-common-sounds": (Package("train", "noise", most_clips=2),),
    "frozen-bubble-data": (Package("train", "music", most_clips=6),),
    "fretsonfire-songs-sectoid": (Package("train", "music", most_clips=6),),
    # Its other sounds hold voices.
    "hyperrogue-music": (Package("train", "music", r"/hr", most_clips=4),),
    "tuxmath-data": (Package("train", "noise", most_clips=3),),
    # Without laughter, coughing and song.
    "scratch": (
        Package("train", "animals", r"/Animal/", most_clips=2),
        Package("train", "music", r"/(Instruments|Music Loops)/", "Beatbox", most_clips=2),
        Package("train", "noise", r"/(Effects|Electronic|Percussion)/", most_clips=2),
    ),
    "asterisk-moh-opsound-wav": (Package("train", "music", most_clips=12),),
    "lomiri-sounds": (Package("train", "music", most_clips=2),),
    "deepin-sound-theme": (Package("train", "noise"),),
    "eiskaltdcpp-sounds": (Package("train", "noise"),),
    "pidgin-data": (Package("train", "noise"),),
    "mirrormagic-data": (Package("train", "noise", "", r"(autsch|lachen|hui|njam)"),),
    "btanks-data": (
        Package("train", "music", r"/tunes/", most_clips=4),
        Package("train", "noise", r"/sounds/", r"(laugh|scream|deadman|zombie)"),
    ),
    "gunroar-data": (
        Package("train", "music", r"\.ogg", most_clips=4),
        Package("train", "noise", r"\.wav"),
    ),
    "parsec47-data": (
        Package("train", "music", r"\.ogg", most_clips=4),
        Package("train", "noise", r"\.wav"),
    ),
    "tumiki-fighters-data": (
        Package("train", "music", r"\.ogg", most_clips=4),
        Package("train", "noise", r"\.wav"),
    ),
    "opencity-data": (Package("train", "noise", most_clips=2),),
    "tuxpaint-data": (Package("train", "noise", "", r"(giggle|youcannot|areyousure|tuxok)"),),
    "planetblupi-music-ogg": (Package("train", "music", most_clips=6),),
    "freedink-data": (Package("val", "noise", r"\.wav", r"(scream|grunt|nono)", most_clips=2),),
    "psi-plus-sounds": (Package("val", "noise"),),
    "gajim": (Package("val", "noise"),),
    "zaz-data": (Package("val", "music", r"(mus|bonus|combo|new|phbx)", most_clips=6),),
    "minetest-data": (Package("val", "noise", "", r"(player|soundstuff)", most_files=30),),
    "sonic-pi-samples": (Package("val", "music", most_clips=2),),
    "wesnoth-1.16-music": (Package("val", "music", most_files=15, most_clips=4),),
    # Without what pingus say.
    "pingus-data": (Package("val", "noise", "", r"(goodidea|letsgo|ohno|yipee)"),),
    "extremetuxracer-data": (Package("test", "music", r"/music/", most_clips=6),),
    "singularity-music": (Package("test", "music", most_clips=6),),
    "pushover-data": (Package("test", "music", most_clips=6),),
    "ri-li-data": (Package("test", "music", most_clips=6),),
    "oxygen-sounds": (Package("test", "noise"),),
    "yaru-theme-sound": (Package("test", "noise"),),
    # Without the voice that names loudspeakers.
    "sound-theme-freedesktop": (Package("test", "noise", "", r"audio-(channel|test)"),),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("packages", type=Path)
    parser.add_argument("--grid", type=Path, help="folder of the GRID clips")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    clips: dict[Part, list[tuple[str, Clip]]] = {"train": [], "val": [], "test": []}
    for part, of in _all_clips(options.store, options.packages, options.grid):
        clips[part] += of
    print({part: len(of) for part, of in clips.items()}, file=sys.stderr)
    network = train_detector([clip for _, clip in clips["train"]], options.steps)
    threshold = set_threshold(network, [clip for _, clip in clips["val"]])
    options.out.mkdir(parents=True, exist_ok=True)
    path, example = options.out / "speech_detector.onnx", torch.randn(2, 64, 3 * LEAST_FRAMES)
    export_network(network, example, path, ("log_mel", "speech_logit"), {0: "batch", 2: "frames"})
    figures = {part: _figures(network, clips[part]) for part in ("val", "test")}
    print(json.dumps(figures, indent=1), file=sys.stderr)
    print(
        line(
            "speech_detector",
            ("torch", "numpy", "onnxruntime"),
            n_train={
                what: sum(clip.is_speech == speech for _, clip in clips["train"])
                for what, speech in (("speech", True), ("other", False))
            },
            threshold=round(threshold, 3),
            onnx_kb=round(path.stat().st_size / 1000),
            parity=parity_error(network, path, example),
            **figures,
        )
    )


def _all_clips(
    folder: Path, packages: Path, grid: Path | None
) -> Iterator[tuple[Part, list[tuple[str, Clip]]]]:
    """Clips with the file or speaker that each is of."""
    for name, several in _PACKAGES.items():
        for package in several:
            of = list(_of_package(packages / name, name, package))
            print(package.part, package.kind, name, len(of), file=sys.stderr)
            yield package.part, of
    store = hold_out(Store.open(folder), _HELD_OUT_PERCENT)
    for part in ("train", "val", "test"):
        yield part, list(_of_store(store, part))
    if grid:
        paths = sorted(path for path in grid.iterdir() if path.suffix in VIDEO_SUFFIXES)
        yield (
            "test",
            [
                (path.stem, clip)
                for path in paths
                for clip in clips_of_file(path, "speech: GRID", True, _FRONT_END, seconds=2)
            ],
        )
    for part, count in _SYNTHETIC.items():
        yield (
            part,
            [  # pyright: ignore[reportReturnType]
                (f"{kind} {index}", clip_of(waveform, f"noise: {kind}", False, _FRONT_END))
                for kind in TRAINING_SOUNDS
                for index in range(count)
                for waveform in [training_sound(kind, 4.0, 0 if part == "train" else 1, index)]
            ],
        )
    yield (
        "test",
        [
            (
                f"{kind} {index}",
                clip_of(measuring_sound(kind, 4.0, 0, index), f"synthetic: {kind}", False, _FRONT_END),
            )
            for kind in MEASURING_SOUNDS
            for index in range(20)
        ],
    )


def _of_package(folder: Path, name: str, package: Package) -> Iterator[tuple[str, Clip]]:
    if not folder.is_dir():
        raise SystemExit(f"{folder}: no such folder; unpack the Debian package {name} into it")
    _unpack_resources(folder)
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in MEDIA_SUFFIXES and path.is_file()
    ]
    paths = [
        path
        for path in paths
        if re.search(package.wanted, str(path.relative_to(folder)))
        and not re.search(package.unwanted, str(path.relative_to(folder)))
    ]
    count = min(len(paths), package.most_files)
    chosen = [paths[place] for place in np.linspace(0, len(paths) - 1, count).astype(int)]
    is_speech = package.kind == "speech"
    augmentations = (_WORSE,) if is_speech else (_WORSE, _CHANGED)
    if package.part != "train" and not is_speech:
        augmentations = ()
    for path in chosen:
        for clip in clips_of_file(
            path,
            f"{package.kind}: {name}",
            is_speech,
            _FRONT_END,
            seconds=2.0 if is_speech else 4.0,
            most=package.most_clips,
            augmentations=augmentations,
        ):
            yield path.name, clip


def _unpack_resources(folder: Path) -> None:
    """Write the Ogg streams that Qt resource files hold as they are into a folder beside each."""
    for resource in sorted(folder.rglob("*.rcc")):
        target = resource.with_suffix("")
        if target.exists():
            continue
        target.mkdir()
        content = resource.read_bytes()
        for number, first in enumerate(re.finditer(rb"OggS\x00\x02", content)):
            at, is_last = first.start(), False
            while not is_last and content[at : at + 4] == b"OggS":
                sizes = content[at + 27 : at + 27 + content[at + 26]]
                is_last = bool(content[at + 5] & 4)
                at += 27 + len(sizes) + sum(sizes)
            (target / f"{number:03d}.ogg").write_bytes(content[first.start() : at])


def _of_store(store: Store, part: Part) -> Iterator[tuple[str, Clip]]:
    """Two seconds of recordings as they are, and made worse."""
    voices = store.voices
    rows = [row for row, split in enumerate(voices["split"]) if split == part]
    for row in rows:
        random = np.random.default_rng([3, row])
        waveform = store.waveform(row)
        length = 2 * _RATE_HZ
        start = int(random.integers(max(1, len(waveform) - length + 1)))
        stretch = waveform[start : start + length]
        others = other_speakers(store, rows, row, _WORSE.babble_speakers[1], random)
        name = voices["identity"][row]
        source = f"speech: {voices['data_set'][row]}"
        yield name, clip_of(stretch, source, True, _FRONT_END)
        worse = augment(stretch, _WORSE, others, random, _RATE_HZ)
        yield name, clip_of(worse, f"{source}, made worse", True, _FRONT_END)


def _figures(network: torch.nn.Module, clips: list[tuple[str, Clip]]) -> dict[str, object]:
    """Error rates of each set, of all speech, and of each kind of other sounds."""
    logits = logits_of(network, [clip for _, clip in clips]).numpy()
    groups: dict[str, list[int]] = {}
    for index, (_, clip) in enumerate(clips):
        groups.setdefault(clip.set, []).append(index)
        kind = clip.set.partition(":")[0]
        groups.setdefault(f"all {kind}", []).append(index)
        if not clip.is_speech:
            groups.setdefault("all that is no speech", []).append(index)
    told = {}
    for name, indices in sorted(groups.items()):
        is_speech = clips[indices[0]][1].is_speech
        wrong = (logits[indices] > 0) != is_speech
        _, who = np.unique([clips[index][0] for index in indices], return_inverse=True)
        counts = np.bincount(who)
        value, low, high = mean_interval(
            identity_weights(len(counts), seed=0),
            np.bincount(who, wrong)[:, None],
            counts[:, None],
            bounds=(0, 1),
        )
        told[name] = {
            "refused" if is_speech else "accepted": round(float(value[0]), 4),
            # One file or speaker alone has none.
            "interval": None
            if np.isnan(low[0])
            else [round(float(low[0]), 4), round(float(high[0]), 4)],
            "no_speech_found": round(float(np.isneginf(logits[indices]).mean()), 4),
            "n": len(indices),
        }
    return told


if __name__ == "__main__":
    main()
