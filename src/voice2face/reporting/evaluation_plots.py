"""The plots of an evaluation's page: systems in colour with intervals, others in grey."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from voice2face.reporting.elements import (
    Bar,
    BarPlot,
    Element,
    Line,
    LinePlot,
    Panel,
    Plot,
    PlotRow,
    Words,
)
from voice2face.reporting.evaluation_result import (
    STRATA,
    Estimates,
    in_words,
    of_everybody,
    systems_of,
)

_SHARES = {
    "attributes": ("agreement/gender", "agreement/age"),
    "detection": ("face found",),
}
_PLOTTED_STRATA = ("none", "gender")


def overview(result: dict) -> list[Element]:
    """Bar plots of the main measures of all contenders, one per judge and measure."""
    plots: list[tuple[str, Estimates]] = []
    for judge, section in result["identity"].items():
        for stratum in reversed(_PLOTTED_STRATA):
            title = f"1:2 matching, {STRATA[stratum]}, % correct ({judge})"
            plots.append((title, _contenders(section, f"matching/{stratum}/1:2")))
    for kind, names in _SHARES.items():
        for judge, section in result[kind].items():
            for name in names:
                title = f"{name.replace('/', ': ').capitalize()}, % of faces ({judge})"
                plots.append((title, _with_real_faces(section, name)))
    for section in result.get("measured", {}).values():
        for name in of_everybody(section["own"]):
            if name.startswith("correlation/"):
                trait = name.partition("/")[2].capitalize()
                title = f"{trait}: correlation with the true faces over people"
                plots.append((title, _with_real_faces(section, name)))
    for judge, section in result["quality"].items():
        title = f"Kernel distance, lower is better ({judge})"
        plots.append((title, _with_real_faces(section, "kernel distance")))
    return _row(_bar_plot(title, bars, systems_of(result)) for title, bars in plots)


def identity_plots(section: dict, systems: Sequence[str]) -> list[Element]:
    """Matching by number of candidates, recall by k, and differences on the same trials."""
    estimates = _by_contender(section)
    plots: list[Plot | None] = [_matching(estimates, systems, one) for one in _PLOTTED_STRATA]
    plots += [_recall(estimates, systems, stratum) for stratum in _PLOTTED_STRATA]
    differences = {systems[0]: section["differences"], **section.get("differences_of", {})}
    for system, others in differences.items():
        for stratum in reversed(_PLOTTED_STRATA):
            name = f"matching/{stratum}/1:2"
            found = {
                f"minus {other}": of_everybody(them).get(name) for other, them in others.items()
            }
            words = f"1:2 matching, {STRATA[stratum]}, percentage points"
            title = f"{system} minus others on the same trials, {words}"
            bars = {other: one for other, one in found.items() if one is not None}
            plots.append(_bar_plot(title, bars, [f"minus {one}" for one in systems]))
    return _row(plots)


def duration_plots(section: dict | None, systems: Sequence[str]) -> list[Element]:
    """Matching by seconds of speech used, and a note on missing durations.

    `section` is None in older results, which have no durations.
    """
    if section is None or not section["contenders"]:
        return []
    estimates = _by_contender(section)
    names = list(dict.fromkeys(name for them in estimates.values() for name in them))
    plots = []
    for start in dict.fromkeys(name.rpartition("/")[0] for name in names):
        _, stratum, size = start.split("/")
        places = {
            int(name.rpartition("/")[2].removesuffix(" s")): name
            for name in names
            if name.startswith(f"{start}/")
        }
        chance = 100 / int(size.partition(":")[2])
        ticks = [(f"{seconds} s", places[seconds], chance) for seconds in sorted(places)]
        title = f"{size} matching, {STRATA[stratum]}, % correct, by seconds of speech used"
        plots.append(_line_plot(title, "speech used", ticks, estimates, systems))
    lacking = ", ".join(f"{seconds} s" for seconds in section["lacking"])
    note = [Words((f"No trial has recordings of {lacking}.",))] if lacking else []
    return [*_row(plots), *note]


def influence_plots(recordings: Sequence[dict], systems: Sequence[str]) -> list[Element]:
    """What of some recordings counts, over time; none of older results.

    `recordings` are those of `shown.influence_over_time`.
    """
    plots = (
        (
            "Attention over time",
            "What each moment of speech weighs in the embedding, as a multiple of the mean.",
            _panels(recordings, systems, "attention", "times the mean", _middles_s),
        ),
        (
            "Likeness over time",
            "Cosine between the embedding of each 2.5 s of speech and that of the whole recording: "
            "what lies low is unlike the rest.",
            _panels(
                recordings, systems, "cosines", "cosine", lambda one, _: np.array(one["middles_s"])
            ),
        ),
    )
    return [
        LinePlot("", title, caption, "seconds of speech", panels, tuple(systems), shares_y=True)
        for title, caption, panels in plots
        if panels
    ]


def _panels(
    recordings: Sequence[dict],
    systems: Sequence[str],
    key: str,
    scalar: str,
    times_s: Callable[[dict, int], NDArray[np.float64]],
) -> tuple[Panel, ...]:
    """A panel of each recording that has such values, by system; older results lack some."""
    return tuple(
        Panel(
            one["probe"],
            tuple(
                Line(systems.index(name), scalar, times_s(one, len(values)), np.array(values))
                for name, values in one[key].items()
            ),
        )
        for one in recordings
        if one.get(key)
    )


def _middles_s(recording: dict, count: int) -> NDArray[np.float64]:
    """Middles of so many moments, which are equally long."""
    return (np.arange(count) + 0.5) * recording["speech_s"] / count


def _matching(
    estimates: Mapping[str, Estimates], systems: Sequence[str], stratum: str
) -> LinePlot | None:
    start = f"matching/{stratum}/1:"
    names = {name for them in estimates.values() for name in them if name.startswith(start)}
    sizes = sorted(int(name.removeprefix(start)) for name in names)
    ticks = [(f"1:{size}", f"{start}{size}", 100 / size) for size in sizes]
    title = f"Matching, {STRATA[stratum]}, % correct, by number of candidates"
    return _line_plot(title, "candidates", ticks, estimates, systems)


def _recall(
    estimates: Mapping[str, Estimates], systems: Sequence[str], stratum: str
) -> LinePlot | None:
    """In the largest gallery."""
    start = f"retrieval/{stratum}/1:"
    names = {name for them in estimates.values() for name in them if name.startswith(start)}
    largest = max((int(name.removeprefix(start).partition("/")[0]) for name in names), default=0)
    recall = f"{start}{largest}/recall@"
    ks = sorted(int(name.removeprefix(recall)) for name in names if name.startswith(recall))
    ticks = [(f"@{k}", f"{recall}{k}", 100 * k / largest) for k in ks]
    title = f"Recall@k, {STRATA[stratum]}, gallery of {largest} faces, %"
    return _line_plot(title, "k", ticks, estimates, systems)


def _line_plot(
    title: str,
    x_label: str,
    ticks: Sequence[tuple[str, str, float]],
    estimates: Mapping[str, Estimates],
    systems: Sequence[str],
) -> LinePlot | None:
    """Shares in percent; `ticks` are label, estimate's name and chance; None for fewer than two."""
    if len(ticks) < 2:
        return None
    # Systems come first among names, for their colours, and are drawn last, over the others.
    names = [*systems, *(name for name in estimates if name not in systems)]
    lines = []
    for series in reversed(range(len(names))):
        found = [
            (place, one)
            for place, (_, name, _) in enumerate(ticks)
            if (one := estimates.get(names[series], {}).get(name)) and one["value"] is not None
        ]
        if not found:
            continue
        ends = np.array([(one["low"], one["high"]) for _, one in found], dtype=np.float64).T
        x = np.array([place for place, _ in found], dtype=np.float64)
        y = np.array([one["value"] for _, one in found], dtype=np.float64)
        is_system = series < len(systems)
        lines.append(Line(series, "estimate", x, y, interval=ends if is_system else None))
    chance = np.array([one for *_, one in ticks])
    panel = Panel("", tuple(lines), (chance, "chance"), top=100)
    muted = frozenset(range(len(systems), len(names)))
    labels = tuple(one for one, *_ in ticks)
    plot = LinePlot("", title, "", x_label, (panel,), tuple(names), ticks=labels, muted=muted)
    return plot if lines else None


