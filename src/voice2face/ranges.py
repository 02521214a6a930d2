"""Which values a setting may have, told in its type: one schema for settings and for JSON.

`batch_size: Count` says it for a number, `crop_frames: Annotated[tuple[Count, Count], ORDERED]` for
a pair, `loss: Annotated[str, OneOf(LOSSES)]` for a name; `Where("loss", "aam")` says that the
setting is read only where its neighbour has that value. What no type can say, of several settings
together, a settings class tells in a method `conflicts`, which gives lines. `record` makes such a
class of a JSON object that anybody may have written.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import types
import typing
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from voice2face.errors import ConfigError, unknown_name


# No dataclasses: this module is loaded at every start, and making one takes most of a millisecond.
class Range(NamedTuple):
    """Least and greatest value; each may be excluded. Values that are not finite never are in."""

    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    below: bool = False

    def problem(self, value: Any) -> str | None:
        """Say what is wanted where a value is out of range."""
        low = self.least < value if self.above else self.least <= value
        high = value < self.most if self.below else value <= self.most
        return None if math.isfinite(value) and low and high else f"give {self}"

    def __str__(self) -> str:
        bounds = []
        if self.least > -math.inf:
            bounds.append(f"{'above' if self.above else 'of at least'} {self.least:g}")
        if self.most < math.inf:
            most = f"{self.most:g}" if self.most < 1e6 else str(self.most)
            bounds.append(f"{'below' if self.below else 'at most'} {most}")
        return f"a number {' and '.join(bounds)}" if bounds else "a finite number"


class Items(NamedTuple):
    """Fewest items of a list."""

    least: int

    def problem(self, value: Any) -> str | None:
        """Say what is wanted where a list is too short."""
        return None if len(value) >= self.least else f"give at least {self.least}"


class _Ordered:
    """Of a pair: the least, then the greatest."""

    def problem(self, value: Any) -> str | None:
        """Say what is wanted where a pair is the wrong way round."""
        return None if value[0] <= value[1] else "give the lower value, then the higher"


class OneOf:
    """Names that there are; `or_empty` lets "" through, for none."""

    def __init__(self, names: Iterable[str], or_empty: bool = False) -> None:
        self.names, self.or_empty = names, or_empty

    def problem(self, value: Any) -> str | None:
        """Say which is the nearest where there is no such name."""
        if value in self.names or (self.or_empty and value == ""):
            return None
        return str(unknown_name("name", value, self.names)).partition(": ")[2]


class Where:
    """Read only where a neighbour has one of some values; without values, where it is not empty."""

    def __init__(self, neighbour: str, *values: Any) -> None:
        self.neighbour, self.values = neighbour, values

    def why_unread(self, part: Any) -> str | None:
        """Say why nothing reads the setting, or None where something does."""
        value = getattr(part, self.neighbour)
        if value in self.values if self.values else value:
            return None
        wanted = " or ".join(map(repr, self.values)) if self.values else "set"
        return f"is used only if {self.neighbour} is {wanted}; here it is {value!r}"


class Unread(NamedTuple):
    """Never set by hand, since it follows from something."""

    why: str

    def why_unread(self, part: Any) -> str | None:
        """Say why nothing reads the setting."""
        return f"cannot be set: {self.why}"


Record = TypeVar("Record")

# Characters of a value in a message.
_MOST_SHOWN = 200
_UNIONS = (typing.Union, types.UnionType)
# Which types a value may have where the hint is one of these, and how that is told. Exactly these:
# a bool is no number here.
_NEEDED: dict[Any, tuple[tuple[type, ...], str]] = {
    int: ((int,), "give a whole number"),
    float: ((int, float), "give a number"),
    str: ((str,), "give a text"),
    bool: ((bool,), "give true or false"),
    tuple: ((tuple,), "give a list"),
}

ORDERED = _Ordered()
Count = Annotated[int, Range(1)]
Whole = Annotated[int, Range(0)]
Finite = Annotated[float, Range()]
Amount = Annotated[float, Range(0)]
Positive = Annotated[float, Range(0, above=True)]
Share = Annotated[float, Range(0, 1)]


def problems(settings: Any, name: str = "") -> list[str]:
    """Tell every setting whose value cannot be used, or is changed and then read by nothing.

    Returns:
        A line for each, with its name, its value and what is wanted.
    """
    told, idle = [], []
    for field, hint in _fields(type(settings)):
        value = getattr(settings, field)
        told += value_problems(value, hint, f"{name}.{field}".strip("."))
        if value != _default(type(settings), field) and (why := _why_unread(settings, hint, Where)):
            idle.append(f"{name}.{field} {why}".strip("."))
    if not told and hasattr(settings, "conflicts"):
        told += [f"{name}.{line}".strip(".") for line in settings.conflicts()]
    return told + idle


def record(kind: type[Record], content: Any, name: str = "", others: bool = False) -> Record:
    """Make a dataclass of a JSON object, checked by the types of its fields.

    Args:
        kind: The dataclass; parts of it may be dataclasses, and its tuples are lists in JSON.
        others: Whether there may be further fields, in parts too, which are left out.

    Raises:
        ConfigError: All problems, in one line.
    """
    if not isinstance(content, dict):
        raise ConfigError(f"{name or kind.__name__} is {_shown(content)}: give an object")
    hints = dict(_fields(kind))
    called = {field: f"{name}.{field}".strip(".") for field in hints.keys() | content.keys()}
    told = [f"{called[field]} is missing" for field in hints if field not in content]
    if not others:
        told += [f"{called[field]} is unknown" for field in content if field not in hints]
    values = {}
    for field in hints.keys() & content.keys():
        with _gathered(told):
            values[field] = _of_json(content[field], hints[field], called[field], others)
            told += value_problems(values[field], hints[field], called[field])
    if not told:
        made = kind(**values)
        told = problems(made, name)
        if not told:
            return made
    raise ConfigError("; ".join(sorted(told)))


@contextlib.contextmanager
def _gathered(told: list[str]) -> Iterator[None]:
    """Put a problem with the others, and go on."""
    try:
        yield
    except ConfigError as error:
        told.append(str(error))


def _of_json(value: Any, hint: Any, name: str, others: bool) -> Any:
    """What a JSON value stands for in a field of a type."""
    kinds = typing.get_args(hint) if typing.get_origin(hint) in _UNIONS else (hint,)
    part = next((kind for kind in kinds if dataclasses.is_dataclass(kind)), None)
    if part is not None and not (value is None and type(None) in kinds):
        return record(part, value, name, others)  # pyright: ignore[reportArgumentType]
    return _tuples(value)


def _tuples(value: Any) -> Any:
    """A JSON value with tuples for its lists, in lists too."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def unread(settings: Any, path: str) -> str | None:
    """Tell why nothing reads a setting, as the others are.

    Returns:
        A line, or None where it is read, or does not exist.
    """
    part, name = settings, ""
    for step in path.split("."):
        hint = dict(_fields(type(part))).get(step) if dataclasses.is_dataclass(part) else None
        if hint is None:
            return None
        name = f"{name}.{step}".strip(".")
        if why := _why_unread(part, hint, (Where, Unread)):
            return f"{name} {why}"
        part = getattr(part, step)
    return None


