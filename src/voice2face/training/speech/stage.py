"""The speech stage: train the detector that tells a person speaking from other sounds."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import AdamW

from voice2face.audio.log_mel import repeat_to_length
from voice2face.errors import DataError
from voice2face.export import PARITY, export_network, parity_error
from voice2face.files import atomic_path, write_atomically
from voice2face.networks.speech_detector import SpeechDetector
from voice2face.runtime.bundle_file import SPEECH_DETECTOR_FILE
from voice2face.runtime.description import SpeechDecision
from voice2face.runtime.shipped_detector import DECISION_FILE, decision_json
from voice2face.training import checkpoint
from voice2face.training.engine import Engine
from voice2face.training.loop import Stage, train
from voice2face.training.speech.clips import SPEECH, Clip, ClipPool
from voice2face.training.speech.crops import Crops
from voice2face.training.speech.settings import LEAST_FRAMES, SpeechSettings

_CHECKPOINT_FILE = "speech.safetensors"
DETECTOR_FOLDER = "speech_detector"
_CHECKPOINT_STEPS = 250
_LOG_STEPS = 50
# Of logits: keeps what is at the threshold from passing it by a rounding error.
_MARGIN = 1e-3


def train_detector(
    pool: ClipPool,
    settings: SpeechSettings,
    run: Path,
    engine: Engine,
    front_end_name: str,
    seed: int,
) -> Path:
    """Train the detector and choose its threshold. A checkpoint of the run is gone on from.

    Returns:
        The run's folder `speech_detector`: the network as ONNX, with the decision at 0, and
        `decision.json`.

    Raises:
        ConfigError: There is no speech among the clips, or nothing else.
        RunStoppedError: The process was asked to stop; a checkpoint was written.
        DataError: Nothing is held out of a side, or the run diverged.
        OutputError: The folder cannot be written; the last checkpoint is whole.
    """
    held_out = pool.part(is_held_out=True)
    if len({clip.is_speech for clip in held_out}) < 2:
        raise DataError(
            "the speech stage holds out no speech, or no other sounds, to choose its threshold by; "
            "give more recordings, or a greater speech.held_out_percent"
        )
    stage = _SpeechStage(pool, held_out, settings, run, engine, seed)
    train(stage, engine)
    if engine.is_first:
        _export(stage.network, held_out, settings, run / DETECTOR_FOLDER, front_end_name)
    engine.barrier()
    return run / DETECTOR_FOLDER


class _SpeechStage(Stage):
    """The speech stage in the loop."""

    label, unit, units_per_step, log_steps = "speech stage", "step", 1, _LOG_STEPS

    def __init__(
        self,
        pool: ClipPool,
        held_out: Sequence[Clip],
        settings: SpeechSettings,
        run: Path,
        engine: Engine,
        seed: int,
    ) -> None:
        self._settings, self._engine, self._seed = settings, engine, seed
        self._held_out = held_out
        self._crops = Crops(pool.part(is_held_out=False), settings, seed)
        self._share = engine.share(settings.batch_size)
        self.total, self.units_per_epoch = settings.steps, settings.steps_per_epoch
        self.checkpoint_file = run / _CHECKPOINT_FILE
        torch.manual_seed(seed)
        self.network = SpeechDetector(settings.network)
        engine.share_statistics(self.network)
        optimizer = AdamW(
            self.network.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self._called, self._optimizer = engine.set_up(self.network, optimizer)
        self._parts: checkpoint.Parts = {"network": self.network, "optimizer": self._optimizer}

    def load(self) -> int:
        if not self.checkpoint_file.exists():
            return 0
        return checkpoint.load(self.checkpoint_file, self._parts)["step"]

    def step(self, progress: int) -> dict[str, Tensor]:
        batch = self._crops.batch(progress, self._share)
        log_mel, wanted = (one.to(self._engine.device) for one in batch[:2])
        rate = self._settings.learning_rate * (1 + math.cos(math.pi * progress / self.total)) / 2
        self._optimizer.param_groups[0]["lr"] = rate
        # What dropout leaves out follows from the step, too.
        torch.manual_seed(self._seed * 1_000_003 % 2**31 + progress)
        logits = self._called.train()(log_mel)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, wanted)
        self._optimizer.zero_grad()
        self._engine.backward(loss)
        self._optimizer.step()
        right = ((logits > 0) == (wanted > 0.5)).float().mean()
        return {"speech/loss": loss, "speech/accuracy": right}

    def people(self, progress: int) -> dict[str, list[str]]:
        return {"sounds": self._crops.names(progress)}

    def is_checkpoint_due(self, progress: int) -> bool:
        return progress % _CHECKPOINT_STEPS == 0

    def evaluate(self, progress: int) -> None:
        """Judge the held-out clips at the threshold that would be chosen now."""
        if not self._engine.is_first:
            return
        logits = compute_logits(self.network, self._held_out)
        threshold = choose_threshold(logits, self._held_out, self._settings.false_acceptance)
        rates = error_rates(logits - threshold, self._held_out)
        self.write(progress, {f"held_out/{name}": value for name, value in rates.items()})

    def save(self, progress: int, why: str | None) -> None:
        if self._engine.is_first:
            checkpoint.save(self.checkpoint_file, self._parts, {"step": progress})


@torch.no_grad()
def compute_logits(network: nn.Module, clips: Sequence[Clip]) -> Float[Tensor, " clips"]:
    """Judge clips whole, as in use.

    Returns:
        The logits; minus infinity where nothing passed for speech, since that is refused before.
    """
    device = next(network.parameters()).device
    found = []
    network.eval()
    for clip in clips:
        if clip.log_mel is None:
            found.append(-math.inf)
            continue
        whole = repeat_to_length(clip.log_mel.astype(np.float32), LEAST_FRAMES)
        found.append(float(network(torch.from_numpy(whole.T[None]).to(device))[0]))
    return torch.tensor(found)


def choose_threshold(
    logits: Float[Tensor, " clips"], clips: Sequence[Clip], false_acceptance: float
) -> float:
    """Choose the threshold of the logit: as low as every kind of other sounds allows.

    Args:
        clips: Held-out ones; those of which nothing passed for speech count as refused.
        false_acceptance: Share of the sounds of each kind that may pass.
    """
    needed = []
    for kind in {clip.kind for clip in clips if not clip.is_speech}:
        own = [at for at, clip in enumerate(clips) if clip.kind == kind]
        ranked = logits[own].sort(descending=True).values
        needed.append(float(ranked[min(int(false_acceptance * len(own)), len(own) - 1)]))
    # Where everything was refused before, any threshold does.
    return max([one for one in needed if math.isfinite(one)], default=0.0) + _MARGIN


def error_rates(above: Float[Tensor, " clips"], clips: Sequence[Clip]) -> dict[str, float]:
    """Tell how often speech is refused, and how often other sounds pass, whole and by kind.

    Clips of speech in which the front end hears nothing are left out: a stretch may be a pause.

    Args:
        above: Logits less the threshold.
    """
    passes = (above > 0).tolist()
    by_kind: dict[str, list[bool]] = {}
    for clip, passed in zip(clips, passes, strict=True):
        if clip.is_speech and clip.log_mel is None:
            continue
        by_kind.setdefault(clip.kind, []).append(passed)
        if not clip.is_speech:
            by_kind.setdefault("", []).append(passed)
    return {
        "false_refusal" if kind == SPEECH else f"false_acceptance/{kind}".rstrip("/"): (
            1 - float(np.mean(own)) if kind == SPEECH else float(np.mean(own))
        )
        for kind, own in sorted(by_kind.items())
    }


def _export(
    network: SpeechDetector,
    held_out: Sequence[Clip],
    settings: SpeechSettings,
    folder: Path,
    front_end_name: str,
) -> None:
    """Move the decision to 0, and write the network with its error rates on the held-out clips."""
    network = network.cpu()
    logits = compute_logits(network, held_out)
    threshold = choose_threshold(logits, held_out, settings.false_acceptance)
    with torch.no_grad():
        network.decision.bias.sub_(threshold)
    rates = error_rates(logits - threshold, held_out)
    n_speech = sum(clip.is_speech and clip.log_mel is not None for clip in held_out)
    n_sounds = sum(not clip.is_speech for clip in held_out)
    decision = SpeechDecision(
        threshold=0.0,
        false_refusal=round(rates["false_refusal"], 4),
        false_acceptance=round(rates["false_acceptance"], 4),
        description=(
            "A small network told speech from animals, music, machines and noise; its threshold "
            f"was chosen by {n_speech} clips of speech and {n_sounds} of other "
            "sounds that were held out of its training, on which these error rates are."
        ),
    )
    folder.mkdir(exist_ok=True)
    example = torch.randn(2, settings.network.n_mels, 3 * LEAST_FRAMES)
    with atomic_path(folder / SPEECH_DETECTOR_FILE) as temporary:
        names = ("log_mel", "speech_logit")
        export_network(network, example, temporary, names, {0: "batch", 2: "frames"})
        if (error := parity_error(network, temporary, example)) > PARITY:
            raise DataError(f"{folder}: ONNX differs from torch by {error:g}")
    text = json.dumps(decision_json(front_end_name, decision), indent=2) + "\n"
    write_atomically(folder / DECISION_FILE, text.encode())
