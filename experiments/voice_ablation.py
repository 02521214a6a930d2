"""What each part of the voice encoder's training buys, on held-back speakers in other moods.

    python experiments/voice_ablation.py STORE -o runs/voice-ablation -r docs/results/modern-voice

Runs of the preset "modern-voice" with one thing changed at a time, most of them short, each on the
same crops, made once. They are asked about variants of the stage's held-back speakers, like those
trained on ("lively") and beyond them, as they are and over worse lines; gender's axis is fitted to
the crops trained on. What is there already is not made again; FOLDER/NAME-SEED.json has all
figures.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from voice2face.audio.augment import AugmentSettings, augment
from voice2face.audio.front_end import extract
from voice2face.audio.settings import preset as front_end_preset
from voice2face.data.store import Store
from voice2face.errors import RecordingError
from voice2face.files import write_atomically
from voice2face.networks.voice_encoder import VoiceEncoderConfig
from voice2face.records import Recording
from voice2face.runtime.gender_evidence import GenderEvidence
from voice2face.training.presets import preset as training_preset
from voice2face.training.speaker.augmented_crops import (
    UNKNOWN,
    TrainingSpeakers,
    other_speakers,
)
from voice2face.training.speaker.crop_pool import balanced, make_pool
from voice2face.training.speaker.gender_fit import calibrate, embedded, fit_logistic
from voice2face.training.speaker.held_out import hold_out
from voice2face.training.speaker.identifier import WOMAN, Identifier
from voice2face.training.speaker.settings import SpeakerSettings
from voice2face.training.speaker.stage import learning_rate
from voice2face.training.speaker.targets import Targets
from voice2face.training.speaker.variants import BEYOND, with_variants
from voice2face.training.speaker.verification import SpeakerTrials, speaker_trials

FRONT_END = front_end_preset("modern")
_FIT = 1500
_SURE = 0.9
_AVERAGE = VoiceEncoderConfig(channels=(96, 128, 192, 288))


@dataclass(frozen=True)
class Change:
    """One row of the table.

    Attributes:
        says: What is changed.
        settings: Fields of the stage's settings.
        variants: Whether crops of variants are trained on.
        unlabelled: Whether crops of recordings without labels are.
        posterior: Whether those have a probability of gender.
    """

    says: str
    settings: dict[str, Any]
    variants: bool = True
    unlabelled: bool = True
    posterior: bool = True


_SHORT = {"steps": 900, "encoder": _AVERAGE}
CHANGES = {
    "plain": Change("neither variants nor unlabelled recordings", _SHORT, False, False),
    "var": Change("variants", _SHORT, unlabelled=False),
    "unposted": Change("variants, unlabelled", _SHORT, posterior=False),
    "full": Change("variants, unlabelled with a probability of gender", _SHORT),
    "full-stat": Change(
        "the same, mean and deviation",
        {**_SHORT, "encoder": dataclasses.replace(_AVERAGE, pooling="statistics")},
    ),
    "full-att": Change(
        "the same, attention",
        {**_SHORT, "encoder": dataclasses.replace(_AVERAGE, pooling="attentive")},
    ),
    "full-g2": Change("the same, gender weighs 2", {**_SHORT, "gender_weight": 2.0}),
    "full-wide": Change(
        "the same, 1.26 M parameters",
        {**_SHORT, "encoder": dataclasses.replace(_AVERAGE, channels=(192, 256, 384, 512))},
    ),
    "full-3000": Change("the same, 3,000 steps", {**_SHORT, "steps": 3000}),
    "full-att-3000": Change(
        "the same, 3,000 steps, attention",
        {"steps": 3000, "encoder": dataclasses.replace(_AVERAGE, pooling="attentive")},
    ),
}


@dataclass(frozen=True)
class Crops:
    """What is trained on.

    Attributes:
        pool: (crops, frames, mels) float16.
        speakers: Who speaks in each.
        is_variant: (crops,).
        targets: What is known of each.
        has_label: (crops,) whether the data tell the gender.
    """

    pool: Tensor
    speakers: TrainingSpeakers
    is_variant: Tensor
    targets: Targets
    has_label: Tensor


@dataclass(frozen=True)
class Asked:
    """What is asked afterwards: log-mels and whether a woman speaks, by kind; and trials."""

    kinds: dict[str, tuple[list[NDArray[np.float32]], NDArray[np.bool_]]]
    trials: SpeakerTrials


def main() -> None:
    """Train what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("-r", "--result", type=Path, required=True)
    parser.add_argument("--only", nargs="+", choices=CHANGES, default=list(CHANGES))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--collect", action="store_true", help="train nothing")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.collect:
        stage = training_preset("modern-voice").speaker
        held = hold_out(Store.open(options.store), stage.held_out_percent, stage.unlabelled)
        crops, asked = make_crops(held, stage, options.out), make_asked(held, stage)
        for seed in range(options.seeds):
            for name in options.only:
                path = options.out / f"{name}-{seed}.json"
                if not path.exists():
                    told = json.dumps(run(CHANGES[name], stage, crops, asked, seed))
                    write_atomically(path, (told + "\n").encode())
    write_atomically(options.result / "ablation.md", table(options.out).encode())


