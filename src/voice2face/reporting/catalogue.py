"""The curves of a training report, and how to read each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.scalar_log import Log, working_gaps

THROUGHPUT = "throughput/images_per_s"
_Column = tuple[NDArray[np.float64], NDArray[np.float64]]
_HALF = (0.5, "1/2, chance")
_EQUILIBRIUM = (0.5, "1/2, equilibrium")
_LN_2 = (math.log(2), "ln 2, where D = 1/2")
_TOLD_APART = (math.log(2), "ln 2, chance")
_LOG_4 = (math.log(4), "log 4, where JSD = 0")
_CONDITIONS = ("clean", "noisy", "disfluent")


@dataclass(frozen=True)
class Curve:
    """A panel of a scalar, or, with a star in its name, of a sum of scalars.

    `reference` is a value to compare with, and its name. Shares go from 0 to 1. `compute` gives
    steps and values of a log; None uses the scalar as logged.
    """

    title: str
    scalar: str
    reference: tuple[float, str] | None = None
    is_share: bool = False
    is_log: bool = False
    compute: Callable[[Log], _Column] | None = None


@dataclass(frozen=True)
class CurveSpec:
    """A plot, see `elements.LinePlot`; `text` explains how to read it."""

    key: str
    title: str
    text: str
    curves: tuple[Curve, ...]
    shares_y: bool = False


def logged(scalar: str) -> Callable[[Log], _Column]:
    """Return the function that reads a scalar as logged."""
    return lambda log: (log.steps(scalar), log.column(scalar))


def _discriminator_sum(log: Log) -> _Column:
    """Sum of the losses on real and on generated faces, for lines that have both."""
    parts = ("discriminator/real_loss", "discriminator/fake_loss")
    return _sums(log, parts, lambda name: name in parts)


def _generator_sum(log: Log) -> _Column:
    """Sum of the generator's losses, for lines that have the adversarial loss."""
    return _sums(
        log,
        ("generator/adversarial_loss",),
        lambda name: name.startswith("generator/") and name.endswith("_loss"),
    )


def _sums(log: Log, needed: Sequence[str], is_part: Callable[[str], bool]) -> _Column:
    sums = [
        (line["step"], sum(value for name, value in line.items() if is_part(name)))
        for line in log.lines
        if all(name in line for name in needed)
    ]
    steps, values = np.array(sums, dtype=np.float64).reshape(-1, 2).T
    return steps, values


def _throughput(log: Log) -> _Column:
    """Images per second as logged, or else between two lines, without pauses of the run."""
    if THROUGHPUT in log.scalars():
        return logged(THROUGHPUT)(log)
    lines = [line for line in log.lines if "time" in line]
    steps = np.array([line["step"] for line in lines], dtype=np.float64)
    seconds = working_gaps([line["time"] for line in lines])
    kept = seconds > 0
    return steps[1:][kept], np.diff(steps)[kept] / seconds[kept]


def classifier(name: str) -> CurveSpec:
    """Return the plot of "classifier" (of the pairing key) or of "classifier_COLUMN"."""
    curves = (
        Curve("loss, −log C(x)[label]", f"{name}/loss"),
        Curve("accuracy", f"{name}/accuracy", is_share=True),
    )
    if name == "classifier":
        return CurveSpec(
            "classifier",
            "Classifier",
            "The classifier is trained on real faces and their labels of the pairing key. Its loss "
            "falls for as long as training goes on. A loss near 0 early in training means that "
            "there are few labels, or that it overfits.",
            curves,
        )
    label = name.removeprefix("classifier_")
    return CurveSpec(
        name,
        f"Additional classifier: {label}",
        f"A classifier of {label}, trained on real faces in addition to that of the pairing key.",
        curves,
    )


