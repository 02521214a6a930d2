"""Which curves a page shows, and what a reader should look for in each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice2face.scalar_log import Log, working_gaps

__all__ = [
    "ADVERSARIAL",
    "RELATIVISTIC",
    "SPEAKER",
    "THROUGHPUT",
    "Curve",
    "CurveSpec",
    "classifier",
    "logged",
]

THROUGHPUT = "throughput/images_per_s"
_Column = tuple[NDArray[np.float64], NDArray[np.float64]]
_HALF = (0.5, "1/2, at random")
_EQUILIBRIUM = (0.5, "1/2, equilibrium")
_LN_2 = (math.log(2), "ln 2, where D = 1/2")
_TOLD_APART = (math.log(2), "ln 2, cannot tell")
_LOG_4 = (math.log(4), "log 4, where JSD = 0")
_CONDITIONS = ("clean", "noisy", "disfluent")


@dataclass(frozen=True)
class Curve:
    """A panel to be made: of a scalar, or, with a star in its name, of a sum.

    `reference` is a value to compare with, and its name. Shares go from 0 to 1. `compute` gives
    steps and values of a log; None takes the scalar as logged.
    """

    title: str
    scalar: str
    reference: tuple[float, str] | None = None
    is_share: bool = False
    is_log: bool = False
    compute: Callable[[Log], _Column] | None = None


@dataclass(frozen=True)
class CurveSpec:
    """A plot to be made, see `elements.LinePlot`; `text` says what to look for."""

    key: str
    title: str
    text: str
    curves: tuple[Curve, ...]
    shares_y: bool = False


def logged(scalar: str) -> Callable[[Log], _Column]:
    """Make the function that takes a scalar as logged."""
    return lambda log: (log.steps(scalar), log.column(scalar))


def _discriminator_sum(log: Log) -> _Column:
    """Loss on real and on generated faces together, on the lines that have both."""
    parts = ("discriminator/real_loss", "discriminator/fake_loss")
    return _sums(log, parts, lambda name: name in parts)


def _generator_sum(log: Log) -> _Column:
    """Sum of all parts of the generator's loss, on the lines that have the adversarial one."""
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
    """Images a second as logged, or else between two lines, stops left out."""
    if THROUGHPUT in log.scalars():
        return logged(THROUGHPUT)(log)
    lines = [line for line in log.lines if "time" in line]
    steps = np.array([line["step"] for line in lines], dtype=np.float64)
    seconds = working_gaps([line["time"] for line in lines])
    kept = seconds > 0
    return steps[1:][kept], np.diff(steps)[kept] / seconds[kept]


def classifier(name: str) -> CurveSpec:
    """Describe the curves of "classifier", that of the pairing key, or "classifier_COLUMN"."""
    curves = (
        Curve("loss, −log C(x)[label]", f"{name}/loss"),
        Curve("accuracy", f"{name}/accuracy", is_share=True),
    )
    if name == "classifier":
        return CurveSpec(
            "classifier",
            "Classifier",
            "The classifier learns from real faces which label of the pairing key each has, so its "
            "loss falls, and falls further in a longer run. A loss near 0 early means few labels, "
            "or faces learnt by heart.",
            curves,
        )
    label = name.removeprefix("classifier_")
    return CurveSpec(
        name,
        f"Further classifier: {label}",
        f"Learns {label} from real faces, beside the classifier of the pairing key.",
        curves,
    )


