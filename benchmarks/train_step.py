"""A step of the adversarial game at the published size: ours, and as the algorithm lists it.

    python benchmarks/train_step.py --threads 2 --precision 32

Batch 128, 550 frames, 924 identities. The plain step makes every pass that the paper's algorithm
names, in its order: F_e and F_g for the update of F_d and again for that of F_g, the trunk once for
each sum over faces, gradients of everything that a loss touches, torch's default memory layout.
Both start from the same weights and draw the same batch; that losses and weights then agree is
printed as `relative_difference`. The two take turns, so that other work on the machine slows both;
seconds of the processor stand beside those of the clock, and are disturbed less.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from record import line, spread
from voice2face.data.pairing import pair
from voice2face.data.store import Store
from voice2face.networks import VOICE_ENCODERS, build
from voice2face.training.crops import VoiceCrops, random_source, sample_indices
from voice2face.training.engine import Engine
from voice2face.training.gan import losses
from voice2face.training.gan.batches import PairedBatches
from voice2face.training.gan.stage import train_step
from voice2face.training.gan.trainer import Batch, Scalars, jittered, update_average
from voice2face.training.gan.wen2019 import Wen2019Settings, Wen2019Trainer, set_up_wen2019
from voice2face.training.presets import preset

FRAMES, IDENTITIES = 550, 924
# What NVIDIA states for bfloat16 with dense matrices, in TFLOP/s, by part of the device's name.
STATED_BF16 = {"A100": 312, "H100 PCIe": 756, "H100": 989, "H200": 989, "B200": 2250}
TARGET_S = 2.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--precision", choices=("32", "bf16"), default="32")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--note", default="", help="what else the machine was doing")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    engine = Engine(options.precision, options.compiled, options.device)
    changed = {"crop_frames": (FRAMES, FRAMES), "batch_size": options.batch}
    stage = Wen2019Settings(**{**preset("wen2019").gan.__dict__, **changed})
    ours, plain = Contest(stage, engine, is_plain=False), Contest(stage, engine, is_plain=True)
    figures: dict[str, dict] = {}
    scalars: list[Scalars] = []
    for name, contest in (("ours", ours), ("plain", plain)):
        with FlopCounterMode(display=False) as counter:
            scalars.append(contest.step())
        figures[name] = {"tflop": round(counter.get_total_flops() / 1e12, 3)}
    difference = compare(ours, plain, *scalars)
    seconds: dict[str, list[tuple[float, float]]] = {"ours": [], "plain": []}
    for _ in range(options.steps):
        for name, contest in (("ours", ours), ("plain", plain)):
            seconds[name].append(contest.timed())
    for name, figure in figures.items():
        step, processor = (spread(of, 3) for of in zip(*seconds[name], strict=True))
        figure["step_s"], figure["processor_s"] = step, processor
        figure["tflop_a_s"] = round(figure["tflop"] / step["median"], 3)
        figure["images_a_s"] = round(options.batch / step["median"], 1)
        if engine.device.type == "cuda":
            figure["share_of_stated_bf16"] = share_of_stated(figure["tflop_a_s"])
            figure["minutes_for_50000_steps"] = round(50_000 * step["median"] / 60, 1)
    print(
        line(
            "train_step",
            ("torch",),
            device=torch.cuda.get_device_name() if engine.device.type == "cuda" else "cpu",
            units_for_bf16=has_bf16_units(engine.device),
            threads=options.threads,
            precision=options.precision,
            compiled=options.compiled,
            batch=options.batch,
            frames=FRAMES,
            identities=IDENTITIES,
            **figures,
            plain_takes_times={
                of: round(figures["plain"][of]["median"] / figures["ours"][of]["median"], 2)
                for of in ("step_s", "processor_s")
            },
            relative_difference=difference,
            target_s=TARGET_S,
            note=options.note,
        )
    )


class Contest:
    """Networks at the published size, data of noise, and one way to make a step.

    Args:
        stage: Settings of the adversarial stage.
        engine: Where to compute.
        is_plain: As the algorithm lists it, instead of ours.
    """

    def __init__(self, stage: Wen2019Settings, engine: Engine, is_plain: bool) -> None:
        self._stage, self._engine, self._is_plain = stage, engine, is_plain
        store = noise_store()
        torch.manual_seed(0)
        encoder = build(VOICE_ENCODERS, preset("wen2019").speaker.encoder).to(engine.device)
        self._encoder = encoder.eval().requires_grad_(is_plain)
        self._crops = VoiceCrops(store, engine.device)
        self._batches = PairedBatches(
            store, pair(store, "identity", "train"), encoder, stage, 0, engine
        )
        self.trainer = set_up_wen2019(stage, self._batches.classifiers, 1, engine)
        if is_plain:
            for network in (self.trainer.generator, self.trainer.discriminator):
                network.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]
        self.start = parameters(self.trainer)
        self._images = 0

    def step(self) -> Scalars:
        """Make the next step."""
        at, self._images = self._images, self._images + self._stage.batch_size
        if not self._is_plain:
            return train_step(self.trainer, self._batches, at)
        return self._plain_step(at)

    def timed(self) -> tuple[float, float]:
        """Make the next step; give its seconds by the clock, and those of the processor."""
        self._wait()
        began, processor = time.perf_counter(), time.process_time()
        self.step()
        self._wait()
        return time.perf_counter() - began, time.process_time() - processor

    def _wait(self) -> None:
        if self._engine.device.type == "cuda":
            torch.cuda.synchronize()

    def _plain_step(self, images: int) -> Scalars:
        """Make a step as algorithm 1 of Wen et al. 2019 (arXiv 1905.10604) lists it.

        Random numbers, and one optimiser step for trunk, F_d and F_c together, are as in ours.
        """
        trainer, engine = self.trainer, self._engine
        discriminator = trainer.called_discriminator
        log_mel, noise, batch = self._drawn(images)
        faces = batch.faces.contiguous()

        def imagine() -> Tensor:
            with engine.autocast():
                embedding = self._encoder(log_mel).float()
            return trainer.called_generator(jittered(embedding, self._stage.jitter * noise))

        trainer.optimizer_d.zero_grad()
        fake = losses.discriminator_fake(discriminator(imagine())[0].float())
        real = losses.discriminator_real(discriminator(faces)[0].float())
        classes = losses.classification(discriminator(faces)[1].float(), batch.face_labels[0])
        engine.backward(fake + real + classes)
        trainer.optimizer_d.step()

        trainer.optimizer_g.zero_grad()
        logits, of_voices = discriminator(imagine())
        adversarial = losses.GENERATOR_LOSSES[self._stage.generator_loss](logits.float())
        class_loss = losses.classification(of_voices.float(), batch.voice_labels[0])
        engine.backward(class_loss + adversarial)
        trainer.optimizer_g.step()
        update_average(trainer.average, trainer.generator, 0.0)
        return {
            "discriminator/fake_loss": fake,
            "discriminator/real_loss": real,
            "classifier/loss": classes,
            "generator/class_loss": class_loss,
            "generator/adversarial_loss": adversarial,
        }

    def _drawn(self, images: int) -> tuple[Tensor, Tensor, Batch]:
        """Draw a step's crops, noise and faces: the numbers of `PairedBatches.draw`."""
        # That draws the voices' rows, the faces' rows, where crops begin, what is mirrored, noise.
        with torch.no_grad():
            batch = self._batches.batch(images)
        device, count = self._engine.device, self._stage.batch_size
        random = random_source(0, "gan", images, device)
        for _ in range(2):
            sample_indices(IDENTITIES, count, random)
        where = torch.rand(count, generator=random, device=device)
        torch.rand(count, generator=random, device=device)
        log_mel = self._crops.crop(batch.voice_rows, FRAMES, where)
        shape = (count, batch.voices.shape[1])
        return log_mel, torch.randn(shape, generator=random, device=device), batch