# The first three, and the classifiers' plots after them, are of the published objective.
ADVERSARIAL = (
    CurveSpec(
        "discriminator_loss",
        "Discriminator loss",
        "The loss is low at first, because noise is easy to distinguish from faces, and rises as "
        "the generator improves. The sum of real and fake loss is minus the value of the game. For "
        "the best discriminator, that value is 2 JSD − log 4, where JSD is the Jensen-Shannon "
        "divergence between real and generated faces. If both distributions are equal, JSD is 0, "
        "each loss is ln 2, and the sum is log 4. A sum below log 4 shows how much difference the "
        "discriminator still sees. Above log 4, it is worse than chance.",
        (
            Curve("on real faces, −log D(x)", "discriminator/real_loss", _LN_2),
            Curve("on generated faces, −log(1 − D(G(z)))", "discriminator/fake_loss", _LN_2),
            Curve("sum", "discriminator/*_loss", _LOG_4, compute=_discriminator_sum),
        ),
    ),
    CurveSpec(
        "discriminator_accuracy",
        "Discriminator accuracy",
        "Near 1, the discriminator is much better than the generator. At equilibrium, accuracy is "
        "1/2 (chance). Compare both panels: a discriminator that always answers “real” has 1 in "
        "the upper and 0 in the lower one.",
        (
            Curve("real faces classified as real", "discriminator/real_accuracy", _HALF, True),
            Curve(
                "generated faces classified as generated",
                "discriminator/fake_accuracy",
                _HALF,
                True,
            ),
        ),
    ),
    CurveSpec(
        "discriminator_probability",
        "D(x): probability that a face is real",
        "The mean of D(x). The best discriminator is D*(x) = p_data(x) / (p_data(x) + p_G(x)). As "
        "the two distributions become more similar, both curves approach 1/2.",
        (
            Curve("on real faces", "discriminator/real_probability", _EQUILIBRIUM, True),
            Curve("on generated faces", "discriminator/fake_probability", _EQUILIBRIUM, True),
        ),
    ),
    CurveSpec(
        "generator_loss",
        "Generator loss",
        "The adversarial loss falls if the discriminator classifies generated faces as real, so "
        "it mirrors the discriminator's loss. The class loss falls if the classifier assigns the "
        "label of the voice to the generated face. A flat curve does not mean that training has "
        "stopped: both networks may improve equally.",
        (
            Curve("adversarial", "generator/adversarial_loss"),
            Curve("class", "generator/class_loss"),
            Curve("sum of all losses", "generator/*_loss", compute=_generator_sum),
        ),
    ),
    CurveSpec(
        "generated_faces",
        "Generated faces, scored by classifier and discriminator",
        "At each checkpoint, faces are generated for the same voices. The plots show how often the "
        "classifier predicts the label of the voice, and the mean output of the discriminator. "
        "Accuracy on validation voices exists only if pairs share an attribute, such as gender, "
        "because the classifier does not know the identities of new people.",
        (
            Curve("correct label, training voices", "generated/train_accuracy", is_share=True),
            Curve("correct label, validation voices", "generated/val_accuracy", is_share=True),
            Curve("D(G(v)), training voices", "generated/train_realness", _EQUILIBRIUM, True),
            Curve("D(G(v)), validation voices", "generated/val_realness", _EQUILIBRIUM, True),
        ),
    ),
    CurveSpec(
        "kernel_distance",
        "Kernel distance to held-out real faces",
        "The distance between generated and real faces in the features of a network that is not "
        "used for training. It falls while faces improve. Its minimum is the best checkpoint.",
        (Curve("kernel distance", "validation/kernel_distance"),),
    ),
    CurveSpec(
        "parameter_change",
        "Change of the parameters",
        "The relative change of the parameters between two measurements. Training has converged "
        "when they hardly change (see the setting gan.converged_change).",
        (
            Curve("generator", "change/generator", is_log=True),
            Curve("discriminator", "change/discriminator", is_log=True),
        ),
    ),
    CurveSpec(
        "throughput",
        "Throughput",
        "Real images per second. Dips are checkpoints, sheets, or other programs.",
        (Curve("images/s", THROUGHPUT, compute=_throughput),),
    ),
)

# Of the relativistic objective, instead of what only the published one has.
RELATIVISTIC = (
    CurveSpec(
        "relativistic_loss",
        "Relativistic discriminator loss",
        "Given a voice, the discriminator decides which of two faces is real. Chance is a loss of "
        "ln 2, with 1/2 of the pairs correct. Near 0, the discriminator is much better than the "
        "generator.",
        (
            Curve("−log σ(D(x) − D(G(z)))", "discriminator/adversarial_loss", _TOLD_APART),
            Curve("correct pairs", "discriminator/real_above_fake", _HALF, True),
        ),
    ),
    CurveSpec(
        "voice_heard",
        "Does the discriminator use the voice?",
        "A real face is scored with a voice of its label and with a voice of another label. The "
        "plot shows how often the first has the higher logit; 1/2 means that the voice is ignored. "
        "These are training faces, so the value is higher than for new faces.",
        (
            Curve("correct voice above another", "discriminator/voice_heard", _HALF, True),
            Curve("weighted loss of mismatched pairs", "discriminator/mismatched_loss"),
        ),
    ),
    CurveSpec(
        "squared_gradient",
        "Gradient of the discriminator",
        "The squared norm of its gradient at real (R1) and at generated faces (R2), which the "
        "penalties reduce. A run in which it keeps growing will diverge.",
        (
            Curve("at real faces", "discriminator/real_squared_gradient", is_log=True),
            Curve("at generated faces", "discriminator/fake_squared_gradient", is_log=True),
        ),
    ),
    CurveSpec(
        "matcher",
        "Matcher",
        "The matcher is trained on real pairs to decide which of several voices belongs to a face. "
        "The generator's loss falls if the matcher assigns the generated face to its voice.",
        (
            Curve("loss on real faces", "matcher/loss"),
            Curve("accuracy on real faces", "matcher/accuracy", is_share=True),
            Curve("weighted loss of generated faces", "generator/matching_loss"),
        ),
    ),
)

SPEAKER = (
    CurveSpec(
        "speaker_loss",
        "Classification of training speakers",
        "The voice encoder is trained to classify speakers. Loss falls and accuracy rises; whether "
        "this generalises is shown by the next plots, for people who are not trained on. The loss "
        "“aam” starts higher than “softmax” by about scale · sin(margin); they are not comparable.",
        (
            Curve("loss", "speaker/loss"),
            Curve("accuracy", "speaker/accuracy", is_share=True),
        ),
    ),
    CurveSpec(
        "speaker_eer",
        "Equal error rate on held-out people",
        "Are two recordings of the same person? The equal error rate is the error rate at the "
        "threshold where as many true as false pairs are classified wrongly: 1/2 is chance, 0 is "
        "perfect. The difference between clean, noisy and disfluent (stuttered) speech shows how "
        "robust the embedding is.",
        tuple(Curve(f"{c} recordings", f"verification/{c}_eer") for c in _CONDITIONS),
        shares_y=True,
    ),
    CurveSpec(
        "speaker_min_dcf",
        "Detection cost on held-out people",
        "The same trials at the threshold of lowest cost (minDCF); false alarms have more weight.",
        tuple(Curve(f"{c} recordings", f"verification/{c}_min_dcf") for c in _CONDITIONS),
        shares_y=True,
    ),
    CurveSpec(
        "speaker_throughput",
        "Throughput of the speaker stage",
        "Optimiser steps per second. Dips are verification, checkpoints, or other programs.",
        (Curve("steps/s", "throughput/steps_per_s"),),
    ),
)
