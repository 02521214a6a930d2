"""The model card: `model.json` in words, for people."""

from __future__ import annotations

from voice2face.runtime.bundle import ModelDescription

__all__ = ["card_text"]


def card_text(description: ModelDescription) -> str:
    """Write the model card as Markdown.

    Args:
        description: What `model.json` says. Of its card, every entry is written: a string as a
            paragraph, a list as a list, an object as a list of "key: value".

    Returns:
        The card, ending with a newline.
    """
    about = description
    lines = [f"# {about.name}", ""]
    for title, content in about.card.items():
        lines += [f"## {title.replace('_', ' ').capitalize()}", ""]
        if isinstance(content, dict):
            lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in content.items()]
        elif isinstance(content, list):
            lines += [f"- {item}" for item in content]
        else:
            lines.append(str(content))
        lines.append("")
    front_end = about.front_end
    lines += [
        "## Format",
        "",
        f"- input: speech at {front_end.sample_rate_hz} Hz, {front_end.n_mels} mel bands, at "
        f"least {front_end.min_speech_s} s of speech",
        f"- speaker embedding: {about.embedding_dim} numbers",
        f"- face: {about.image_size_px} x {about.image_size_px} pixels, RGB, {about.pixel_range}",
        "",
    ]
    return "\n".join(lines)