def noise_store() -> Store:
    """A recording of 10 s and a face for each identity, of noise, which costs as much as any."""
    random = np.random.default_rng(0)
    frames = 1000
    names = [f"person {number}" for number in range(IDENTITIES)]
    common = {"identity": names, "split": ["train"] * IDENTITIES}
    return Store(
        folder=Path("noise"),
        card={},
        voices={
            **common,
            "start": list(range(0, IDENTITIES * frames, frames)),
            "frames": [frames] * IDENTITIES,
        },
        faces=common,
        log_mels=random.standard_normal((IDENTITIES * frames, 64), np.float32).astype(np.float16),
        images=random.integers(0, 256, (IDENTITIES, 64, 64, 3), np.uint8),
    )


def parameters(trainer: Wen2019Trainer) -> dict[str, Tensor]:
    """All weights of both networks, each in one vector."""
    return {
        name: torch.cat([p.detach().flatten() for p in network.parameters()])
        for name, network in (
            ("generator", trainer.generator),
            ("discriminator", trainer.discriminator),
        )
    }


def compare(ours: Contest, plain: Contest, one: Scalars, other: Scalars) -> dict[str, float]:
    """How far apart two first steps are, relative: the losses, and the changes of the weights."""
    found = {
        "losses": max(abs(one[name].item() / value.item() - 1) for name, value in other.items()),
    }
    after = parameters(ours.trainer), parameters(plain.trainer)
    for name in after[0]:
        changes = [
            now[name] - contest.start[name]
            for now, contest in zip(after, (ours, plain), strict=True)
        ]
        found[f"change_of_{name}"] = float((changes[0] - changes[1]).norm() / changes[1].norm())
    return {name: float(f"{value:.1e}") for name, value in found.items()}


def share_of_stated(tflop_a_s: float) -> float | None:
    """Share of what the chip's maker states for bfloat16; None for a chip not listed here."""
    name = torch.cuda.get_device_name()
    stated = next((rate for part, rate in STATED_BF16.items() if part in name), None)
    return None if stated is None else round(tflop_a_s / stated, 3)


def has_bf16_units(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 numbers by itself, or only in software."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    info = Path("/proc/cpuinfo")
    return info.exists() and any(word in info.read_text() for word in ("amx_bf16", "avx512_bf16"))


if __name__ == "__main__":
    main()
