"""Writes a recording in several formats, as people have them: formats.py RECORDING OUT."""

from __future__ import annotations

import sys
from pathlib import Path

import av
from av.audio.frame import AudioFrame

# Name of the file: codec, rate, channels.
FORMATS = {
    "speech.mp3": ("libmp3lame", 44100, "stereo"),
    "speech.m4a": ("aac", 44100, "stereo"),
    "speech.ogg": ("libopus", 48000, "mono"),
    "speech.webm": ("libopus", 48000, "stereo"),
    "speech.wav": ("pcm_s24le", 48000, "stereo"),
    "speech.flac": ("flac", 16000, "mono"),
}


def main(recording: str, out: Path) -> None:
    out.mkdir(exist_ok=True)
    for name, (codec, rate, layout) in FORMATS.items():
        with av.open(recording) as source, av.open(str(out / name), "w") as target:
            stream = target.add_stream(codec, rate=rate, layout=layout)
            resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or None)
            frames: list[AudioFrame | None] = [*source.decode(audio=0), None]
            for frame in frames:
                for resampled in resampler.resample(frame):
                    target.mux(stream.encode(resampled))
            target.mux(stream.encode(None))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
