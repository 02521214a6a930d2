"""Draws `pipeline.svg`: from recording to faces, and how the networks are trained."""

from __future__ import annotations

import itertools
from html import escape
from pathlib import Path

_WIDTH, _HEIGHT = 960, 372
_BOX_HEIGHT = 64
_GENERATE_Y, _TRAIN_Y = 56, 248
_BLUE, _GREEN, _PLAIN = "#dbe9f9", "#dcf2e0", "#f1f1f1"

# Title, subtitle, left edge, width, fill.
_GENERATE = (
    ("recording", "any audio or video", 0, 116, _PLAIN),
    ("voiced speech", "16 kHz, after VAD", 148, 132, _BLUE),
    ("log-mel", "64 bands, 100 frames/s", 312, 156, _BLUE),
    ("voice encoder", "speaker embedding", 500, 136, _GREEN),
    ("generator", "takes noise as well", 668, 132, _GREEN),
    ("faces", "64 or 128 pixels", 832, 128, _PLAIN),
)
_TRAIN = (
    ("data sets", "voices and faces", 0, 116, _PLAIN),
    ("store", "prepare: once", 148, 132, _BLUE),
    ("train", "voice encoder, then GAN", 312, 156, _GREEN),
    ("bundle", "ONNX, model card", 500, 136, _PLAIN),
    ("evaluate", "baselines, judges", 668, 132, _BLUE),
    ("result", "intervals, chance", 832, 128, _PLAIN),
)
_STYLE = """
text { font-family: system-ui, "Segoe UI", Helvetica, Arial, sans-serif; text-anchor: middle;
  fill: #1b1f24; }
.title { font-size: 13.5px; font-weight: 600; }
.small { font-size: 11.5px; }
.heading { font-size: 14px; text-anchor: start; fill: #7d8590; }
path { stroke: #808890; stroke-width: 1.6; fill: none; }
marker path { fill: #808890; stroke: none; }
"""


def _box(title: str, subtitle: str, left: int, width: int, fill: str, top: int) -> str:
    middle = left + width / 2
    return (
        f'<rect x="{left + 1}" y="{top}" width="{width - 2}" height="{_BOX_HEIGHT}" rx="8" '
        f'fill="{fill}" stroke="#808890"/>'
        f'<text class="title" x="{middle}" y="{top + 28}">{escape(title)}</text>'
        f'<text class="small" x="{middle}" y="{top + 47}">{escape(subtitle)}</text>'
    )


def _row(boxes: tuple[tuple[str, str, int, int, str], ...], top: int) -> str:
    middle = top + _BOX_HEIGHT / 2
    arrows = [
        f'<path d="M{left + width + 2} {middle} H{after[2] - 4}" marker-end="url(#tip)"/>'
        for (_, _, left, width, _), after in itertools.pairwise(boxes)
    ]
    return "\n".join([_box(*box, top) for box in boxes] + arrows)


def _loaded_by(left: int, width: int) -> str:
    """An arrow from the bundle up to a network that is loaded from it."""
    bundle_left, bundle_width = _TRAIN[3][2:4]
    start, end = bundle_left + bundle_width / 2, left + width / 2
    between = (_GENERATE_Y + _BOX_HEIGHT + _TRAIN_Y) / 2 - 8
    return (
        f'<path d="M{start} {_TRAIN_Y - 2} V{between} H{end} V{_GENERATE_Y + _BOX_HEIGHT + 5}" '
        'marker-end="url(#tip)"/>'
    )


def pipeline() -> str:
    """The picture, as SVG."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT - 48}" '
        'role="img" aria-label="Pipeline of voice2face">',
        f"<style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0 L8 4 L0 8 Z"/></marker></defs>',
        f'<text class="heading" x="2" y="{_GENERATE_Y - 16}">voice2face generate '
        "(NumPy and ONNX Runtime)</text>",
        f'<text class="heading" x="2" y="{_TRAIN_Y - 16}">voice2face prepare, train, evaluate '
        "(PyTorch)</text>",
        _row(_GENERATE, _GENERATE_Y),
        _row(_TRAIN, _TRAIN_Y),
        *(_loaded_by(left, width) for _, _, left, width, _ in _GENERATE[3:5]),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    Path(__file__).with_suffix(".svg").write_text(pipeline(), encoding="utf-8")
