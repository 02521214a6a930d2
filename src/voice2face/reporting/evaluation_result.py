"""Values of a result, and how the page of an evaluation names and formats them."""

from __future__ import annotations

from collections.abc import Iterable

STRATA = {
    "none": "any gender",
    "gender": "same gender",
    "nationality": "same nationality",
    "age": "same age band",
    "all": "same known attributes",
}
_METRICS = {"eer": "EER", "auc": "AUC", "map": "mAP"}
_ROUNDING = 1e-6

Estimates = dict[str, dict]


def systems_of(result: dict) -> list[str]:
    """The systems of a result; older results have only one."""
    return result.get("systems", [result["system"]])


def of_everybody(estimates: Iterable[dict]) -> Estimates:
    """The estimates over all people, by name."""
    return {one["name"]: one for one in estimates if one["group"] == "everybody"}


def label(name: str) -> str:
    """The name of an estimate without its protocol, for people."""
    _, _, rest = name.partition("/")
    stratum, _, metric = rest.partition("/")
    if not metric or stratum not in STRATA:
        return rest or name
    words = ", ".join(_METRICS.get(part, part) for part in metric.split("/"))
    return f"{words}, {STRATA[stratum]}"


def number(value: float | None, unit: str = "") -> str:
    """Format three significant digits, or a tenth of a percent; None is a dash."""
    if value is None:
        return "–"
    if unit == "%":
        return f"{value:.1f} %"
    if abs(value) < _ROUNDING:
        return "0"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def in_words(estimate: dict) -> tuple[str, str]:
    """Format an estimate: its value, and its interval or an empty string."""
    unit = estimate["unit"]
    value = "undefined" if estimate["value"] is None else number(estimate["value"], unit)
    if estimate["low"] is None:
        return value, ""
    low, high = (number(estimate[end], unit).removesuffix(" %") for end in ("low", "high"))
    return value, f"{low} to {high}"
