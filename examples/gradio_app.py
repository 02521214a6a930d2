"""A page on which one speaks and sees faces, with Gradio.

pip install . gradio
python examples/gradio_app.py
"""

from __future__ import annotations

from dataclasses import replace
from tempfile import NamedTemporaryFile

import gradio as gr
import numpy as np

from voice2face import Voice2FaceError, VoiceToFace

model = VoiceToFace.load()


def faces_of(sound: tuple[int, np.ndarray] | None, samples: int, seed: int) -> str:
    """Imagine faces for what Gradio recorded or was given: its rate in Hz, and the samples."""
    if sound is None:
        raise gr.Error("Record something, or choose a file, first.")
    rate_hz, waveform = sound
    try:
        faces = model.generate((waveform, rate_hz), samples=int(samples), seed=int(seed))
    except Voice2FaceError as error:
        raise gr.Error(str(error)) from None
    # As a file: what the picture says of itself in its metadata would be lost by Gradio's writing.
    with NamedTemporaryFile(suffix=".png", delete=False) as file:
        replace(faces, recording="your voice").save(file.name)
    return file.name


page = gr.Interface(
    faces_of,
    [
        gr.Audio(label="Your voice"),
        gr.Slider(1, 16, 4, step=1, label="Faces"),
        gr.Number(0, precision=0, minimum=0, label="Seed"),
    ],
    gr.Image(show_label=False),
    title="Faces for a voice",
    description="Invented faces: typical of such voices, never a likeness of the speaker.",
    flagging_mode="never",
    analytics_enabled=False,  # Gradio would tell its makers that the page was started
)

if __name__ == "__main__":
    page.launch()
