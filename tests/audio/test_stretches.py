"""The best stretches of a long recording, on real speech made worse."""

from __future__ import annotations

import numpy as np
import pytest

from voice2face.audio.stretches import BestStretches, clear_speech_s

RATE_HZ = 16000
STRETCH = 20 * RATE_HZ


def worsened(speech: np.ndarray, kind: str) -> np.ndarray:
    """Twenty seconds of speech, as recorded or worse, or of none."""
    random = np.random.default_rng(0)
    wave = np.resize(speech, STRETCH).astype(np.float64)
    if kind == "noise":
        wave += random.normal(0, 500, STRETCH)
    elif kind == "clipping":
        wave *= 30
    elif kind == "half":
        wave[STRETCH // 2 :] = random.normal(0, 3, STRETCH // 2)
    elif kind == "silence":
        wave = np.zeros(STRETCH)
    elif kind == "hiss":
        wave = random.normal(0, 1000, STRETCH)
    return np.clip(wave, -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("kind", ["noise", "clipping", "half", "silence", "hiss"])
def test_clear_speech_is_rated_above_what_is_worse(speech, kind):
    clear = clear_speech_s(worsened(speech, ""), RATE_HZ)
    assert 10 < clear <= 20
    assert clear_speech_s(worsened(speech, kind), RATE_HZ) < 0.75 * clear


def test_a_loud_recording_is_not_clearer_than_a_soft_one(speech):
    soft = (worsened(speech, "") // 4).astype(np.int16)
    clear = clear_speech_s(worsened(speech, ""), RATE_HZ)
    assert clear_speech_s(soft, RATE_HZ) == pytest.approx(clear, rel=0.2)


@pytest.mark.parametrize("block", [1000, 7777, STRETCH, 5 * STRETCH])
def test_the_best_stretches_are_kept_in_their_order(speech, block):
    kinds = ["hiss", "", "noise", "silence", "", "", "clipping", "hiss"]
    wave = np.concatenate([worsened(speech, kind) for kind in kinds])
    kept = BestStretches(RATE_HZ, 3 * STRETCH)
    for at in range(0, len(wave), block):
        kept.add(wave[at : at + block])
    found, spans = kept.finish()
    assert spans == ((20, 40), (80, 120))
    np.testing.assert_array_equal(
        found, np.concatenate([wave[STRETCH : 2 * STRETCH], wave[4 * STRETCH : 6 * STRETCH]])
    )


def test_up_to_the_limit_everything_is_kept(speech):
    kept = BestStretches(RATE_HZ, len(speech))
    for at in range(0, len(speech), 1024):
        kept.add(speech[at : at + 1024])
    found, spans = kept.finish()
    assert spans == ()
    np.testing.assert_array_equal(found, speech)


def test_the_end_of_a_recording_may_be_the_best(speech):
    kept = BestStretches(RATE_HZ, STRETCH)
    wave = np.concatenate([worsened(speech, "hiss"), speech])
    kept.add(wave)
    found, spans = kept.finish()
    assert spans == ((20, len(wave) / RATE_HZ),)
    np.testing.assert_array_equal(found, speech)
