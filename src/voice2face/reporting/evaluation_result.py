"""What the parts of an evaluation's page read of a result: who is scored, and each estimate."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["STRATA", "Estimates", "in_words", "label", "number", "of_everybody", "systems_of"]

STRATA = {
    "none": "at large",
    "gender": "within one gender",
    "nationality": "within one nationality",
    "age": "within one age band",
    "all": "within all of these",
}
_METRICS = {"eer": "EER", "auc": "AUC", "map": "mAP"}
_ROUNDING = 1e-6

Estimates = dict[str, dict]


def systems_of(result: dict) -> list[str]:
    """The systems that a result scores; results made before several could be name one."""
    return result.get("systems", [result["system"]])


def of_everybody(estimates: Iterable[dict]) -> Estimates:
    """The estimates over all people, by name."""
    return {one["name"]: one for one in estimates if one["group"] == "everybody"}


def label(name: str) -> str:
    """An estimate's name less its protocol, in words."""
    _, _, rest = name.partition("/")
    stratum, _, metric = rest.partition("/")
    if not metric or stratum not in STRATA:
        return rest or name
    words = ", ".join(_METRICS.get(part, part) for part in metric.split("/"))
    return f"{words} {STRATA[stratum]}"


def number(value: float | None, unit: str = "") -> str:
    """A number to three digits, a share to a tenth of a percent, a dash for None."""
    if value is None:
        return "–"
    if unit == "%":
        return f"{value:.1f} %"
    if abs(value) < _ROUNDING:
        return "0"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def in_words(estimate: dict) -> tuple[str, str]:
    """An estimate's value, and its interval; empty where there is none."""
    unit = estimate["unit"]
    value = "undefined" if estimate["value"] is None else number(estimate["value"], unit)
    if estimate["low"] is None:
        return value, ""
    low, high = (number(estimate[end], unit).removesuffix(" %") for end in ("low", "high"))
    return value, f"{low} to {high}"
