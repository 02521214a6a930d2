"""Resemblyzer's speaker encoder: 256 numbers a voice, trained to tell speakers apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from voice2face.audio.settings import FrontEnd
from voice2face.audio.vad import voiced_waveform
from voice2face.errors import RecordingError
from voice2face.files import installed_file
from voice2face.pretrained.crops import batches, one_thread

_INSTALL = "pip install --no-deps Resemblyzer==0.1.4"
_SHA256 = "39373b86598fa3da9fcddee6142382efe09777e8d37dc9c0561f41f0070f134e"
_RATE_HZ, _FRAME, _HOP, _N_MELS = 16000, 400, 160, 40
_LEVEL_DB = -30.0
# Stretches of 1.6 s, and half of one from a stretch to the next.
_STRETCH, _STEP = 160, 80
_BATCH = 64


class Resemblyzer:
    """The encoder in the package `Resemblyzer` (Apache-2.0), trained on VoxCeleb and LibriSpeech.

    The speakers of those data sets were heard in training. Pauses are cut out by this project's own
    voice activity detector, not by the package's.

    Raises:
        MissingDependencyError: The package is not installed.
        DataError: Its weights are not the published ones.

    Source:
        Wan et al. 2018, Generalized end-to-end loss for speaker verification (arXiv 1710.10467).
    """

    name = "resemblyzer"

    def __init__(self) -> None:
        path = installed_file(
            "resemblyzer", "pretrained.pt", _SHA256, "the speaker encoder 'resemblyzer'", _INSTALL
        )
        state = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        self._lstm = nn.LSTM(_N_MELS, 256, num_layers=3, batch_first=True)
        self._linear = nn.Linear(256, 256)
        for name, network in (("lstm", self._lstm), ("linear", self._linear)):
            prefix = f"{name}."
            network.load_state_dict(
                {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            )
            network.eval().requires_grad_(False)
        self._filters = _slaney_filters()

    def embed_many(self, waveforms: Sequence[NDArray[np.int16]]) -> NDArray[np.float32]:
        """Embed recordings, for less time than one after the other.

        Args:
            waveforms: (samples,) int16 each, 16 kHz.

        Returns:
            (recordings, 256), not negative, each of unit length.

        Raises:
            RecordingError: No speech was found in one of them.
        """
        stretches = [self._stretches(waveform) for waveform in waveforms]
        together = torch.from_numpy(np.concatenate(stretches))
        found = []
        with one_thread():
            for rows in batches(len(together), _BATCH):
                _, (hidden, _) = self._lstm(together[rows])
                found.append(nn.functional.normalize(self._linear(hidden[-1]).relu()))
        ends = np.cumsum([len(of_one) for of_one in stretches])[:-1]
        totals = [of_one.sum(axis=0) for of_one in np.split(torch.cat(found).numpy(), ends)]
        return np.stack([total / np.linalg.norm(total) for total in totals]).astype(np.float32)

    def _stretches(self, waveform: NDArray[np.int16]) -> NDArray[np.float32]:
        """(stretches, frames, 40) of the speech in a recording."""
        voiced = voiced_waveform(waveform, FrontEnd())
        if not voiced.any():
            raise RecordingError("the speaker encoder found no speech in the recording")
        frames = self._mel(voiced.astype(np.float64) / 32768)
        if len(frames) < _STRETCH:
            frames = np.resize(frames, (_STRETCH, _N_MELS))
        starts = range(0, len(frames) - _STRETCH + 1, _STEP)
        return np.stack([frames[one : one + _STRETCH] for one in starts])

    def _mel(self, signal: NDArray[np.float64]) -> NDArray[np.float32]:
        """(frames, 40) mel power, not its logarithm."""
        level_db = 10 * np.log10(np.mean(signal**2))
        signal = signal * 10 ** (max(0.0, _LEVEL_DB - level_db) / 20)
        padded = np.pad(signal, _FRAME // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP]
        window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_FRAME) / _FRAME)
        power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
        return (power @ self._filters.T).astype(np.float32)


def _slaney_filters() -> NDArray[np.float64]:
    """(40, 201) triangles of unit area, even on Slaney's scale: linear to 1 kHz, then geometric."""
    step, knee, ratio = 200 / 3, 1000.0, np.log(6.4) / 27
    top = knee / step + np.log(_RATE_HZ / 2 / knee) / ratio
    mels = np.linspace(0, top, _N_MELS + 2)
    above = knee * np.exp(ratio * (mels - knee / step))
    edges = np.where(mels < knee / step, mels * step, above)
    bins = np.fft.rfftfreq(_FRAME, 1 / _RATE_HZ)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rise, fall = (bins - low) / (middle - low), (high - bins) / (high - middle)
    return np.clip(np.minimum(rise, fall), 0, None) * 2 / (high - low)