def make_crops(store: Store, stage: SpeakerSettings, folder: Path) -> Crops:
    """Cut and make worse the crops that all runs share, as the stage does."""
    varied = with_variants(store, stage.variants, "train")
    found = TrainingSpeakers.from_store(varied, stage.unlabelled)
    speakers = balanced(found, stage.augmented_each, stage.unlabelled_each)
    longest = stage.crop_frames[1]
    path = make_pool(folder, varied, speakers, longest, stage.augment, FRONT_END, 0)
    gender = varied.voices["gender"]
    return Crops(
        torch.from_numpy(np.load(path)),
        speakers,
        torch.tensor([varied.numbers[row] > 0 for row in speakers.rows]),
        Targets.from_store(varied, speakers, stage, folder),
        torch.tensor([gender[row] in WOMAN for row in speakers.rows]),
    )


def make_asked(store: Store, stage: SpeakerSettings) -> Asked:
    """Cut what is asked of the held-back speakers whose gender is known."""
    log_mels: dict[str, list[NDArray[np.float32]]] = {}
    women: dict[str, list[bool]] = {}
    for name, settings in (("lively", stage.variants), ("beyond", BEYOND)):
        varied = with_variants(store, settings, "val")
        gender = varied.voices["gender"]
        rows = [row for row, of in enumerate(varied.voices["split"]) if of == "val" and gender[row]]
        for row in rows:
            random = np.random.default_rng([5, row])
            others = other_speakers(varied, rows, row, 3, random)
            is_variant = varied.numbers[row] > 0
            if not is_variant and name == "beyond":
                continue
            kind = name if is_variant else "as recorded"
            for worse, augmentation in (("", AugmentSettings()), (", worse", stage.augment)):
                wave = augment(varied.waveform(row)[: 5 * 16000], augmentation, others, random)
                try:
                    heard = extract(Recording(kind, wave, 16000), FRONT_END).log_mel
                except RecordingError:
                    continue
                log_mels.setdefault(kind + worse, []).append(heard)
                women.setdefault(kind + worse, []).append(gender[row] == "female")
    trials = speaker_trials(store, FRONT_END)
    assert trials is not None
    kinds = {kind: (of, np.array(women[kind])) for kind, of in log_mels.items()}
    return Asked(kinds, trials)


def run(
    change: Change, stage: SpeakerSettings, crops: Crops, asked: Asked, seed: int
) -> dict[str, Any]:
    """Train an encoder, and ask it."""
    stage = dataclasses.replace(stage, **change.settings)
    kept = torch.ones(len(crops.pool), dtype=torch.bool)
    labels = torch.tensor(crops.speakers.labels)
    if not change.variants:
        kept &= ~crops.is_variant
    if not change.unlabelled:
        kept &= labels != UNKNOWN
    encoder = _trained(change, stage, crops, torch.nonzero(kept)[:, 0], seed)
    known = torch.nonzero(kept & crops.has_label)[:, 0]
    order = torch.randperm(len(known), generator=torch.Generator().manual_seed(0))
    known = known[order[:_FIT]]
    found = embedded(encoder, [crops.pool[i].float().numpy() for i in known], FRONT_END.min_frames)
    woman = crops.targets.woman
    assert woman is not None
    return _asked(encoder, fit_logistic(found, woman[known].numpy() > 0.5), asked)


