"""The groups that a card and the datasheet name as the worst are those of the results."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

from voice2face.runtime.description import read_description


def test_the_worst_group_is_named_in_the_card(repository, noisy_bundle, tmp_path):
    folder = shutil.copytree(noisy_bundle, tmp_path / "copy")
    script = str(repository / "benchmarks" / "groups.py")
    subprocess.run([sys.executable, script, "modern-voice", "--card", str(folder)], check=True)
    lines = read_description(folder).card["groups"]
    worst = 1.0
    results = repository / "benchmarks" / "results" / "voice_gender_modern-voice.json"
    for line in results.read_text().splitlines():
        for measured in json.loads(line)["systems"]["modern-voice"].values():
            few = [one for one in (measured["women"], measured["men"]) if one["speakers"] >= 10]
            worst = min([worst, *(one["right"] for one in few)])
    assert f"the worst group: women, acted: sad: {worst:.0%} (95 %: 33% to 83%" in lines[0]
    assert "not measured" in lines[-1]
    assert "## Groups" in (folder / "MODEL_CARD.md").read_text()
    datasheet = (repository / "docs" / "datasheet.md").read_text()
    for encoder in ("modern-voice", "modern-64"):
        table = subprocess.run(
            [sys.executable, script, encoder], check=True, capture_output=True, text=True
        ).stdout.splitlines()
        assert "\n".join(table[:8]) in datasheet
