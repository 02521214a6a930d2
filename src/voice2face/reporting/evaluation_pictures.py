"""The pictures of the result page: bars, curves, and trials with their faces."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from voice2face.reporting.chart import Axis, bar_chart, line_chart

__all__ = ["duration_charts", "identity_charts", "overview", "shown_faces", "systems_of"]

STRATA = {"none": "at large", "gender": "within one gender"}
_ASKED = {
    "attributes": ("agreement/gender", "agreement/age"),
    "detection": ("face found",),
}
_JPEG_QUALITY = 90

Figures = Mapping[str, dict]


def systems_of(result: dict) -> list[str]:
    """The systems that a result scores; results made before several could be name one."""
    return result.get("systems", [result["system"]])


def overview(result: dict) -> str:
    """Bars of what counts most, of every contender: a picture a judge and figure.

    Args:
        result: As `evaluate` makes it.

    Returns:
        HTML.
    """
    systems, pictures = systems_of(result), []
    for judge, section in result["identity"].items():
        for name, words in (
            ("matching/gender/1:2", "within one gender"),
            ("matching/none/1:2", "at large"),
        ):
            title = f"Right one of two faces {words}, % of trials ({judge})"
            pictures.append(bar_chart(title, _by_contender(section, name), systems))
    for kind, names in _ASKED.items():
        for judge, section in result[kind].items():
            for name in names:
                title = f"{name.replace('/', ': ').capitalize()}, % of faces ({judge})"
                pictures.append(bar_chart(title, _with_real(section, name), systems))
    for section in result.get("measured", {}).values():
        for name in dict.fromkeys(figure["name"] for figure in section["own"]):
            if name.startswith("correlation/"):
                trait = name.partition("/")[2]
                title = f"{trait.capitalize()}: correlation with the true faces', over people"
                pictures.append(bar_chart(title, _with_real(section, name), systems))
    for judge, section in result["quality"].items():
        bars = _with_real(section, "kernel distance")
        pictures.append(bar_chart(f"Kernel distance, less is better ({judge})", bars, systems))
    return _side_by_side(pictures)


def identity_charts(section: dict, systems: Sequence[str]) -> str:
    """Matching against the size of the line-up, recall against k, and paired differences.

    Args:
        section: An identity section of a result.
        systems: Which contenders are highlighted, with their intervals.

    Returns:
        HTML; empty where nothing was asked.
    """
    told = {name: _everybody(one["figures"]) for name, one in section["contenders"].items()}
    pictures = [_matching(told, systems, *stratum) for stratum in STRATA.items()]
    pictures += [_recall(told, systems, *stratum) for stratum in STRATA.items()]
    for system, against in (
        (systems[0], section["differences"]),
        *section.get("differences_of", {}).items(),
    ):
        for name, words in (("gender", "within one gender"), ("none", "at large")):
            bars = {
                f"less {other}": figure
                for other, figures in against.items()
                for figure in figures
                if _is(figure, f"matching/{name}/1:2")
            }
            title = f"{system} less others on the same trials, 1:2 {words}, percentage points"
            pictures.append(bar_chart(title, bars, [f"less {one}" for one in systems]))
    return _side_by_side(pictures)


def _matching(told: Mapping[str, Figures], systems: Sequence[str], stratum: str, words: str) -> str:
    start = f"matching/{stratum}/1:"
    sizes = sorted(
        {
            int(name.removeprefix(start))
            for figures in told.values()
            for name in figures
            if name.startswith(start)
        }
    )
    axis = Axis([f"1:{size}" for size in sizes], [100 / size for size in sizes])
    lines = {
        name: [figures.get(f"{start}{size}") for size in sizes] for name, figures in told.items()
    }
    return line_chart(f"Matching {words}: % right, by faces in the line-up", axis, lines, systems)


def _recall(told: Mapping[str, Figures], systems: Sequence[str], stratum: str, words: str) -> str:
    """Of the largest gallery."""
    start = f"retrieval/{stratum}/1:"
    names = {name for figures in told.values() for name in figures if name.startswith(start)}
    largest = max((int(one.removeprefix(start).partition("/")[0]) for one in names), default=0)
    found = [
        (int(name.rpartition("@")[2]), name)
        for name in names
        if name.startswith(f"{start}{largest}/recall@")
    ]
    ks = sorted(found)
    axis = Axis([f"@{k}" for k, _ in ks], [100 * k / largest for k, _ in ks])
    lines = {one: [figures.get(name) for _, name in ks] for one, figures in told.items()}
    return line_chart(f"Recall@k {words}, {largest} faces: % found", axis, lines, systems)


def duration_charts(section: dict | None, systems: Sequence[str]) -> str:
    """Right answers against how many seconds of a recording were heard.

    Args:
        section: See `duration_section`; None in results made before there was one.
        systems: Which contenders are highlighted.

    Returns:
        HTML, which says what durations the store lacks.
    """
    if section is None or not section["contenders"]:
        return ""
    told = {name: _everybody(one["figures"]) for name, one in section["contenders"].items()}
    names = list(dict.fromkeys(name for figures in told.values() for name in figures))
    pictures = []
    for start in dict.fromkeys(name.rpartition("/")[0] for name in names):
        _, stratum, size = start.split("/")
        found = sorted(
            (int(name.rpartition("/")[2].removesuffix(" s")), name)
            for name in names
            if name.startswith(f"{start}/")
        )
        chance = 100 / int(size.partition(":")[2])
        axis = Axis([f"{seconds} s" for seconds, _ in found], [chance] * len(found))
        lines = {one: [figures.get(name) for _, name in found] for one, figures in told.items()}
        title = f"{size} {STRATA[stratum]}: % right, by seconds of voiced speech heard"
        pictures.append(line_chart(title, axis, lines, systems))
    lacking = ", ".join(f"{seconds} s" for seconds in section["lacking"])
    note = f"<p class='note'>No line-up has recordings of {lacking}.</p>" if lacking else ""
    return _side_by_side(pictures) + note


def shown_faces(result: dict, pictures: Mapping[str, NDArray[np.uint8]]) -> str:
    """Trials with their faces: what each system drew, the candidates, and each judge's choice.

    Args:
        result: As `evaluate` makes it.
        pictures: See `shown.shown_trials`; without them nothing is shown.

    Returns:
        HTML, faces inlined as JPEG.
    """
    shown = result.get("shown", {"trials": []})
    trials = "".join(_trial(trial, systems_of(result), pictures) for trial in shown["trials"])
    if not trials or not pictures:
        return ""
    _, stratum, size = shown["protocol"].split("/")
    return (
        f"<section><h2>Trials to look at</h2><p class='note'>Drawn by the seed from matching "
        f"{escape(size)} {STRATA[stratum]}, each about another person. On the left what was drawn "
        "(of several faces the first; judges take the mean), on the right the candidates: true "
        "faces, the speaker's own with a frame. True faces are people's photographs: pass this "
        f"page on only if they may be.</p>{trials}</section>"
    )


def _trial(trial: dict, systems: Sequence[str], pictures: Mapping[str, NDArray[np.uint8]]) -> str:
    probe = trial["probe"]
    drawn = "".join(
        f"<figure>{_picture(pictures.get(f'drawn/{name}/{probe}'), name)}"
        f"<figcaption>{escape(name)}{''.join(_choices(trial, name))}</figcaption></figure>"
        for name in systems
    )
    candidates = "".join(
        f"<figure{' class=right' if at == trial['right'] else ''}>"
        f"{_picture(pictures.get(f'face/{key}'), f'candidate {at + 1}')}"
        f"<figcaption>{at + 1}{', the speaker' if at == trial['right'] else ''}</figcaption>"
        "</figure>"
        for at, key in enumerate(trial["candidates"])
    )
    title = f"{trial['identity']} · {probe}"
    return (
        f"<div class='trial'><h3>{escape(title)}</h3><div class='faces'>{drawn}"
        f"<span class='gap'></span>{candidates}</div></div>"
    )


def _choices(trial: dict, name: str) -> Iterator[str]:
    for judge, by_system in trial["picked"].items():
        picked = by_system[name]
        if picked is None:
            word, kind = "? cannot tell", "few"
        elif picked == trial["right"]:
            word, kind = f"✓ takes {picked + 1}, right", "yes"
        else:
            word, kind = f"✗ takes {picked + 1}, wrong", "no"
        yield f"<small class={kind}>{escape(judge)}: {word}</small>"


def _picture(face: NDArray[np.uint8] | None, words: str) -> str:
    if face is None:
        return ""
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f"<img alt='{escape(words)}' src='data:image/jpeg;base64,{data}'>"


def _side_by_side(pictures: Iterable[str]) -> str:
    there = "".join(pictures)
    return f"<div class='charts'>{there}</div>" if there else ""


def _by_contender(section: dict, name: str) -> dict[str, dict]:
    return {
        one: figure
        for one, contender in section["contenders"].items()
        for figure in contender["figures"]
        if _is(figure, name)
    }


def _with_real(section: dict, name: str) -> dict[str, dict]:
    return _by_contender(
        {"contenders": {**section["contenders"], "real faces": {"figures": section["own"]}}}, name
    )


def _is(figure: dict, name: str) -> bool:
    return figure["name"] == name and figure["group"] == "everybody"


def _everybody(figures: Iterable[dict]) -> dict[str, dict]:
    return {figure["name"]: figure for figure in figures if figure["group"] == "everybody"}
