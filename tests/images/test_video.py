"""Frames of real clips, and files that are no video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from voice2face.errors import DataError
from voice2face.images.video import video_frames


def test_every_clip_gives_frames_at_the_asked_times(shared_data: Path) -> None:
    clips = sorted((shared_data / "pairs" / "grid").glob("*.mpg"))
    assert len(clips) == 11
    for clip in clips:
        frames = list(video_frames(clip, every_s=0.5))
        assert len(frames) in (6, 7)
        times = np.array([time for time, _ in frames])
        assert times[0] == 0
        assert np.abs(times - 0.5 * np.arange(len(times))).max() < 0.041
        assert all(frame.shape == (288, 360, 3) for _, frame in frames)
        assert all(frame.dtype == np.uint8 for _, frame in frames)


def test_all_frames_and_a_limit(shared_data: Path) -> None:
    clip = shared_data / "pairs" / "grid" / "bbaf2n.mpg"
    frames = list(video_frames(clip, every_s=0))
    assert 73 <= len(frames) <= 75
    assert np.allclose(np.diff([time for time, _ in frames]), 0.04, atol=1e-3)
    few = list(video_frames(clip, every_s=0, limit=4))
    assert len(few) == 4
    np.testing.assert_array_equal(few[3][1], frames[3][1])
    assert list(video_frames(clip, every_s=0, limit=0)) == []


def test_what_is_no_video_is_refused(tmp_path: Path, shared_data: Path) -> None:
    sound = next((shared_data / "voices" / "librispeech-100").rglob("*.flac"))
    text, empty = tmp_path / "a.mpg", tmp_path / "b.mpg"
    text.write_text("no video\n" * 50)
    empty.write_bytes(b"")
    for path, message in (
        (tmp_path / "absent.mpg", "no such file"),
        (sound, "no picture track"),
        (text, "not a video"),
        (empty, "not a video"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            next(video_frames(path, every_s=1))
        assert str(path) in str(caught.value)


def test_a_cut_clip_gives_what_it_has(tmp_path: Path, shared_data: Path) -> None:
    whole = (shared_data / "pairs" / "grid" / "bbaf2n.mpg").read_bytes()
    path = tmp_path / "cut.mpg"
    path.write_bytes(whole[: len(whole) // 2])
    assert 10 < len(list(video_frames(path, every_s=0))) < 60