def refuse_problems(settings: Any) -> None:
    """Refuse settings of which one or more cannot be used.

    Raises:
        ConfigError: All problems, in one line.
    """
    if told := problems(settings):
        raise ConfigError("; ".join(told))


def _why_unread(part: Any, hint: Any, kinds: type | tuple[type, ...]) -> str | None:
    rules = hint.__metadata__ if typing.get_origin(hint) is Annotated else ()
    reasons = (rule.why_unread(part) for rule in rules if isinstance(rule, kinds))
    return next((why for why in reasons if why), None)


def _default(kind: type, name: str) -> Any:
    """A field's default; of one without, nothing that equals any value."""
    field = next(field for field in dataclasses.fields(kind) if field.name == name)
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


@cache
def _fields(kind: type) -> list[tuple[str, Any]]:
    hints = typing.get_type_hints(kind, include_extras=True)
    return [(field.name, hints[field.name]) for field in dataclasses.fields(kind)]


def value_problems(value: Any, hint: Any, name: str) -> list[str]:
    """Tell what is wrong with a value, by its type: its kind, then its parts, then its range.

    Args:
        hint: The type, with what it is annotated with.
    """
    origin, kinds = typing.get_origin(hint), typing.get_args(hint)
    if dataclasses.is_dataclass(value):
        return problems(value, name)
    if origin in _UNIONS:
        if value is None:
            return []
        each = [value_problems(value, kind, name) for kind in kinds if kind is not type(None)]
        return min(each, key=len)
    if origin is Annotated:
        told = value_problems(value, hint.__origin__, name)
        checks = [rule.problem for rule in hint.__metadata__ if hasattr(rule, "problem")]
        return told or [_line(value, name, wanted) for check in checks if (wanted := check(value))]
    if wanted := _other_kind(value, hint):
        return [_line(value, name, wanted)]
    return _item_problems(value, kinds, name) if origin is tuple else []


def _other_kind(value: Any, hint: Any) -> str | None:
    """What is wanted where a value is of another kind than a plain type says."""
    origin, kinds = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        known = any(value == kind and type(value) is type(kind) for kind in kinds)
        return None if known else f"give {' or '.join(map(_shown, kinds))}"
    if origin is dict:
        if isinstance(value, dict) and (
            kinds[1] is Any or all(isinstance(item, kinds[1]) for item in value.values())
        ):
            return None
        return "give an object" + " of texts" * (kinds[1] is str)
    types_of, wanted = _NEEDED.get(origin or hint, ((type(value),), ""))
    return None if type(value) in types_of else wanted


def _item_problems(value: Any, kinds: tuple[Any, ...], name: str) -> list[str]:
    """What is wrong with the first bad item of a list, or with the number of them."""
    if kinds[-1] is ...:
        kinds = kinds[:1] * len(value)
    if len(value) != len(kinds):
        return [_line(value, name, f"give {len(kinds)} values")]
    for item, kind in zip(value, kinds, strict=True):
        if told := value_problems(item, kind, name):
            return [told[0] if len(value) == 1 else f"{told[0]} (in {_shown(value)})"]
    return []


def _line(value: Any, name: str, wanted: str) -> str:
    return f"{name} is {_shown(value)}: {wanted}"


def _shown(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        shown = ",".join(map(str, value)) or "empty"
    else:
        shown = repr(value) if isinstance(value, str) else f"{value}"
    return shown if len(shown) <= _MOST_SHOWN else f"{shown[:_MOST_SHOWN]}..."
