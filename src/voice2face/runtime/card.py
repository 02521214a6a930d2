"""The model card: `model.json` as Markdown."""

from __future__ import annotations

from typing import Any, cast

from voice2face.runtime.description import ModelDescription


def card_text(description: ModelDescription) -> str:
    """Write the model card as Markdown.

    Args:
        description: Content of `model.json`. Every entry of its card is written: a string as a
            paragraph, a list as a list, an object as a list of "key: value".
    """
    about = description
    lines = [f"# {about.name}", ""]
    for title, content in about.card.items():
        lines += [f"## {title.replace('_', ' ').capitalize()}", "", *_entry(content), ""]
    if about.speech is not None:
        speech = about.speech
        lines += [
            "## Speech detection",
            "",
            f"- {speech.description}",
            f"- {speech.false_refusal:.1%} of speech recordings are rejected, and "
            f"{speech.false_acceptance:.1%} of other sounds are accepted",
            f"- a recording with a score below {speech.threshold:g} is rejected, unless --force is "
            "given",
            "",
        ]
    if about.gender is not None:
        lines += [
            "## Gender",
            "",
            "- a logistic regression on the speaker embedding gives the probability of each gender "
            f"(slope {about.gender.scale:.3g}, bias {about.gender.bias:.3g})",
            "- the first face has the more probable gender; the gender of each further face is "
            "sampled with the probability, so an uncertain voice gives faces of both",
            "",
        ]
    if about.redraw is not None:
        lines += [
            "## Broken faces",
            "",
            "- a face that looks broken to a small network is generated again with other noise, at "
            f"most {about.redraw.most} times; the network was fitted to ratings of generated faces "
            "by a vision-language model, and misses some",
            "",
        ]
    if about.voice_noise is not None:
        lines += [
            "## What of a face follows from the voice",
            "",
            "- beyond the gender, the link between a voice and a face is arbitrary: it is a fixed "
            "map, fitted to voices alone and learnt from nobody's face",
            "- at one seed, recordings of one speaker mostly get similar faces, and different "
            "speakers mostly different ones; another seed gives everybody other faces",
            "",
        ]
    lines += _format(about)
    return "\n".join(lines)


def _format(about: ModelDescription) -> list[str]:
    """Lines on what goes in and comes out."""
    front_end = about.front_end
    noise = f", and {about.noise_dim} of noise" if about.noise_dim else ""
    return [
        "## Format",
        "",
        f"- input: speech at {front_end.sample_rate_hz} Hz, {front_end.n_mels} mel bands, at "
        f"least {front_end.min_speech_s} s of speech",
        f"- speaker embedding: {about.embedding_dim} numbers{noise}",
        f"- face: {about.image_size_px} x {about.image_size_px} pixels, RGB, {about.pixel_range}",
        "",
    ]


def _entry(content: Any) -> list[str]:
    """Lines of an entry of the card."""
    if isinstance(content, dict):
        entries = cast("dict[str, object]", content).items()
        return [f"- {key.replace('_', ' ')}: {value}" for key, value in entries]
    if isinstance(content, list):
        return [f"- {item}" for item in cast("list[object]", content)]
    return [str(content)]