def _bar_plot(title: str, estimates: Mapping[str, dict], systems: Sequence[str]) -> BarPlot | None:
    bars = []
    for name, one in estimates.items():
        if one["value"] is None:
            continue
        value, interval = in_words(one)
        bars.append(
            Bar(
                name,
                one["value"],
                f"{value} ({interval})" if interval else value,
                None if one["low"] is None else (one["low"], one["high"]),
                one["chance"],
                systems.index(name) if name in systems else None,
                one["few"],
            )
        )
    return BarPlot(title, tuple(bars)) if bars else None


def _row(plots) -> list[Element]:
    """Those plots that there are, side by side."""
    there = tuple(plot for plot in plots if plot is not None)
    return [PlotRow(there)] if there else []


def _by_contender(section: dict) -> dict[str, Estimates]:
    return {name: of_everybody(one["figures"]) for name, one in section["contenders"].items()}


def _contenders(section: dict, name: str) -> Estimates:
    """One estimate of every contender that has it."""
    found = ((who, them.get(name)) for who, them in _by_contender(section).items())
    return {who: one for who, one in found if one is not None}


def _with_real_faces(section: dict, name: str) -> Estimates:
    real = of_everybody(section["own"]).get(name)
    return _contenders(section, name) | ({} if real is None else {"real faces": real})
