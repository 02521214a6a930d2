"""A result as one self-contained HTML page."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice2face.errors import DataError
from voice2face.files import read_json, write_atomically
from voice2face.reporting.evaluation_parts import bullets, cell, chance_cell, head, number
from voice2face.reporting.evaluation_pictures import (
    duration_charts,
    identity_charts,
    overview,
    shown_faces,
    systems_of,
)
from voice2face.reporting.style import HOW_TO_READ, POLICY, STYLE

__all__ = ["result_page", "write_result_page"]

_STRATA = {
    "none": "at large",
    "gender": "within one gender",
    "nationality": "within one nationality",
    "age": "within one age band",
    "all": "within all of these",
}
_WORDS = {"eer": "EER", "auc": "AUC", "map": "mAP"}
# Line-ups in the table; the chart and the JSON have all.
_SIZES = (2, 5, 10)
# What is told by group on the page; the JSON has all.
_BY_GROUP = (
    "matching/none/1:2",
    "matching/gender/1:2",
    "verification/none/eer",
    "retrieval/none/*/recall@5",
    "retrieval/none/*/median rank",
    "similarity/cosine",
    "consistency/score",
    "agreement/gender",
    "agreement/age",
    "face found",
    "kernel distance",
    "diversity",
    "nearest training face",
    "VGGFace score",
)


def write_result_page(folder: Path) -> Path:
    """Write the page of a result, from the files that `evaluation.evaluate.evaluate` left.

    Args:
        folder: With `result.json` and `pictures.npz`.

    Returns:
        The page, `result.html` in the folder.

    Raises:
        DataError: A file is missing or damaged.
    """
    result = read_json(folder / "result.json", DataError)
    try:
        with np.load(folder / "pictures.npz", allow_pickle=False) as archive:
            pictures = dict(archive)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"{folder / 'pictures.npz'}: cannot be read ({error})") from None
    page = folder / "result.html"
    write_atomically(page, result_page(result, pictures).encode())
    return page


def result_page(result: dict, pictures: Mapping[str, NDArray[np.uint8]] | None = None) -> str:
    """Write a result for people to read.

    Args:
        result: As `evaluate` makes it.
        pictures: Of its trials to look at, see `shown.shown_trials`; None leaves them out.

    Returns:
        The page: no script, nothing loaded from elsewhere.
    """
    title = ", ".join(systems_of(result))
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p class='facts'>{escape(_facts(result))}</p>",
        "<section><h2>What the figures say</h2>",
        overview(result),
        "<details><summary>In words</summary>",
        bullets(result["verdicts"] or ["No judge was asked."]),
        "</details>",
        _not_asked(result["not_asked"]),
        f"<p class='note'>{escape(result['ceiling'])}</p>" if result["ceiling"] else "",
        "</section>",
        shown_faces(result, pictures or {}),
    ]
    for judge, section in result["identity"].items():
        body += [
            f"<section><h2>Identity, judged by {escape(judge)}</h2>",
            identity_charts(section, systems_of(result)),
            duration_charts(result.get("duration", {}).get(judge), systems_of(result)),
            _figure_table(section, result, judge_on_real=True),
            _groups(section, result),
            "</section>",
        ]
    titles = {
        "attributes": "Attributes",
        "measured": "Visible traits, measured",
        "detection": "Is there a face",
        "quality": "Image quality",
        "vggface": "VGGFace score",
    }
    for kind, title in titles.items():
        for judge, section in result.get(kind, {}).items():
            body += [
                f"<section><h2>{title}, judged by {escape(judge)}</h2>",
                _about(section),
                _figure_table(section, result, judge_on_real=True),
                _confusions(section, result),
                _groups(section, result),
                "</section>",
            ]
    body += [
        _sounds(section, name)
        for name, section in (
            (result["system"], result["sounds"]),
            *result.get("sounds_of", {}).items(),
        )
    ]
    body += [
        f"<section><h2>How to read this</h2>{bullets(HOW_TO_READ)}</section>",
        f"<section><h2>What stands behind it</h2>{_provenance(result)}</section>",
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}: evaluation</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(body)}</main></body></html>\n"
    )


def _facts(result: dict) -> str:
    """What was asked of whom, in a line."""
    trials = result["trials"]
    return " · ".join(
        (
            f"split “{result['split']}” of the store “{result['store']['name']}”",
            f"{trials['n_people']} people, {trials['n_people_with_faces']} of them with faces",
            f"{trials['n_recordings']} recordings, {trials['n_faces']} true faces",
            f"faces drawn a recording: {result['samples']}",
            f"seed {result['seed']}",
        )
    )


def _contenders(section: dict, result: dict) -> list[str]:
    """The systems first, then baselines and matchers, as far as the section has them."""
    names = [*systems_of(result), *result["baselines"], *result["matchers"]]
    return [name for name in names if name in section["contenders"]]


def _figure_table(section: dict, result: dict, judge_on_real: bool) -> str:
    """Figures of everybody: a row a figure, a column a contender."""
    names, systems = _contenders(section, result), systems_of(result)
    by_name = {name: _everybody(section["contenders"][name]["figures"]) for name in names}
    own = _everybody(section["own"])
    rows = [
        row
        for row in dict.fromkeys(key for figures in by_name.values() for key in figures)
        if not row.startswith("matching/") or int(row.rpartition(":")[2]) in _SIZES
    ]
    if not rows:
        return "<p class='note'>Nothing could be asked.</p>"
    ceilings = result["ceilings"]
    known = any(row in ceilings for row in rows)
    heads = [
        "",
        "chance",
        *(["ceiling"] if known else []),
        *(["real faces"] if judge_on_real else []),
        *names,
    ]
    lines = [head(heads, marked=systems_of(result))]
    protocol = ""
    for row in sorted(rows, key=_order):
        first = next(figures[row] for figures in by_name.values() if row in figures)
        start, slash, _ = row.partition("/")
        if slash and start != protocol:
            protocol = start
            lines.append(f"<tr class='band'><th colspan='{len(heads)}'>{escape(start)}</th></tr>")
        cells = [f"<th scope='row'>{escape(_label(row))}</th>", chance_cell(first["chance"], first)]
        if known:
            cells.append(chance_cell(ceilings.get(row), first))
        if judge_on_real:
            cells.append(cell(own.get(row)))
        cells += [cell(by_name[name].get(row), name in systems) for name in names]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    notes = bullets(
        f"{name}: {_label(figure['name'])} {figure['note']}"
        for name in names
        for figure in by_name[name].values()
        if figure["note"] and figure["value"] is None
    )
    return f"<div class='wide'><table>{''.join(lines)}</table></div>{notes}"


def _groups(section: dict, result: dict) -> str:
    """Figures by group, those of few people greyed, and the worst group in words."""
    parts = []
    names, systems = _contenders(section, result), systems_of(result)
    for pattern in _BY_GROUP:
        told = (f["name"] for name in names for f in section["contenders"][name]["figures"])
        wanted = next((one for one in told if fnmatchcase(one, pattern)), pattern)
        of = {
            name: {
                f["group"]: f for f in section["contenders"][name]["figures"] if f["name"] == wanted
            }
            for name in names
        }
        groups = list(dict.fromkeys(group for figures in of.values() for group in figures))
        if len(groups) < 2:
            continue
        lines = [head(["", "people", *names], marked=systems_of(result))]
        for group in groups:
            figures = [of[name].get(group) for name in names]
            n = next(f["n_identities"] for f in figures if f)
            few = " class='few'" if n < 10 else ""
            cells = "".join(
                cell(f, name in systems) for f, name in zip(figures, names, strict=True)
            )
            lines.append(f"<tr{few}><th scope='row'>{escape(group)}</th><td>{n}</td>{cells}</tr>")
        unit = next(f["unit"] for figures in of.values() for f in figures.values())
        worst = {name: section["contenders"][name]["worst"].get(wanted) for name in systems}
        said = "".join(
            f"<p>Worst group of {escape(name)}: <b>{escape(one['group'])}</b>, "
            f"{number(one['value'], unit)} against "
            f"{number(one['everybody'], unit)} for everybody.</p>"
            for name, one in worst.items()
            if one
        )
        start, slash, _ = wanted.partition("/")
        title = escape(f"{start} {_label(wanted)}" if slash else wanted)
        parts.append(
            f"<details><summary>{title}, by group</summary>"
            f"<div class='wide'><table>{''.join(lines)}</table></div>{said}</details>"
        )
    return "".join(parts)


def _confusions(section: dict, result: dict) -> str:
    """Confusion matrices of the systems, also by group, and of the judge on real faces."""
    parts = []
    for title, confusion in (
        *(
            (f"faces of {name}", section["contenders"][name].get("confusion"))
            for name in systems_of(result)
        ),
        ("real faces", section.get("own_confusion")),
    ):
        for attribute, matrix in (confusion or {}).items():
            lines = [head(["true", *matrix["labels"], "no verdict"])]
            for group, counts in {"": matrix["counts"], **matrix["groups"]}.items():
                # Among people of one gender (or age) there is one row to tell.
                rows = zip(matrix["labels"], counts, strict=True)
                if group:
                    band = f"<th colspan='{len(matrix['labels']) + 2}'>{escape(group)}</th>"
                    lines.append(f"<tr class='band'>{band}</tr>")
                for label, row in rows:
                    cells = "".join(f"<td>{count}</td>" for count in row)
                    if sum(row) or not group:
                        name = f"<th scope='row'>{escape(label)}</th>"
                        lines.append(f"<tr>{name}{cells}</tr>")
            parts.append(
                f"<details><summary>{escape(attribute)} by verdict, {escape(title)}</summary>"
                f"<div class='wide'><table>{''.join(lines)}</table></div></details>"
            )
    return "".join(parts)


def _about(section: dict) -> str:
    """What a classifier for the VGGFace score was taught."""
    about = section.get("about")
    if not about:
        return ""
    told = (
        f"It was taught {about['people']:.0f} people by {about['faces']:.0f} faces, and names "
        f"{about['right_percent']:.1f} % of {about['tested']:.0f} other faces of theirs rightly. "
        "Scores by another classifier may not be compared."
    )
    return f"<p class='note'>{escape(told)}</p>"


def _not_asked(lines: Sequence[str]) -> str:
    return f"<p class='note'>Not asked:</p>{bullets(lines)}" if lines else ""


def _sounds(section: dict, system: str) -> str:
    """What a model does with sounds: a row a kind, a column a figure."""
    figures = section["figures"]
    columns = list(dict.fromkeys(figure["name"] for figure in figures))
    lines = [head(["", "sounds", *(column.replace("/", ", ") for column in columns)])]
    for kind in dict.fromkeys(figure["group"] for figure in figures):
        of = {figure["name"]: figure for figure in figures if figure["group"] == kind}
        n = max(figure["n_trials"] for figure in of.values())
        cells = "".join(cell(of.get(column)) for column in columns)
        lines.append(f"<tr><th scope='row'>{escape(kind)}</th><td>{n}</td>{cells}</tr>")
    table = f"<div class='wide'><table>{''.join(lines)}</table></div>" if figures else ""
    note = f"<p class='note'>{escape(section['note'])}</p>" if section["note"] else ""
    title = f"Sounds that are no speech, given to {system}"
    return f"<section><h2>{escape(title)}</h2>{table}{note}</section>"


def _provenance(result: dict) -> str:
    trials, store = result["trials"], result["store"]
    asked = [f"{k} {v}" for k, v in trials["settings"].items()]
    rows = {
        "store": store["content_sha256"] or "not known",
        "trial lists (trials.json)": trials.get("sha256", "not written"),
        "trials": "; ".join(asked),
        "versions": "; ".join(f"{name} {told}" for name, told in result["versions"].items()),
        "data": "; ".join(
            " ".join(str(source.get(key, "")) for key in ("title", "licence", "attribution"))
            if isinstance(source, dict)
            else json.dumps(source)
            for source in store["sources"]
        )
        or "not told",
    }
    lines = "".join(
        f"<tr><th scope='row'>{escape(name)}</th><td class='long'>{escape(told)}</td></tr>"
        for name, told in rows.items()
    )
    return f"<table>{lines}</table>"


def _everybody(figures: Iterable[dict]) -> dict[str, dict]:
    return {figure["name"]: figure for figure in figures if figure["group"] == "everybody"}


def _order(name: str) -> tuple:
    """Protocols, then strata, then sizes, as they are thought of."""
    protocols = (
        *("matching", "verification", "retrieval", "similarity", "consistency"),
        *("agreement", "verdict given", "correlation", "difference"),
    )
    start, _, rest = name.partition("/")
    stratum, _, what = rest.partition("/")
    size = what.partition(":")[2].partition("/")[0]
    return (
        protocols.index(start) if start in protocols else len(protocols),
        list(_STRATA).index(stratum) if stratum in _STRATA else -1,
        int(size) if size.isdigit() else 0,
    )


def _label(name: str) -> str:
    """A figure's name less its protocol, in words."""
    _, _, rest = name.partition("/")
    stratum, _, what = rest.partition("/")
    if not what or stratum not in _STRATA:
        return rest or name
    said = ", ".join(_WORDS.get(part, part) for part in what.split("/"))
    return f"{said} {_STRATA[stratum]}"
