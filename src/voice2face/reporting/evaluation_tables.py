"""The tables of an evaluation's page: a value above its interval, grey for few people."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from voice2face.reporting.elements import Cell, Element, Table, Words
from voice2face.reporting.evaluation_result import (
    STRATA,
    Estimates,
    in_words,
    label,
    number,
    of_everybody,
    systems_of,
)

# Numbers of candidates in the table; the plot and the JSON have all.
_SIZES = (2, 5, 10)
_FEW_PEOPLE = 10
# Measures that the page shows by group; the JSON has all.
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
_PROTOCOLS = (
    *("matching", "verification", "retrieval", "similarity", "consistency"),
    *("agreement", "verdict given", "correlation", "difference"),
)

_Row = tuple[str | Cell, ...]


def estimate_tables(section: dict, result: dict) -> list[Element]:
    """Estimates over all people, one row each, one column per contender; why some are undefined."""
    names, systems = _contenders(section, result), systems_of(result)
    estimates = {name: of_everybody(section["contenders"][name]["figures"]) for name in names}
    real, ceilings = of_everybody(section["own"]), result["ceilings"]
    first: Estimates = {}
    for them in estimates.values():
        first = {**them, **first}
    wanted = sorted(
        (
            name
            for name in first
            if not name.startswith("matching/") or int(name.rpartition(":")[2]) in _SIZES
        ),
        key=_order,
    )
    if not wanted:
        return [Words(("Nothing could be measured.",))]
    has_ceiling = any(name in ceilings for name in wanted)
    head = ("", "people", "chance", *(["ceiling"] if has_ceiling else []), "real faces")
    rows: list[_Row] = []
    protocol = ""
    for name in wanted:
        start, slash, _ = name.partition("/")
        if slash and start != protocol:
            protocol = start
            rows.append((start,))
        unit = first[name]["unit"]
        known = [first[name]["chance"], *([ceilings.get(name)] if has_ceiling else [])]
        rows.append(
            (
                label(name),
                str(first[name]["n_identities"]),
                *(Cell(number(value, unit), style="chance") for value in known),
                _cell(real.get(name)),
                *(_cell(estimates[who].get(name), who in systems) for who in names),
            )
        )
    notes = tuple(
        f"{who}: {label(one['name'])} {one['note']}"
        for who in names
        for one in estimates[who].values()
        if one["note"] and one["value"] is None
    )
    table = Table("", "", (*head, *_heads(names, systems)), tuple(rows))
    return [table, *([Words(notes, "Undefined")] if notes else [])]


def group_tables(section: dict, result: dict) -> list[Element]:
    """Estimates by group, those of few people in grey, and the worst group in words."""
    names = _contenders(section, result)
    tables = (_group_table(section, pattern, names, systems_of(result)) for pattern in _BY_GROUP)
    return [table for table in tables if table is not None]


def _group_table(
    section: dict, pattern: str, names: Sequence[str], systems: Sequence[str]
) -> Table | None:
    """The first estimate that the pattern fits; None where it is of fewer than two groups."""
    everything = {name: section["contenders"][name]["figures"] for name in names}
    fitting = (
        one["name"]
        for them in everything.values()
        for one in them
        if fnmatchcase(one["name"], pattern)
    )
    wanted = next(fitting, pattern)
    by_group = {
        name: {one["group"]: one for one in them if one["name"] == wanted}
        for name, them in everything.items()
    }
    groups = list(dict.fromkeys(group for them in by_group.values() for group in them))
    if len(groups) < 2:
        return None
    rows: list[_Row] = []
    for group in groups:
        estimates = [by_group[name].get(group) for name in names]
        n_people = next(one["n_identities"] for one in estimates if one)
        style = "few" if n_people < _FEW_PEOPLE else ""
        cells = (
            _cell(one, name in systems, bool(style))
            for one, name in zip(estimates, names, strict=True)
        )
        rows.append((Cell(group, style=style), Cell(str(n_people), style=style), *cells))
    unit = next(one["unit"] for them in by_group.values() for one in them.values())
    worst = {name: section["contenders"][name]["worst"].get(wanted) for name in systems}
    caption = " ".join(
        f"Worst group of {name}: {one['group']}, {number(one['value'], unit)}; all people: "
        f"{number(one['everybody'], unit)}."
        for name, one in worst.items()
        if one
    )
    start, slash, _ = wanted.partition("/")
    title = f"{start} {label(wanted)}" if slash else wanted
    head = ("", "people", *_heads(names, systems))
    return Table(f"{title}, by group", caption, head, tuple(rows), is_folded=True)


def confusion_tables(section: dict, result: dict) -> list[Element]:
    """Confusion matrices of generated and of real faces, also by group."""
    confusions = {
        f"faces of {name}": section["contenders"][name].get("confusion")
        for name in systems_of(result)
    }
    confusions["real faces"] = section.get("own_confusion")
    tables: list[Element] = []
    for whose, confusion in confusions.items():
        for attribute, matrix in (confusion or {}).items():
            rows: list[_Row] = []
            for group, counts in {"": matrix["counts"], **matrix["groups"]}.items():
                rows += [(group,)] if group else []
                # A group of one gender (or age) has one row that is not empty.
                rows += [
                    (name, *map(str, row))
                    for name, row in zip(matrix["labels"], counts, strict=True)
                    if sum(row) or not group
                ]
            head = ("label", *matrix["labels"], "no verdict")
            title = f"{attribute}: label and verdict, {whose}"
            tables.append(Table(title, "", head, tuple(rows), is_folded=True))
    return tables


def sounds_table(section: dict) -> list[Element]:
    """What a system does with sounds: one row per kind, one column per measure."""
    estimates = section["figures"]
    columns = list(dict.fromkeys(one["name"] for one in estimates))
    rows: list[_Row] = []
    for kind in dict.fromkeys(one["group"] for one in estimates):
        of_kind = {one["name"]: one for one in estimates if one["group"] == kind}
        n_sounds = max(one["n_trials"] for one in of_kind.values())
        rows.append((kind, str(n_sounds), *(_cell(of_kind.get(column)) for column in columns)))
    head = ("", "sounds", *(column.replace("/", ", ") for column in columns))
    table = [Table("", "", head, tuple(rows))] if rows else []
    return [*table, *([Words((section["note"],))] if section["note"] else [])]


def _contenders(section: dict, result: dict) -> list[str]:
    """The systems first, then baselines and matchers, as far as the section has them."""
    names = [*systems_of(result), *result["baselines"], *result["matchers"]]
    return [name for name in names if name in section["contenders"]]


def _heads(names: Sequence[str], systems: Sequence[str]) -> list[Cell]:
    return [Cell(name, style="own" if name in systems else "") for name in names]


def _cell(estimate: dict | None, is_own: bool = False, is_faint: bool = False) -> Cell | str:
    """A value above its interval."""
    if estimate is None:
        return ""
    styles = {"own": is_own, "few": is_faint or estimate["few"]}
    hint = f"{estimate['n_identities']} people, {estimate['n_trials']} trials"
    return Cell(*in_words(estimate), hint, " ".join(one for one, there in styles.items() if there))


def _order(name: str) -> tuple[int, int, int]:
    """Sort by protocol, then stratum, then size."""
    start, _, rest = name.partition("/")
    stratum, _, metric = rest.partition("/")
    size = metric.partition(":")[2].partition("/")[0]
    return (
        _PROTOCOLS.index(start) if start in _PROTOCOLS else len(_PROTOCOLS),
        list(STRATA).index(stratum) if stratum in STRATA else -1,
        int(size) if size.isdigit() else 0,
    )
