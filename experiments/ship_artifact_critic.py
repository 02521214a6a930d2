"""Put the artifact critic that ships into bundles whose faces it was fitted to.

python experiments/ship_artifact_critic.py BUNDLE [BUNDLE ...]
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

from voice2face.export import export_critic, write_card
from voice2face.files import write_atomically
from voice2face.networks.artifact_critic import THRESHOLD
from voice2face.runtime.bundle_file import ARTIFACT_CRITIC_FILE, DESCRIPTION_FILE
from voice2face.runtime.description import Redraw, read_description

MOST = 4


def main(folders: list[Path]) -> None:
    for folder in folders:
        about = read_description(folder)
        critic = export_critic(folder / ARTIFACT_CRITIC_FILE, about.image_size_px, 8)
        about = dataclasses.replace(
            about,
            redraw=Redraw(THRESHOLD, MOST),
            files={**about.files, ARTIFACT_CRITIC_FILE: critic},
        )
        write_atomically(folder / DESCRIPTION_FILE, about.to_json().encode())
        write_card(folder, about.card)


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
