"""The voice encoder that a speaker stage leaves, as later stages take it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from voice2face.errors import DataError
from voice2face.files import read_json
from voice2face.networks import VOICE_ENCODERS, build
from voice2face.networks.base_configs import BaseVoiceEncoderConfig
from voice2face.training import checkpoint
from voice2face.training.run_folder import CONFIG_FILE

CHECKPOINT_FILE = "speaker.safetensors"
BEST_FILE = "speaker.best.safetensors"


@dataclass(frozen=True)
class TrainedEncoder:
    """The voice encoder that a finished speaker stage gives.

    Attributes:
        network: The encoder, frozen.
        choice: Which one it is, in words.
    """

    network: nn.Module
    path: Path
    choice: str
    steps: int
    config: BaseVoiceEncoderConfig


def trained_encoder(run: Path) -> TrainedEncoder:
    """Read the encoder that a finished speaker stage gives, at the sizes that its run tells.

    Returns:
        See `read_encoder`.

    Raises:
        DataError: See `read_encoder`; or the run's settings are damaged.
    """
    _existing_checkpoint(run)
    path = run / CONFIG_FILE
    try:
        stage = read_json(path, DataError)["speaker"]
        config, steps = _encoder_config(stage["encoder"]), int(stage["steps"])
        teacher = str(stage.get("teacher", ""))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: does not say how the voice encoder next to it was trained ({error}); "
            "train the speaker stage again"
        ) from None
    return read_encoder(run, config, steps, teacher)


def read_encoder(
    run: Path, config: BaseVoiceEncoderConfig, steps: int, teacher: str = ""
) -> TrainedEncoder:
    """Read the encoder that a finished speaker stage gives.

    Args:
        teacher: The strong encoder that it was taught by; "" for none.

    Returns:
        The encoder that did best on held-out speakers where trials chose one, else the last.

    Raises:
        DataError: The stage is not finished, or its checkpoint is damaged.
    """
    path = _existing_checkpoint(run)
    network = build(VOICE_ENCODERS, config)
    state = checkpoint.load(path, {"encoder": network})
    if state["step"] < steps:
        raise DataError(
            f"{path}: stopped at step {state['step']} of {steps}; "
            "run voice2face train speaker to resume"
        )
    choice = "the last, because there are no trials to select by"
    best = state.get("best")
    if best is not None:
        path = run / BEST_FILE
        checkpoint.load(path, {"encoder": network})
        of_gender = best.get("score", best["eer"]) > best["eer"]
        choice = (
            f"step {best['step']} (epoch {best['epoch']:g}), which has the lowest "
            f"{'sum of EER and log loss of gender' if of_gender else 'EER'} on speakers that were "
            f"not trained on; its EER is {100 * best['eer']:.1f} %"
        )
    if teacher:
        choice += f"; trained with the teacher {teacher}, which must not judge this model"
    return TrainedEncoder(network.eval().requires_grad_(False), path, choice, steps, config)


def _encoder_config(recorded: dict[str, Any]) -> BaseVoiceEncoderConfig:
    """The settings of the voice encoder that has all that a run recorded."""
    kinds = [kind for _, kind in VOICE_ENCODERS.values()]
    fit = [kind for kind in kinds if recorded.keys() <= kind.__dataclass_fields__.keys()]
    if not fit:
        raise ValueError(f"no voice encoder has the settings {', '.join(recorded)}")
    return fit[0](
        **{name: tuple(it) if isinstance(it, list) else it for name, it in recorded.items()}
    )


def _existing_checkpoint(run: Path) -> Path:
    path = run / CHECKPOINT_FILE
    if not path.exists():
        raise DataError(f"{path}: no such checkpoint; run voice2face train speaker first")
    return path
