"""The speaker stage: train F_e on speaker identification, to be frozen afterwards."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from voice2face.data.store import Store
from voice2face.networks import VOICE_ENCODERS, VoiceEncoder
from voice2face.training import checkpoint
from voice2face.training.batches import VoiceCrops, draw, random_source
from voice2face.training.losses import classification
from voice2face.training.presets import TrainSettings
from voice2face.training.progress import ScalarLog, progress_bar

__all__ = ["train_speaker"]

_CHECKPOINT_STEPS = 250


def train_speaker(store: Store, settings: TrainSettings, run: Path) -> VoiceEncoder:
    """Train the voice encoder to tell the speakers of the training split apart.

    Softmax identification over the speakers, on crops of random length. A checkpoint of the run
    is gone on from.

    Args:
        store: A prepared store.
        settings: The run's settings.
        run: The run's folder.

    Returns:
        The trained encoder, frozen.

    Source:
        Wen et al. 2019 train theirs in the same way on VoxCeleb1 (authors, in a public answer).
    """
    stage = settings.speaker
    rows = [row for row, split in enumerate(store.voices["split"]) if split == "train"]
    names = sorted({store.voices["identity"][row] for row in rows})
    number = {name: index for index, name in enumerate(names)}
    row_index = torch.tensor(rows)
    speakers = torch.tensor([number[store.voices["identity"][row]] for row in rows])

    torch.manual_seed(settings.seed)
    network, _ = VOICE_ENCODERS["wen2019"]
    encoder = network(stage.encoder)
    head = nn.Linear(stage.encoder.embedding_dim, len(names))
    optimizer = torch.optim.Adam([*encoder.parameters(), *head.parameters()], stage.learning_rate)
    parts: checkpoint.Parts = {"encoder": encoder, "head": head, "optimizer": optimizer}
    path = run / "speaker.safetensors"
    step = checkpoint.load(path, parts)["step"] if path.exists() else 0

    crops = VoiceCrops(store)
    with (
        ScalarLog(run / "speaker.jsonl", step) as log,
        progress_bar("speaker stage", stage.steps, step, "step") as bar,
    ):
        while step < stage.steps:
            random = random_source(settings.seed, "speaker", step)
            chosen = draw(len(rows), stage.batch_size, random)
            log_mel = crops.crop(row_index[chosen], stage.crop_frames, random)
            optimizer.param_groups[0]["lr"] = (
                stage.learning_rate * (1 + math.cos(math.pi * step / stage.steps)) / 2
            )
            logits = head(encoder(log_mel))
            loss = classification(logits, speakers[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            bar.update()
            if step % 50 == 0 or step == stage.steps:
                accuracy = (logits.argmax(1) == speakers[chosen]).float().mean()
                log.write(
                    step,
                    {"speaker/loss": loss.item(), "speaker/accuracy": accuracy.item()},
                )
            if step % _CHECKPOINT_STEPS == 0 or step == stage.steps:
                checkpoint.save(path, parts, {"step": step})
    return encoder.eval().requires_grad_(False)