# The first three, and the classifiers' plots that follow them, are of the published game.
ADVERSARIAL = (
    CurveSpec(
        "discriminator_loss",
        "Discriminator loss",
        "Low at first: noise is easily told from faces. It rises as the generator improves. Real "
        "and fake loss together are the game's value with its sign turned; against the best "
        "possible discriminator that value is 2 JSD − log 4, where JSD tells how far generated "
        "faces are from real ones as distributions. When the two are alike, JSD is 0 and each loss "
        "is ln 2, together log 4. So a sum below log 4 tells how much difference the discriminator "
        "still sees; above it, the discriminator does worse than guessing.",
        (
            Curve("on real faces, −log D(x)", "discriminator/real_loss", _LN_2),
            Curve("on generated faces, −log(1 − D(G(z)))", "discriminator/fake_loss", _LN_2),
            Curve("both together", "discriminator/*_loss", _LOG_4, compute=_discriminator_sum),
        ),
    ),
    CurveSpec(
        "discriminator_accuracy",
        "Discriminator accuracy",
        "Near 1 the discriminator wins, and the generator has far to go. At equilibrium accuracy "
        "falls towards 1/2: it answers at random. Look at both panels: one that always answers "
        "“real” has 1 above and 0 below.",
        (
            Curve("real faces taken for real", "discriminator/real_accuracy", _HALF, True),
            Curve(
                "generated faces taken for generated", "discriminator/fake_accuracy", _HALF, True
            ),
        ),
    ),
    CurveSpec(
        "discriminator_probability",
        "D(x): how real the discriminator takes faces to be",
        "The mean of D(x). The best discriminator is D*(x) = p_data(x) / (p_data(x) + p_G(x)): the "
        "two curves approach each other, and 1/2, as generated faces become as likely as real "
        "ones.",
        (
            Curve("on real faces", "discriminator/real_probability", _EQUILIBRIUM, True),
            Curve("on generated faces", "discriminator/fake_probability", _EQUILIBRIUM, True),
        ),
    ),
    CurveSpec(
        "generator_loss",
        "Generator loss",
        "Falls as faces fool the discriminator, and so mirrors the discriminator's loss: what one "
        "wins the other loses. The class part falls when the classifier takes a face for one that "
        "goes with the voice. Of a game, a flat curve does not mean that nothing is learnt: both "
        "may improve alike.",
        (
            Curve("adversarial", "generator/adversarial_loss"),
            Curve("class", "generator/class_loss"),
            Curve("sum of all parts", "generator/*_loss", compute=_generator_sum),
        ),
    ),
    CurveSpec(
        "generated_faces",
        "Generated faces before the game's judges",
        "At each checkpoint faces are drawn for the same voices. How often the classifier names "
        "the label that the voice has, and how real the discriminator takes the faces to be. "
        "Voices of the validation split have a label that the classifier knows only where pairs "
        "share an attribute, such as gender; of new people it cannot name the identity.",
        (
            Curve("right label, training voices", "generated/train_accuracy", is_share=True),
            Curve("right label, validation voices", "generated/val_accuracy", is_share=True),
            Curve("D(G(v)), training voices", "generated/train_realness", _EQUILIBRIUM, True),
            Curve("D(G(v)), validation voices", "generated/val_realness", _EQUILIBRIUM, True),
        ),
    ),
    CurveSpec(
        "kernel_distance",
        "Kernel distance to held-out real faces",
        "How far generated faces are from real ones, in the eyes of a network that takes no part "
        "in the game. Falls while faces improve; its lowest point is the best the run has been.",
        (Curve("kernel distance", "validation/kernel_distance"),),
    ),
    CurveSpec(
        "parameter_change",
        "Change of the parameters",
        "By how much the parameters change between two measurements. Training has converged, in "
        "the sense of the report that this project follows, when they hardly change any more.",
        (
            Curve("generator", "change/generator", is_log=True),
            Curve("discriminator", "change/discriminator", is_log=True),
        ),
    ),
    CurveSpec(
        "throughput",
        "Throughput",
        "Real images a second. Dips are checkpoints, sheets, or a machine that had other work.",
        (Curve("images/s", THROUGHPUT, compute=_throughput),),
    ),
)

# Of the modern game, in place of what only the published one has.
RELATIVISTIC = (
    CurveSpec(
        "relativistic_loss",
        "Discriminator loss, relativistic",
        "The discriminator says which of two faces is the real one, given a voice. At ln 2 it "
        "cannot tell; the share of pairs that it gets right then is 1/2. Near 0 the generator has "
        "far to go.",
        (
            Curve("−log σ(D(x) − D(G(z)))", "discriminator/adversarial_loss", _TOLD_APART),
            Curve("pairs told right", "discriminator/real_above_fake", _HALF, True),
        ),
    ),
    CurveSpec(
        "voice_heard",
        "Does the discriminator hear the voice?",
        "A real face beside the voice of its own label, and beside a voice of another: the share "
        "of such pairs in which the first gets the higher logit. 1/2 is deaf. It counts its own "
        "photographs, so that it is higher than for faces it never saw.",
        (
            Curve("the right voice above another", "discriminator/voice_heard", _HALF, True),
            Curve("weighted loss of mismatched pairs", "discriminator/mismatched_loss"),
        ),
    ),
    CurveSpec(
        "squared_gradient",
        "Steepness of the discriminator",
        "What R1 and R2 hold down: the squared length of its gradient at real and at generated "
        "faces. Growing without end, it tells of a run that will diverge.",
        (
            Curve("at real faces", "discriminator/real_squared_gradient", is_log=True),
            Curve("at generated faces", "discriminator/fake_squared_gradient", is_log=True),
        ),
    ),
    CurveSpec(
        "matcher",
        "Matcher",
        "Learns from real pairs which of some voices a face goes with. The generator's part falls "
        "when the matcher takes its face for one that goes with the voice.",
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
        "Telling the training speakers apart",
        "The voice encoder learns by naming the speaker. Loss falls and accuracy rises; what that "
        "is worth shows on people it never heard, below. The loss “aam” starts higher than "
        "“softmax”, by about scale · sin(margin), and does not compare with it.",
        (
            Curve("loss", "speaker/loss"),
            Curve("accuracy", "speaker/accuracy", is_share=True),
        ),
    ),
    CurveSpec(
        "speaker_eer",
        "Equal error rate on people never heard",
        "Do two recordings come from one person? At the threshold at which equal shares of true "
        "and of false pairs are judged wrongly, this is that share: 1/2 is guessing, 0 is perfect. "
        "How much higher it is on noisy and on disfluent (stuttered) speech than on clean speech "
        "tells how robust the embedding is.",
        tuple(Curve(f"{c} recordings", f"verification/{c}_eer") for c in _CONDITIONS),
        shares_y=True,
    ),
    CurveSpec(
        "speaker_min_dcf",
        "Detection cost on people never heard",
        "The same trials at the threshold of lowest cost (minDCF), where false alarms weigh more.",
        tuple(Curve(f"{c} recordings", f"verification/{c}_min_dcf") for c in _CONDITIONS),
        shares_y=True,
    ),
    CurveSpec(
        "speaker_throughput",
        "Throughput of the speaker stage",
        "Optimiser steps a second. Dips are trials, checkpoints, or a machine with other work.",
        (Curve("steps/s", "throughput/steps_per_s"),),
    ),
)
