"""Plots of the scalars of several runs; their captions name missing and not finite values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from voice2face.reporting.catalogue import (
    ADVERSARIAL,
    RELATIVISTIC,
    SPEAKER,
    THROUGHPUT,
    Curve,
    CurveSpec,
    classifier,
    logged,
)
from voice2face.reporting.curves import smoothing_window
from voice2face.reporting.elements import Line, LinePlot, Missing, Panel, Section, join_words
from voice2face.reporting.runs import Run
from voice2face.scalar_log import Log

_BEFORE_CLASSIFIERS = 3
_PANELS_A_PLOT = 4


class _Axis:
    """The x axis: epochs if they are known for all runs, else images seen."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self._runs = [run for run in runs if run.gan.lines]
        self.epochs = all(run.epochs(np.zeros(1)) is not None for run in self._runs)
        self.label = "epoch" if self.epochs else "real images seen"

    def place(self, run: Run, images: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert images seen to the unit of the axis."""
        epochs = run.epochs(images) if self.epochs else None
        return images if epochs is None else epochs

    def in_words(self) -> str:
        """A sentence that defines the unit."""
        if not self.epochs:
            return (
                "The x axis is in real images seen, because the size of an epoch is not known for "
                "every run."
            )
        sizes = sorted({run.n_train_faces for run in self._runs if run.n_train_faces})
        known = f" ({', '.join(f'{size:,}' for size in sizes)})" if sizes else ""
        return f"An epoch is one pass over the training faces{known}."


def adversarial_section(runs: Sequence[Run]) -> Section:
    """Plot the GAN stage."""
    axis = _Axis(runs)
    text = (
        "Discriminators and classifiers are trained on real and generated faces, and the generator "
        "against them. " + axis.in_words()
    )
    return Section(
        "GAN stage",
        text,
        tuple(_plot(runs, "gan", axis, spec) for spec in _adversarial(runs)),
    )


def speaker_section(runs: Sequence[Run]) -> Section:
    """Plot the speaker stage."""
    return Section(
        "Speaker stage",
        "The voice encoder is trained first and then frozen. It computes the speaker embedding "
        "that the generator uses.",
        tuple(_plot(runs, "speaker", None, spec) for spec in SPEAKER),
    )


def other_section(runs: Sequence[Run]) -> Section | None:
    """Plot the scalars that no other section shows; None if there are none."""
    plots = []
    for stage, specs in (("speaker", SPEAKER), ("gan", _adversarial(runs))):
        known = {curve.scalar for spec in specs for curve in spec.curves}
        names = dict.fromkeys(name for run in runs for name in _log(run, stage).scalars())
        groups: dict[str, list[str]] = {}
        for name in names:
            if name not in known:
                groups.setdefault(name.partition("/")[0], []).append(name)
        for group, scalars in sorted(groups.items()):
            for first in range(0, len(scalars), _PANELS_A_PLOT):
                spec = CurveSpec(
                    f"other_{len(plots) + 1}",
                    group,
                    f"From {stage}.jsonl; this page has no description of it.",
                    tuple(Curve(n, n) for n in scalars[first : first + _PANELS_A_PLOT]),
                )
                axis = _Axis(runs) if stage == "gan" else None
                plots.append(_plot(runs, stage, axis, spec))
    if not plots:
        return None
    return Section("Other scalars", "All other scalars that the runs logged.", tuple(plots))


def _adversarial(runs: Sequence[Run]) -> list[CurveSpec]:
    """All plots for the objectives of the runs, and for each classifier that any run logged."""
    scalars = {name for run in runs for name in run.gan.scalars()}
    specs: list[CurveSpec] = []
    is_modern = "discriminator/adversarial_loss" in scalars
    if is_modern:
        specs += RELATIVISTIC
    if "discriminator/real_loss" in scalars or not is_modern:
        names = {name.partition("/")[0] for name in scalars}
        further = sorted(name for name in names if name.startswith("classifier_"))
        specs += ADVERSARIAL[:_BEFORE_CLASSIFIERS]
        specs += [classifier(name) for name in ("classifier", *further)]
    return [*specs, *ADVERSARIAL[_BEFORE_CLASSIFIERS:]]


def _plot(
    runs: Sequence[Run], stage: str, axis: _Axis | None, spec: CurveSpec
) -> LinePlot | Missing:
    """Plot the curves that any run logged, and name what is missing."""
    panels = []
    missing: dict[str, list[str]] = {}
    for curve in spec.curves:
        lines = []
        for number, run in enumerate(runs):
            steps, values = (curve.compute or logged(curve.scalar))(_log(run, stage))
            if not len(values):
                missing.setdefault(curve.scalar, []).append(run.name)
                continue
            x = axis.place(run, steps) if axis else steps
            lines.append(Line(number, curve.scalar, x, values, smoothing_window(len(values))))
        if lines:
            top = 1.0 if curve.is_share else None
            panels.append(Panel(curve.title, tuple(lines), curve.reference, top, curve.is_log))
    if not panels:
        if not any(_log(run, stage).lines for run in runs):
            return Missing(spec.title, f"No run has logged anything in {stage}.jsonl yet.")
        scalars = join_words([curve.scalar for curve in spec.curves if "*" not in curve.scalar])
        return Missing(spec.title, f"No run logged {scalars}.")
    words = [spec.text, _smoothing(panels, runs)]
    words += [f"{join_words(names)} did not log {scalar}." for scalar, names in missing.items()]
    words += _not_finite(panels, runs)
    if stage == "gan" and spec.key == "throughput":
        words += _derived(runs)
    label = axis.label if axis else "step"
    return LinePlot(
        spec.key,
        spec.title,
        " ".join(words),
        label,
        tuple(panels),
        tuple(run.name for run in runs),
        spec.shares_y,
    )


def _smoothing(panels: Sequence[Panel], runs: Sequence[Run]) -> str:
    windows: dict[int, set[int]] = {}
    for panel in panels:
        for line in panel.lines:
            windows.setdefault(line.series, set()).add(line.window)
    if {1} == set().union(*windows.values()):
        return "Values as logged, not smoothed."
    sizes = {run: join_words(map(str, sorted(sizes))) for run, sizes in windows.items()}
    if len(set(sizes.values())) == 1:
        return f"Thin: values as logged; thick: running mean of {sizes.popitem()[1]} values."
    each = join_words(
        f"{runs[run].name} not smoothed" if values == "1" else f"{values} of {runs[run].name}"
        for run, values in sizes.items()
    )
    return f"Thin: values as logged; thick: running mean. Values in the mean: {each}."


def _not_finite(panels: Sequence[Panel], runs: Sequence[Run]) -> list[str]:
    return [
        f"{runs[line.series].name}: {line.scalar} is not finite at {_steps(bad)} (crosses)."
        for panel in panels
        for line in panel.lines
        if len(bad := line.x[~np.isfinite(line.y)])
    ]


def _derived(runs: Sequence[Run]) -> list[str]:
    names = [run.name for run in runs if run.gan.lines and THROUGHPUT not in run.gan.scalars()]
    return [f"For {join_words(names)}, computed from the times in the log."] if names else []


def _steps(steps: NDArray[np.float64]) -> str:
    first = [f"{step:,.6g}" for step in steps[:3]]
    return join_words([*first, f"{len(steps) - 3} more"] if len(steps) > 3 else first)


def _log(run: Run, stage: str) -> Log:
    return run.speaker if stage == "speaker" else run.gan
