"""A picture of what of a recording counted: its spectrogram, the speech in it, and each window."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from voice2face.audio.log_mel import log_mel
from voice2face.audio.settings import FrontEnd
from voice2face.audio.vad import voiced_frames
from voice2face.runtime.speech import Speech
from voice2face.runtime.voices import HOP_FRAMES, WINDOW_FRAMES, Division

_WIDTH_PX = 1200
_BAND_PX = 3
_CURVE_PX = 120
_BAR_PX = 14
_MARGIN_PX = 48
_TEXT_PX = 20
_BACKGROUND = (250, 249, 246)
_INK = (40, 40, 40)
_PALE = (200, 198, 192)
# Of the voices, who speaks most first; they differ in lightness too.
_COLOURS = ((0, 90, 181), (220, 120, 30), (0, 140, 90), (170, 60, 140), (120, 100, 30))
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
# Of the spectrogram, in percentiles: what is drawn palest and darkest.
_SHOWN_PERCENTILES = (20, 99.5)


def times_of_speech(waveform: NDArray[np.int16], front_end: FrontEnd) -> NDArray[np.float64]:
    """Tell where in a recording each frame of its speech begins.

    Args:
        waveform: (samples,) int16.

    Returns:
        (frames,) seconds, one for each frame of the log-mel spectrogram of the voiced waveform.
    """
    kept = np.flatnonzero(voiced_frames(waveform, front_end))
    per_kept = front_end.vad_frame_ms * front_end.sample_rate_hz // 1000
    n_samples = len(kept) * per_kept
    starts = np.arange(int(n_samples / front_end.hop_length + 1)) * front_end.hop_length
    # The last frame begins where the speech ends.
    which, within = np.divmod(np.minimum(starts, n_samples - 1), per_kept)
    return (kept[which] * per_kept + within) / front_end.sample_rate_hz


def picture(
    speech: Speech,
    division: Division,
    front_end: FrontEnd,
    attention: NDArray[np.float32] | None = None,
) -> Image.Image:
    """Draw a recording's spectrogram, the parts with speech, and how like its voice each is.

    The curve is the cosine between the embedding of each window of two and a half seconds and that
    of the voice that speaks most. The bars are what each moment of that voice weighs in its
    embedding.

    Args:
        division: Of `speech`.
        attention: (moments,) weights of the voice that speaks most, see `Bundle.attention`; None:
            every moment of a voice's speech weighs the same, and no bars are drawn.

    Returns:
        The picture. Beside speech the spectrogram is pale; the bar below it has a colour a voice.
    """
    waveform = speech.recording.waveform
    times_s = times_of_speech(waveform, front_end)
    duration_s = len(waveform) / front_end.sample_rate_hz
    voice_of = _voice_of_columns(division.whose, times_s, duration_s, front_end)
    bands = _spectrogram(waveform, front_end)
    bands[:, voice_of < 0] *= 0.25
    tones = _BACKGROUND + bands[..., None] * (np.array(_INK) - _BACKGROUND)
    colours = np.array([*_COLOURS, _BACKGROUND], np.uint8)
    bar = colours[np.where(voice_of < 0, len(_COLOURS), voice_of % len(_COLOURS))]
    image = Image.fromarray(np.repeat(tones.astype(np.uint8), _BAND_PX, axis=0))

    top = 2 * _TEXT_PX + 12
    bar_top = top + image.height + 4
    weights_top = bar_top + _BAR_PX + 40
    curve_top = weights_top + (0 if attention is None else _CURVE_PX + _TEXT_PX)
    height = curve_top + _CURVE_PX + (len(speech.voices) + 3) * _TEXT_PX + 12
    sheet = Image.new("RGB", (_WIDTH_PX + 2 * _MARGIN_PX, height), _BACKGROUND)
    sheet.paste(image, (_MARGIN_PX, top))
    sheet.paste(Image.fromarray(np.repeat(bar[None], _BAR_PX, axis=0)), (_MARGIN_PX, bar_top))
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=14)
    _time_axis(draw, font, duration_s, bar_top + _BAR_PX)
    cosines = division.embeddings @ speech.voices[0].embedding
    centres = np.arange(len(cosines)) * HOP_FRAMES + min(WINDOW_FRAMES, division.n_frames) // 2
    at_s = times_s[np.minimum(centres, len(times_s) - 1)]
    _curve(draw, font, curve_top, at_s / duration_s, cosines)
    if attention is not None:
        at_s = times_s[division.whose == 0]
        _bars(draw, font, weights_top, at_s / duration_s, front_end.hop_s / duration_s, attention)
    below = curve_top + _CURVE_PX + 16
    _say(draw, font, speech, duration_s, attention is not None, below)
    return sheet


def _voice_of_columns(
    whose: NDArray[np.int64],
    times_s: NDArray[np.float64],
    duration_s: float,
    front_end: FrontEnd,
) -> NDArray[np.int64]:
    """Number of the voice that speaks in each column of the picture; -1 where nobody does."""
    column = np.minimum((times_s / duration_s * _WIDTH_PX).astype(int), _WIDTH_PX - 1)
    voice_of = np.full(_WIDTH_PX, -1)
    # A frame is a hop long: of a short recording, several columns wide.
    for offset in range(int(np.ceil(front_end.hop_s / duration_s * _WIDTH_PX))):
        voice_of[np.minimum(column + offset, _WIDTH_PX - 1)] = whose
    return voice_of


def _say(
    draw: ImageDraw.ImageDraw,
    font: _Font,
    speech: Speech,
    duration_s: float,
    weighs: bool,
    below: int,
) -> None:
    """Write what is seen: above the spectrogram, and below the curve."""
    title = f"{Path(speech.recording.name).name}: {speech.features.speech_s:.1f} s of speech"
    if speech.recording.stretches_s:
        title += f" in the {duration_s:.0f} s that were used, joined"
    seen = "Spectrogram (mel bands, low at the bottom); pale where nobody speaks"
    draw.text((_MARGIN_PX, 8), f"{title[:150]}\n{seen}", font=font, fill=_INK)
    several = len(speech.voices) > 1
    for number, voice in enumerate(speech.voices if several else ()):
        text = f"voice {number + 1}: {100 * voice.share:.0f} % of the speech"
        draw.text((_MARGIN_PX, below), text, font=font, fill=_COLOURS[number % len(_COLOURS)])
        below += _TEXT_PX
    of = "the voice that speaks most" if several else "the whole"
    attention = "With an encoder that averages over time, all speech of a voice weighs the same."
    if weighs:
        attention = (
            f"Bars: attention weight of each moment in the embedding of {of}, as a multiple of "
            "their mean."
        )
    draw.text(
        (_MARGIN_PX, below),
        f"{attention}\n"
        f"Curve: cosine between the embedding of each 2.5 s of speech and that of {of}.",
        font=font,
        fill=_INK,
    )


def _spectrogram(waveform: NDArray[np.int16], front_end: FrontEnd) -> NDArray[np.float64]:
    """Energies from 0 to 1, (mels, columns), the highest band first."""
    bands = log_mel(waveform, front_end)
    edges = np.linspace(0, len(bands), _WIDTH_PX + 1).astype(int)
    starts = np.minimum(edges[:-1], len(bands) - 1)
    # Of several frames in a column, the loudest.
    columns = np.maximum.reduceat(bands, starts, axis=0).astype(np.float64)
    low, high = np.percentile(columns, _SHOWN_PERCENTILES)
    upright = np.empty(columns.shape[::-1])
    upright[:] = np.clip((columns - low) / max(high - low, 1e-9), 0, 1).T[::-1]  # pyright: ignore
    return upright


def _time_axis(draw: ImageDraw.ImageDraw, font: _Font, duration_s: float, top: int) -> None:
    """Seconds, at steps of 1, 2 or 5 times a power of ten, ten or fewer."""
    steps = (digit * 10.0**power for power in range(-1, 5) for digit in (1, 2, 5))
    step = next(step for step in steps if duration_s / step <= 10)
    for tick in np.arange(0, duration_s, step):
        x = _MARGIN_PX + tick / duration_s * _WIDTH_PX
        draw.line((x, top, x, top + 4), fill=_INK)
        draw.text((x, top + 5), f"{tick:g} s", font=font, fill=_INK, anchor="ma")


def _bars(
    draw: ImageDraw.ImageDraw,
    font: _Font,
    top: int,
    at: NDArray[np.float64],
    hop: float,
    attention: NDArray[np.float32],
) -> None:
    """Weights of moments over the voice's frames, (frames,) places and `hop` in the width."""
    times_mean = attention / attention.mean()
    highest = int(np.ceil(times_mean.max()))
    for value in range(0, highest + 1, max(1, highest // 2)):
        y = top + (1 - value / highest) * _CURVE_PX
        draw.line((_MARGIN_PX, y, _MARGIN_PX + _WIDTH_PX, y), fill=_PALE)
        draw.text((_MARGIN_PX - 6, y), f"{value}x", font=font, fill=_INK, anchor="rm")
    of_moment = times_mean[np.arange(len(at)) * len(attention) // len(at)]
    for place, value in zip(at, of_moment, strict=True):
        left, right = (_MARGIN_PX + float(x) * _WIDTH_PX for x in (place, place + hop))
        y = top + (1 - float(value) / highest) * _CURVE_PX
        draw.rectangle((left, y, right, top + _CURVE_PX), fill=_COLOURS[0])


def _curve(
    draw: ImageDraw.ImageDraw,
    font: _Font,
    top: int,
    at: NDArray[np.float64],
    cosines: NDArray[np.float32],
) -> None:
    """Cosines of windows at their places, 0 to 1 of the width; below 0 they lie on the axis."""
    for value in (0.0, 0.5, 1.0):
        y = top + (1 - value) * _CURVE_PX
        draw.line((_MARGIN_PX, y, _MARGIN_PX + _WIDTH_PX, y), fill=_PALE)
        draw.text((_MARGIN_PX - 6, y), f"{value:g}", font=font, fill=_INK, anchor="rm")
    points = [
        (_MARGIN_PX + float(x) * _WIDTH_PX, top + (1 - max(float(y), 0.0)) * _CURVE_PX)
        for x, y in zip(at, cosines, strict=True)
    ]
    draw.line(points, fill=_COLOURS[0], width=2)
    for x, y in points:
        draw.ellipse((x - 3, y - 3, x + 3, y + 3), fill=_COLOURS[0])
