"""Conclusions of a result in sentences."""

from __future__ import annotations

from collections.abc import Iterator

_WITHIN_GENDER = "matching/gender/1:2"
_ANY_GENDER = "matching/none/1:2"


def verdicts(result: dict) -> list[str]:
    """State what the result of `evaluate` shows, and what it does not.

    Returns:
        Sentences; for each system and judge, those on matching within one gender come first.
    """
    sentences = []
    systems = result.get("systems", [result["system"]])
    for judge, section in result["identity"].items():
        for system in systems:
            sentences += _against_others(system, judge, section)
            sentences += _consistency(system, judge, section)
    if not result["trials"]["n_people_with_faces"]:
        sentences.append(
            "Nobody in the split has both a voice and a face, so identity is not measured."
        )
    elif result["identity"] and not any(
        _find(section["contenders"][result["system"]]["figures"], _WITHIN_GENDER)
        for section in result["identity"].values()
    ):
        sentences.append(
            "Too few people have the same known gender. It is not measured whether the faces show "
            "more than gender."
        )
    for judge, section in result["attributes"].items():
        for system in systems:
            sentences += _attributes(system, judge, section)
    return sentences


def _against_others(system: str, judge: str, section: dict) -> Iterator[str]:
    """Compare the system with chance and with each other contender."""
    for name, words in ((_WITHIN_GENDER, "same gender"), (_ANY_GENDER, "any gender")):
        own = _find(section["contenders"][system]["figures"], name)
        if own is None:
            continue
        level = _level(own["low"], own["high"], own["chance"])
        yield (
            f"1:2 matching, {words}: with the faces of {system}, the judge {judge} selects the "
            f"speaker in {_range(own)} of trials ({own['n_identities']} people), "
            + {
                1: "which is above chance.",
                -1: "which is below chance.",
                0: "which does not differ significantly from chance.",
            }[level]
            + _few(own)
        )
        # The mean face of the gender first: a system no better than it shows only the gender.
        against = section.get("differences_of", {}).get(system, section["differences"])
        differences = sorted(against.items(), key=lambda one: "gender" not in one[0])
        by_verdict: dict[str, list[str]] = {}
        for other, figures in differences:
            if (figure := _find(figures, name)) is None or figure["low"] is None:
                continue
            level = _level(figure["low"], figure["high"], 0.0)
            verdict = {
                1: "is better than",
                -1: "is worse than",
                0: "does not differ significantly from",
            }[level]
            ends = f"95 % interval {figure['low']:+.1f} to {figure['high']:+.1f}"
            by_verdict.setdefault(verdict, []).append(f"{other} ({figure['value']:+.1f}, {ends})")
        for verdict, others in by_verdict.items():
            yield (
                f"1:2 matching, {words}: {system} {verdict} {'; '.join(others)}. Differences are "
                f"in percentage points on the same trials ({judge})."
            )


def _consistency(system: str, judge: str, section: dict) -> Iterator[str]:
    score = _find(section["contenders"][system]["figures"], "consistency/score")
    if score is None:
        return
    if score["value"] is None:
        yield f"The consistency of {system} is {score['note']} ({judge})."
        return
    level = _level(score["low"], score["high"], 0.0)
    words = {
        1: "more similar to each other than faces",
        -1: "less similar to each other than faces",
        0: "not significantly more similar to each other than faces",
    }[level]
    yield (
        f"Faces that {system} generates from recordings of one speaker are {words} of different "
        f"speakers of the same gender (score {score['value']:.2f}; 1 means that each speaker has "
        f"one face; {judge})." + _few(score)
    )


def _attributes(system: str, judge: str, section: dict) -> Iterator[str]:
    for figure in section["contenders"][system]["figures"]:
        if figure["group"] != "everybody" or not figure["name"].startswith("agreement/"):
            continue
        attribute = figure["name"].partition("/")[2]
        real = _find(section["own"], figure["name"])
        beside = (
            f"; on real faces of the split it is correct for {real['value']:.1f} %" if real else ""
        )
        yield (
            f"The judge {judge} recognises the speaker's {attribute} in {_range(figure)} of the "
            f"faces of {system} (best constant answer: {figure['chance']:.1f} %){beside}."
            + _few(figure)
        )


def _few(figure: dict) -> str:
    n = figure["n_identities"]
    people = "One person is" if n == 1 else f"{n} people are"
    return f" {people} too few for a conclusion." if figure["few"] else ""


def _level(low: float | None, high: float | None, against: float) -> int:
    """1 if the interval is above a value, -1 if below, 0 if it contains it or is not known."""
    if low is None or high is None:
        return 0
    return 1 if low > against else -1 if high < against else 0


def _range(figure: dict) -> str:
    if figure["low"] is None:
        return f"{figure['value']:.1f} %"
    return f"{figure['value']:.1f} % (95 % interval {figure['low']:.1f} to {figure['high']:.1f})"


def _find(figures: list[dict], name: str) -> dict | None:
    return next((f for f in figures if f["name"] == name and f["group"] == "everybody"), None)
