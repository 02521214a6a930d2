"""Fetch the sounds that the speech detector learns from and is measured by, from Debian packages.

    python experiments/speech_sounds.py -o sounds --data ../shared/data

Downloads each package with `apt-get download` (1.4 GB of the 3 GB are 0ad-data; `--packages FOLDER`
keeps what was unpacked), and copies the chosen files to `sounds/PART/speech/PACKAGE` and to
`sounds/PART/other/KIND/PACKAGE`; PART is "train" or "test", and no package is in both. With
`--data`, some commands of picovoice-commands and words of DSPSpeech-20 join the speech to train on.
Licences and authors: docs/data.md.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from voice2face.audio.suffixes import MEDIA_SUFFIXES


@dataclass(frozen=True)
class Package:
    """Sounds of a Debian package.

    Attributes:
        part: What they are for.
        kind: What they are.
        wanted: Of the path in the package.
        unwanted: Of the path.
    """

    part: Literal["train", "test"]
    kind: Literal["speech", "animals", "music", "noise"]
    wanted: str = ""
    unwanted: str = r"^$"


# Files of a package at the most, evenly spread over the sorted paths.
_MOST_FILES = {
    "train": {"speech": 50, "animals": 80, "music": 25, "noise": 25},
    "test": {"speech": 100, "animals": 60, "music": 60, "noise": 60},
}
# Files of telephone announcements in which nobody speaks: silence, beeps, and shrieking monkeys.
_NOT_SAID = r"/(silence/|beep|confbridge-(join|leave)|(a|de)scending-2tone|tt-monkeys\.)"

# By name and number, for a package that holds several kinds. Licences: their debian/copyright.
_PACKAGES: dict[str, tuple[Package, ...]] = {
    "asterisk-core-sounds-es-wav": (Package("train", "speech", "", _NOT_SAID),),
    "asterisk-core-sounds-fr-wav": (Package("train", "speech", "", _NOT_SAID),),
    "asterisk-core-sounds-en-wav": (Package("train", "speech", "", _NOT_SAID),),
    "klettres-data": (Package("train", "speech"),),
    "fillets-ng-data": (
        Package("train", "speech", r"/sound/.*/en/"),
        Package("train", "music", r"/music/"),
    ),
    "asterisk-core-sounds-it-wav": (Package("train", "speech", "", _NOT_SAID),),
    "asterisk-core-sounds-ru-wav": (Package("test", "speech", "", _NOT_SAID),),
    "ktuberling-data": (Package("test", "speech"),),
    "tuxpaint-stamps-default": (
        Package("test", "speech", r"_desc"),
        Package("test", "animals", r"/animals/", "_desc"),
        Package("test", "music", r"/hobbies/music/", "_desc"),
        Package("test", "noise", r"/(household|vehicles|naturalforces)/", "_desc"),
    ),
    "gcompris-qt-data": (
        Package("train", "animals", r"/(explore_farm_animals|memory-sound)/"),
        Package("train", "music", r"/(explore_world_music|instruments)/"),
    ),
    "wesnoth-1.16-data": (
        Package(
            "train",
            "animals",
            r"(wolf|bat|gryphon|horse|tusker|drake|birds|yeti|naga|ink|ogre|troll|goblin)",
        ),
        Package("train", "noise", r"(magic|horn|sword|bow|ship|night|campfire|drums|rumble|flame)"),
    ),
    "widelands-data": (Package("train", "animals", r"/sound/(animals|farm)/", "scythe"),),
    "megaglest-data": (
        Package(
            "train",
            "animals",
            r"/(units/(behemoth|bull|chicken|cow|dragon|elephant|evil_dragon|ibis|pig|sheep|snake"
            r"|thunderbird|wild_sow)/sounds|tilesets/.*/(chicken|hawk|mudchute_cow|owl|rooster))",
            r"(build|walk)",
        ),
    ),
    "lmms-common": (Package("train", "music"),),
    "lincity-ng-data": (Package("train", "noise"),),
    "bucklespring-data": (Package("train", "noise"),),
    "colobot-common-sounds": (Package("train", "noise"),),
    "frozen-bubble-data": (Package("train", "music"),),
    "fretsonfire-songs-sectoid": (Package("train", "music"),),
    # Its other sounds hold voices.
    "hyperrogue-music": (Package("train", "music", r"/hr"),),
    "tuxmath-data": (Package("train", "noise"),),
    # Without laughter, coughing and song.
    "scratch": (
        Package("train", "animals", r"/Animal/"),
        Package("train", "music", r"/(Instruments|Music Loops)/", "Beatbox"),
        Package("train", "noise", r"/(Effects|Electronic|Percussion)/"),
    ),
    "asterisk-moh-opsound-wav": (Package("train", "music"),),
    "lomiri-sounds": (Package("train", "music"),),
    "deepin-sound-theme": (Package("train", "noise"),),
    "eiskaltdcpp-sounds": (Package("train", "noise"),),
    "pidgin-data": (Package("train", "noise"),),
    "mirrormagic-data": (Package("train", "noise", "", r"(autsch|lachen|hui|njam)"),),
    "btanks-data": (
        Package("train", "music", r"/tunes/"),
        Package("train", "noise", r"/sounds/", r"(laugh|scream|deadman|zombie)"),
    ),
    "gunroar-data": (
        Package("train", "music", r"\.ogg"),
        Package("train", "noise", r"\.wav"),
    ),
    "parsec47-data": (
        Package("train", "music", r"\.ogg"),
        Package("train", "noise", r"\.wav"),
    ),
    "tumiki-fighters-data": (
        Package("train", "music", r"\.ogg"),
        Package("train", "noise", r"\.wav"),
    ),
    "opencity-data": (Package("train", "noise"),),
    "tuxpaint-data": (Package("train", "noise", "", r"(giggle|youcannot|areyousure|tuxok)"),),
    "planetblupi-music-ogg": (Package("train", "music"),),
    "freedink-data": (Package("train", "noise", r"\.wav", r"(scream|grunt|nono)"),),
    "psi-plus-sounds": (Package("train", "noise"),),
    "gajim": (Package("train", "noise"),),
    "zaz-data": (Package("train", "music", r"(mus|bonus|combo|new|phbx)"),),
    "minetest-data": (Package("train", "noise", "", r"(player|soundstuff)"),),
    "sonic-pi-samples": (Package("train", "music"),),
    "wesnoth-1.16-music": (Package("train", "music"),),
    # Without what pingus say.
    "pingus-data": (Package("train", "noise", "", r"(goodidea|letsgo|ohno|yipee)"),),
    "extremetuxracer-data": (Package("test", "music", r"/music/"),),
    "singularity-music": (Package("test", "music"),),
    "pushover-data": (Package("test", "music"),),
    "ri-li-data": (Package("test", "music"),),
    "oxygen-sounds": (Package("test", "noise"),),
    "yaru-theme-sound": (Package("test", "noise"),),
    # Without the voice that names loudspeakers.
    "sound-theme-freedesktop": (Package("test", "noise", "", r"audio-(channel|test)"),),
    "0ad-data": (Package("train", "animals", r"audio/actor/fauna/"),),
    "lugaru-data": (Package("train", "animals", r"/(Growl|Bark|BarkGrowl|RabbitChitter)"),),
    "mate-media-common": (Package("test", "animals", r"/bark\."),),
    "sound-icons": (Package("test", "noise"),),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder of the data sets")
    parser.add_argument("--packages", type=Path, help="where packages are unpacked, and kept")
    options = parser.parse_args()
    if options.data:
        _copy_voices(options.data / "voices", options.out / "train/speech")
    with tempfile.TemporaryDirectory() as temporary:
        unpacked = options.packages or Path(temporary)
        for name, several in _PACKAGES.items():
            folder = _unpack(name, unpacked)
            for package in several:
                place = options.out / package.part
                place /= "speech" if package.kind == "speech" else f"other/{package.kind}"
                count = _copy(folder, package, place / name)
                print(package.part, package.kind, name, count, file=sys.stderr)


def _copy_voices(voices: Path, target: Path) -> None:
    """Every third of picovoice's commands; every sixth word of DSPSpeech, without two speakers.

    Those two are the test speakers of a store that is split by hash:80/10/10.
    """
    for name, every in (("picovoice-commands", 3), ("dspspeech-20", 6)):
        (target / name).mkdir(parents=True, exist_ok=True)
        found = sorted((voices / name).rglob("*"))
        paths = [path for path in found if path.suffix.lower() in MEDIA_SUFFIXES]
        for path in paths[::every]:
            if path.parent.name not in ("spk09", "spk22"):
                shutil.copyfile(path, target / name / f"{path.parent.name}-{path.name}")


def _unpack(name: str, packages: Path) -> Path:
    """Download and unpack a package, and the archives of sounds within it."""
    folder = packages / name
    if not folder.is_dir():
        packages.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", name], cwd=packages, check=True)
        (archive,) = packages.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
        archive.unlink()
    _unpack_resources(folder)
    for path in folder.rglob("public.zip"):
        if not (path.parent / "audio").is_dir():
            with zipfile.ZipFile(path) as file:
                names = [one for one in file.namelist() if one.startswith("audio/actor/fauna/")]
                file.extractall(path.parent, names)
    return folder


def _copy(folder: Path, package: Package, target: Path) -> int:
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in MEDIA_SUFFIXES
        and path.is_file()
        and re.search(package.wanted, str(path.relative_to(folder)))
        and not re.search(package.unwanted, str(path.relative_to(folder)))
    ]
    count = min(len(paths), _MOST_FILES[package.part][package.kind])
    target.mkdir(parents=True, exist_ok=True)
    for number, place in enumerate(np.linspace(0, len(paths) - 1, count).astype(int)):
        shutil.copyfile(paths[place], target / f"{number:03d}-{paths[place].name}")
    return count


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


if __name__ == "__main__":
    main()