def _trained(
    change: Change, stage: SpeakerSettings, crops: Crops, chosen: Tensor, seed: int
) -> nn.Module:
    torch.manual_seed(seed)
    network = Identifier(stage, len(crops.speakers.names))
    optimizer = torch.optim.Adam(network.parameters(), stage.learning_rate)
    random = torch.Generator().manual_seed(seed)
    labels, (low, high) = torch.tensor(crops.speakers.labels), stage.crop_frames
    woman = crops.targets.woman
    if woman is not None and not change.posterior:
        woman = torch.where(crops.has_label, woman, torch.nan)
    targets = Targets(crops.targets.teacher, woman)
    for step in range(stage.steps):
        n_frames = int(torch.randint(low, high + 1, (1,), generator=random))
        now = chosen[torch.randint(len(chosen), (stage.batch_size,), generator=random)]
        room = crops.pool.shape[1] - n_frames + 1
        first = (torch.rand(stage.batch_size, generator=random) * room).long()
        bands = crops.pool[now[:, None], first[:, None] + torch.arange(n_frames)].float()
        deviation, mean = torch.std_mean(bands, dim=1, correction=0, keepdim=True)
        log_mel = ((bands - mean) / deviation.clamp(min=1e-5)).transpose(1, 2)
        optimizer.param_groups[0]["lr"] = learning_rate(stage, step)
        at = targets.at(now, "cpu")
        loss, _ = network(log_mel, labels[now], at.teacher, at.woman)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return network.encoder.eval()


def _asked(encoder: nn.Module, evidence: GenderEvidence, asked: Asked) -> dict[str, Any]:
    found = {
        kind: (embedded(encoder, log_mels, FRONT_END.min_frames), woman)
        for kind, (log_mels, woman) in asked.kinds.items()
    }
    embeddings, woman = (np.concatenate(part) for part in zip(*found.values(), strict=True))
    evidence = calibrate(evidence, embeddings, woman)
    told: dict[str, Any] = {}
    for kind, (embeddings, woman) in found.items():
        log_odds = evidence.scale * (embeddings @ np.array(evidence.axis)) + evidence.bias
        of_truth = np.where(woman, log_odds, -log_odds)
        told[kind] = {
            "right": float((of_truth > 0).mean()),
            "men_right": float((of_truth > 0)[~woman].mean()),
            "women_right": float((of_truth > 0)[woman].mean()),
            "log_loss": float(np.logaddexp(0, -of_truth).mean()),
            "sure_and_wrong": float((of_truth < -np.log(_SURE / (1 - _SURE))).mean()),
            "n": len(woman),
        }
    return {"gender": told, "verification": asked.trials.measure(encoder)}


def table(folder: Path) -> str:
    """Each change in a row; of several seeds the mean, with the least and the greatest."""
    kinds = ("as recorded", "as recorded, worse", "lively", "lively, worse", "beyond")
    titles = (*kinds, "beyond, worse", "mean log loss", "EER clean", "EER noisy")
    lines = [f"| trained on | seeds | {' | '.join(titles)} |", "|---" * (len(titles) + 2) + "|"]
    for name, change in CHANGES.items():
        results = [json.loads(path.read_text()) for path in sorted(folder.glob(f"{name}-?.json"))]
        if not results:
            continue
        gender = [one["gender"] for one in results]
        cells = [_cell([100 * of[kind]["right"] for of in gender], 1) for kind in titles[:6]]
        cells.append(
            _cell([statistics.mean(k["log_loss"] for k in of.values()) for of in gender], 3)
        )
        for condition in ("clean", "noisy"):
            rates = [one["verification"][f"verification/{condition}_eer"] for one in results]
            cells.append(_cell([100 * rate for rate in rates], 1))
        lines.append(f"| {change.says} | {len(results)} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(values: list[float], digits: int) -> str:
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
