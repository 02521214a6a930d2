"""Draws the pictures of the book `docs/understand`; the game's need Node and `npm ci` in `web/`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from voice2face.audio.decode import decode
from voice2face.audio.log_mel import log_mel, mel_filterbank, normalise_bands
from voice2face.audio.settings import preset
from voice2face.audio.vad import voiced_frames

_ROOT = Path(__file__).parents[2]
_OUT = _ROOT / "docs/understand/pictures"
_REAL, _FAKE, _D, _QUIET = "#1f5fa8", "#c2410c", "#3f7d20", "#6b7280"
_EXAMPLE = _ROOT / "examples/librispeech-3699.flac"
_EXAMPLE_S = 4


def _normal(x: NDArray[np.float64], mean: float, spread: float) -> NDArray[np.float64]:
    return np.exp(-(((x - mean) / spread) ** 2) / 2) / (spread * np.sqrt(2 * np.pi))


def _save(name: str, dpi: int = 110) -> None:
    """Write the figure with the same bytes each time; `dpi` is that of pictures inside."""
    plt.savefig(_OUT / f"{name}.svg", metadata={"Date": None}, dpi=dpi, bbox_inches="tight")
    plt.close()


def boundary() -> None:
    """Two classes of points: a border between them, and where they are dense."""
    random = np.random.default_rng(3)
    women = random.normal((210, 5.2), (22, 0.5), (60, 2))
    men = random.normal((125, 6.1), (20, 0.5), (60, 2))
    _, axes = plt.subplots(1, 2, figsize=(8, 3.2), sharex=True, sharey=True)
    pitch, length = np.meshgrid(np.linspace(60, 290, 200), np.linspace(3.5, 8, 200))
    for points, colour in ((women, _FAKE), (men, _REAL)):
        for axis in axes:
            axis.plot(*points.T, "o", ms=3, color=colour)
        (x, y), (sx, sy) = points.mean(0), points.std(0)
        density = _normal(pitch, x, sx) * _normal(length, y, sy)
        axes[1].contour(pitch, length, density, 4, colors=colour, linewidths=1)
    axes[0].plot([130, 205], [3.5, 8], color="black")
    axes[0].set_title("discriminative: where is the border?", fontsize=10)
    axes[1].set_title("generative: where are the points?", fontsize=10)
    axes[0].set_xlabel("first measured number")
    axes[1].set_xlabel("first measured number")
    axes[0].set_ylabel("second")
    _save("boundary")


def optimum() -> None:
    """Two densities, the best discriminator between them, and what it is worth."""
    x = np.linspace(-4, 6, 201)
    _, axes = plt.subplots(1, 3, figsize=(9, 3), sharey=True)
    for axis, mean in zip(axes, (3.0, 1.0, 0.0), strict=True):
        p, q = _normal(x, 0, 1), _normal(x, mean, 1)
        axis.fill_between(x, p, color=_REAL, alpha=0.3, label="$p_{data}$")
        axis.fill_between(x, q, color=_FAKE, alpha=0.3, label="$p_G$")
        axis.plot(x, p / (p + q), color=_D, label="$D^*$")
        axis.axhline(0.5, color=_QUIET, lw=0.8, ls=":")
        middle = (p + q) / 2
        jsd = np.trapezoid(p * np.log(p / middle) + q * np.log(q / middle), x) / 2
        axis.set_title(f"JSD = {jsd:.2f},  V = {2 * jsd - np.log(4):.2f}", fontsize=10)
        axis.set_xlabel("x")
    axes[0].legend(fontsize=8, loc="center left")
    _save("optimum")


def divergences() -> None:
    """KL and JSD of two normal densities of width 1, by the distance of their means."""
    x = np.linspace(-30, 40, 20001)
    distances = np.linspace(0, 8, 60)
    jsd = []
    for distance in distances:
        p, q = _normal(x, 0, 1) + 1e-300, _normal(x, distance, 1) + 1e-300
        middle = (p + q) / 2
        jsd.append(np.trapezoid(p * np.log(p / middle) + q * np.log(q / middle), x) / 2)
    plt.figure(figsize=(5.5, 3))
    plt.plot(distances, distances**2 / 2, color=_REAL, label="KL: grows without end")
    plt.plot(distances, jsd, color=_FAKE, label="JSD: never above log 2")
    plt.axhline(np.log(2), color=_QUIET, lw=0.8, ls=":")
    plt.ylim(0, 3)
    plt.xlabel("distance of the two means")
    plt.ylabel("divergence, nats")
    plt.legend(fontsize=9)
    _save("divergences")


def modes() -> None:
    """One bell fitted to two by each direction of KL."""
    x = np.linspace(-7, 7, 281)
    p = (_normal(x, -2, 0.6) + _normal(x, 2, 0.6)) / 2
    candidates = [(m, s) for m in np.arange(-3, 3.01, 0.1) for s in np.arange(0.3, 3.01, 0.1)]

    def fit(cost: Callable[[NDArray[np.float64]], float]) -> NDArray[np.float64]:
        return min((_normal(x, m, s) + 1e-300 for m, s in candidates), key=cost)

    cover = fit(lambda q: np.trapezoid(p * np.log((p + 1e-300) / q), x))
    seek = fit(lambda q: np.trapezoid(q * np.log(q / (p + 1e-300)), x))
    _, axes = plt.subplots(1, 2, figsize=(8, 2.8), sharey=True)
    titles = ("least KL(p, q): covers the mass", "least KL(q, p): takes one mode")
    for axis, q, title in zip(axes, (cover, seek), titles, strict=True):
        axis.fill_between(x, p, color=_REAL, alpha=0.3, label="p: the data")
        axis.plot(x, q, color=_FAKE, label="q: the model")
        axis.set_title(title, fontsize=10)
        axis.legend(fontsize=8)
    _save("modes")


def curves() -> None:
    """The two losses of the generator and their slopes, by the logit."""
    s = np.linspace(-8, 8, 400)
    d = 1 / (1 + np.exp(-s))
    _, axes = plt.subplots(1, 2, figsize=(8, 3.2))
    axes[0].plot(s, np.log1p(-d), color=_FAKE, label="log(1 - D), saturating")
    axes[0].plot(s, -np.log(d), color=_REAL, label="-log D, non-saturating")
    axes[1].plot(s, d, color=_FAKE, label="slope of log(1 - D): size D")
    axes[1].plot(s, 1 - d, color=_REAL, label="slope of -log D: size 1 - D")
    for axis, title in zip(axes, ("loss", "size of the slope"), strict=True):
        axis.set_xlabel("logit s of a generated face; D = sigmoid(s)")
        axis.set_title(title, fontsize=10)
        axis.axvspan(-8, -4, color=_QUIET, alpha=0.12)
        axis.legend(fontsize=8)
    _save("live-curves")


def game() -> None:
    """The live game at three moments, with either loss."""
    script = _ROOT / "web/tests/game_states.js"
    told = subprocess.run(["node", script], capture_output=True, text=True, check=True).stdout
    given: dict[str, Any] = json.loads(told)
    cells, reach = given["cells"], given["reach"]
    _, axes = plt.subplots(2, 3, figsize=(9, 6.4), sharex=True, sharey=True)
    for axis, state in zip(axes.flat, given["states"], strict=True):
        surface = np.reshape(state["surface"], (cells, cells))
        extent = (-reach, reach, -reach, reach)
        axis.imshow(surface, origin="lower", extent=extent, cmap="RdBu", vmin=0, vmax=1, alpha=0.5)
        for name, colour in (("real", _REAL), ("fake", _FAKE)):
            axis.plot(*np.reshape(state[name], (-1, 2)).T, ".", ms=3, color=colour)
        axis.set_title(
            f"{'saturating' if state['saturating'] else 'non-saturating'}, turn {state['turns']}\n"
            f"D right {state['accuracy']:.0%}, JSD {state['divergence']:.2f}",
            fontsize=9,
        )
        axis.set(xlim=(-reach, reach), ylim=(-reach, reach))
    _save("live-game")


def mel_scale() -> None:
    """Mel by frequency, and every eighth filter."""
    settings = preset("wen2019")
    hz = np.linspace(0, 8000, 400)
    _, axes = plt.subplots(1, 2, figsize=(9, 3))
    axes[0].plot(hz, 2595 * np.log10(1 + hz / 700), color=_REAL)
    axes[0].set(xlabel="frequency, Hz", ylabel="mel")
    filters = mel_filterbank(settings)
    bins = np.arange(len(filters)) * settings.sample_rate_hz / settings.n_fft
    for band in range(3, settings.n_mels, 10):
        axes[1].plot(bins, filters[:, band], lw=1.2)
    axes[1].set(xlabel="frequency, Hz", ylabel="weight", xlim=(0, 7500))
    axes[1].set_title("every tenth of the 64 filters", fontsize=10)
    _save("mel")


def sound() -> None:
    """The stages from a waveform to what the network receives."""
    settings = preset("wen2019")
    rate, hop = settings.sample_rate_hz, settings.hop_length
    waveform = decode(_EXAMPLE, _EXAMPLE.name, rate, _EXAMPLE_S).waveform
    frames = np.stack(
        [waveform[i : i + 400] for i in range(0, waveform.size - 400, hop)]
    ) * np.hamming(400)
    power = np.abs(np.fft.rfft(frames, settings.n_fft)) ** 2
    bands = log_mel(waveform, settings).astype(np.float64)
    normalised = normalise_bands(bands.astype(np.float32), settings.band_range_db)
    stages = (
        ("2 spectrogram: power", power, rate / 2000, "kHz"),
        ("3 in decibels", 10 * np.log10(power + 1e2), rate / 2000, "kHz"),
        ("4 mel: 64 bands", np.exp(bands), 64, "band"),
        ("5 log-mel", bands, 64, "band"),
        ("6 each band at mean 0, deviation 1", normalised, 64, "band"),
    )
    _, axes = plt.subplots(6, 1, figsize=(8, 10), sharex=True)
    peaks = np.abs(waveform[: waveform.size // hop * hop]).reshape(-1, hop).max(1) / 32768
    axes[0].fill_between(np.arange(peaks.size) * hop / rate, -peaks, peaks, color=_QUIET)
    for index in np.flatnonzero(voiced_frames(waveform, settings)):
        start = index * settings.vad_frame_ms / 1000
        axes[0].plot(
            (start, start + settings.vad_frame_ms / 1000), (-0.75, -0.75), lw=4, color=_FAKE
        )
    axes[0].set_title("1 waveform; the bar below: speech, says the detector", fontsize=9)
    for axis, (title, values, top, unit) in zip(axes[1:], stages, strict=True):
        low, high = np.percentile(values, (2, 99.7))
        axis.imshow(
            values.T,
            origin="lower",
            aspect="auto",
            extent=(0, _EXAMPLE_S, 0, top),
            cmap="magma",
            vmin=low,
            vmax=high,
        )
        axis.set_title(title, fontsize=9)
        axis.set_ylabel(unit)
    axes[-1].set_xlabel("seconds")
    plt.tight_layout()
    _save("live-sound", dpi=60)


def _boxes(
    axis: Axes, y: float, count: int, colour: str, shift: float = 0, step: float = 1
) -> None:
    for i in range(count):
        box = Rectangle((shift + i * step, y), 0.8, 0.8, fc=colour, ec="black", lw=0.7, alpha=0.75)
        axis.add_patch(box)
        axis.text(shift + i * step + 0.4, y + 0.4, str(i), ha="center", va="center", fontsize=8)


def convolutions() -> None:
    """Which inputs meet in which output, of a convolution and of a transposed one."""
    _, axes = plt.subplots(1, 2, figsize=(10, 2.8))
    # Kernel 3, stride 2, padding 1: output j reads inputs 2j - 1, 2j, 2j + 1.
    _boxes(axes[0], 0, 9, "#bfd7f2")
    _boxes(axes[0], 2.2, 5, "#f7c9a9", step=2)
    for j in range(5):
        for i in (2 * j - 1, 2 * j, 2 * j + 1):
            inside = 0 <= i < 9
            end = i + 0.4
            style = "-" if inside else ":"
            axes[0].plot([2 * j + 0.4, end], [2.2, 0.8], style, color=_QUIET, lw=1)
    axes[0].set_title("convolution: 9 inputs (below), kernel 3, stride 2, padding 1", fontsize=9)
    # Kernel 4, stride 2, padding 1: input i adds to outputs 2i - 1 ... 2i + 2.
    _boxes(axes[1], 2.2, 4, "#bfd7f2", shift=0.5, step=2)
    _boxes(axes[1], 0, 8, "#f7c9a9")
    for i in range(4):
        for j in range(2 * i - 1, 2 * i + 3):
            style = "-" if 0 <= j < 8 else ":"
            axes[1].plot([2 * i + 0.9, j + 0.4], [2.2, 0.8], style, color=_QUIET, lw=1)
    axes[1].set_title("transposed: 4 inputs (above), kernel 4, stride 2, padding 1", fontsize=9)
    for axis in axes:
        axis.set(xlim=(-1.2, 9.4), ylim=(-0.3, 3.3))
        axis.axis("off")
    _save("convolutions")


def matching() -> None:
    """Published results of 1:2 matching."""
    names = ("chance", "knows the gender only", "Wen et al. 2019", "Part for the Whole 2023")
    anyone, same = (50, 72.90, 76.07, 87.87), (50, 50.32, 59.69, 78.90)
    place = np.arange(len(names))
    plt.figure(figsize=(7, 2.8))
    plt.barh(place - 0.2, anyone, 0.38, color=_REAL, label="any two people")
    plt.barh(place + 0.2, same, 0.38, color=_FAKE, label="two people of one gender")
    plt.yticks(place, names)
    plt.axvline(50, color="black", lw=0.8)
    plt.xlim(40, 100)
    plt.xlabel("right answers in 1:2 matching, %")
    plt.gca().invert_yaxis()
    plt.legend(fontsize=8)
    _save("matching")


if __name__ == "__main__":
    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "voice2face", "svg.fonttype": "path", "font.size": 9})
    _OUT.mkdir(parents=True, exist_ok=True)
    for draw in (boundary, optimum, divergences, modes, curves, game, mel_scale, sound):
        draw()
    convolutions()
    matching()
