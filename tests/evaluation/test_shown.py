"""What of a recording counts, with a real voice and model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from voice2face import VoiceToFace
from voice2face.data.store import Store
from voice2face.evaluation.shown import influence_over_time
from voice2face.evaluation.systems import BundleSystem
from voice2face.reporting.elements import LinePlot
from voice2face.reporting.evaluation_plots import influence_plots


def test_influence_over_time_is_that_of_each_window_and_is_plotted(example):
    """By hand, from windows of two and a half seconds; too short a recording has none."""
    model = VoiceToFace.load()
    heard = model.read(example)
    log_mel = heard.features.log_mel
    store = Store(
        folder=Path("small"),
        card={},
        voices={"start": [0, len(log_mel)], "frames": [len(log_mel), 300]},
        faces={},
        log_mels=np.concatenate([log_mel, log_mel[:300]]).astype(np.float16),
        images=np.zeros((0, 64, 64, 3), np.uint8),
    )
    trials = SimpleNamespace(recording_keys=["long", "short"], recording_rows=[0, 1])
    context: Any = SimpleNamespace(trials=trials, store=store)
    shown = {"trials": [{"probe": "short"}, {"probe": "long"}]}
    other: Any = SimpleNamespace(name="images")
    (one,) = influence_over_time([other, BundleSystem(model)], context, shown)
    assert influence_over_time([other], context, shown) == []
    assert one["probe"] == "long"
    n_windows = (len(log_mel) - 250) // 125 + 1
    assert one["middles_s"] == [1.25 + 1.25 * i for i in range(n_windows)]
    name, whole = model.description.name, heard.voices[0].embedding
    for i, found in enumerate(one["cosines"][name]):
        cut = log_mel[125 * i : 125 * i + 250]
        cut = (cut - cut.mean(axis=0)) / cut.std(axis=0)
        assert found == pytest.approx(model._bundle.embed(cut[None])[0] @ whole, abs=2e-3)
    # What a moment weighs, as a multiple of the mean; the first is in the middle of its third of a
    # second.
    weights = model._bundle.attention(log_mel)
    assert one["attention"] == {name: pytest.approx(weights * len(weights), abs=5e-3)}
    moment_s = len(log_mel) / 100 / len(weights)
    attention, likeness = influence_plots([one], ["images", name])
    for plot, x, y in (
        (attention, moment_s * (np.arange(len(weights)) + 0.5), one["attention"][name]),
        (likeness, one["middles_s"], one["cosines"][name]),
    ):
        assert isinstance(plot, LinePlot)
        (panel,) = plot.panels
        (line,) = panel.lines
        assert (plot.names[line.series], panel.title) == (name, "long")
        np.testing.assert_array_equal(line.y, y)
        np.testing.assert_allclose(line.x, x)
    older = {key: of for key, of in one.items() if key not in ("attention", "speech_s")}
    (alone,) = influence_plots([older], ["images", name])
    assert isinstance(alone, LinePlot)
    assert alone.title == likeness.title == "Likeness over time"
    assert influence_plots([], ["images"]) == []


def test_a_model_that_averages_over_time_has_no_attention(example):
    model = VoiceToFace.load("starter")
    assert model.attention(model.read(example).features.log_mel) is None
