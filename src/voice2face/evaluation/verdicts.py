"""What a result means, in words."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["verdicts"]

_WITHIN_GENDER = "matching/gender/1:2"
_AT_LARGE = "matching/none/1:2"


def verdicts(result: dict) -> list[str]:
    """Say what the figures show, and what they do not.

    Args:
        result: As `evaluate` makes it.

    Returns:
        Sentences, those on the question within gender first.
    """
    said = []
    systems = result.get("systems", [result["system"]])
    for judge, section in result["identity"].items():
        for system in systems:
            said += _against_others(system, judge, section)
            said += _consistency(system, judge, section)
    if not result["trials"]["n_people_with_faces"]:
        said.append(
            "The split holds nobody with both a voice and a face, so that nothing is asked about "
            "identity."
        )
    elif result["identity"] and not any(
        _tells_of_gender(section, result) for section in result["identity"].values()
    ):
        said.append(
            "Too few people share a gender that the store tells: nothing is said of what is drawn "
            "beyond it."
        )
    for judge, section in result["attributes"].items():
        for system in systems:
            said += _attributes(system, judge, section)
    return said


def _tells_of_gender(section: dict, result: dict) -> bool:
    """Whether the question within one gender was asked."""
    return _find(section["contenders"][result["system"]]["figures"], _WITHIN_GENDER) is not None


def _against_others(system: str, judge: str, section: dict) -> Iterator[str]:
    """The system against chance and each other contender, within gender if that is asked."""
    for name, words in ((_WITHIN_GENDER, "Within one gender"), (_AT_LARGE, "At large")):
        own = _find(section["contenders"][system]["figures"], name)
        if own is None:
            continue
        level = _level(own["low"], own["high"], own["chance"])
        yield (
            f"{words}, the judge {judge} finds the right one of two faces by what {system} draws "
            f"in {_range(own)} of trials ({own['n_identities']} people): "
            + {1: "above chance.", -1: "below chance.", 0: "not shown to differ from chance."}[
                level
            ]
            + _few(own)
        )
        # The mean face of the gender first: whoever does not beat it has drawn the gender alone.
        against = section.get("differences_of", {}).get(system, section["differences"])
        differences = sorted(against.items(), key=lambda one: "gender" not in one[0])
        by_verb: dict[str, list[str]] = {}
        for other, figures in differences:
            if (figure := _find(figures, name)) is None or figure["low"] is None:
                continue
            level = _level(figure["low"], figure["high"], 0.0)
            verb = {1: "beats", -1: "is beaten by", 0: "is not shown to beat"}[level]
            ends = f"95 %: {figure['low']:+.1f} to {figure['high']:+.1f}"
            by_verb.setdefault(verb, []).append(f"{other} ({figure['value']:+.1f}, {ends})")
        for verb, others in by_verb.items():
            yield (
                f"{words}, {system} {verb} {'; '.join(others)}: percentage points on the same "
                f"trials ({judge})."
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
        1: "Recordings of one speaker give faces that are more alike than those of different "
        "speakers of one gender",
        -1: "Recordings of one speaker give faces that are less alike than those of others",
        0: "Recordings of one speaker are not shown to give faces that are more alike than those "
        "of different speakers of one gender",
    }[level]
    yield (
        f"{words} (score {score['value']:.2f}, where 1 is one face a speaker; {judge})."
        + _few(score)
    )


def _attributes(system: str, judge: str, section: dict) -> Iterator[str]:
    for figure in section["contenders"][system]["figures"]:
        if figure["group"] != "everybody" or not figure["name"].startswith("agreement/"):
            continue
        attribute = figure["name"].partition("/")[2]
        real = _find(section["own"], figure["name"])
        beside = (
            f"; on real faces of the split it is right in {real['value']:.1f} %" if real else ""
        )
        yield (
            f"The judge {judge} sees the speaker's {attribute} in {_range(figure)} of the faces "
            f"of {system} (best constant answer: {figure['chance']:.1f} %){beside}." + _few(figure)
        )


def _few(figure: dict) -> str:
    n = figure["n_identities"]
    people = "one person proves" if n == 1 else f"{n} people prove"
    return f" But {people} nothing." if figure["few"] else ""


def _level(low: float | None, high: float | None, against: float) -> int:
    """1 where an interval lies above a level, -1 below, 0 where it holds it or is not known."""
    if low is None or high is None:
        return 0
    return 1 if low > against else -1 if high < against else 0


def _range(figure: dict) -> str:
    if figure["low"] is None:
        return f"{figure['value']:.1f} %"
    return f"{figure['value']:.1f} % (95 %: {figure['low']:.1f} to {figure['high']:.1f})"


def _find(figures: list[dict], name: str, group: str = "everybody") -> dict | None:
    return next((f for f in figures if f["name"] == name and f["group"] == group), None)
