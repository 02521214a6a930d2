"""Drawing batches from a store, and the random numbers that decide which."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from voice2face.data.store import Store

__all__ = ["VoiceCrops", "draw", "faces_to_tensor", "random_source"]


def random_source(seed: int, stage: str, step: int) -> torch.Generator:
    """Make the random source of one step.

    It depends on nothing but its arguments, so a run that was stopped goes on with the very
    numbers it would have drawn.

    Args:
        seed: The run's seed.
        stage: Name of the stage; stages draw independently.
        step: Step of the stage.

    Returns:
        A generator on the CPU.

    Source:
        The idea is that of NVlabs/edm2.
    """
    entropy = [seed, step, *stage.encode()]
    (state,) = np.random.SeedSequence(entropy).generate_state(1, np.uint64)
    return torch.Generator().manual_seed(int(state))


def draw(n: int, count: int, random: torch.Generator) -> Int[Tensor, " count"]:
    """Draw `count` indices below n, with replacement."""
    return torch.randint(n, (count,), generator=random)


class VoiceCrops:
    """Random crops of the spectrograms of a store, all in memory.

    Args:
        store: A prepared store.
    """

    def __init__(self, store: Store) -> None:
        self.log_mels = torch.from_numpy(np.array(store.log_mels))
        self.start = torch.tensor(store.voices["start"])
        self.frames = torch.tensor(store.voices["frames"])

    def crop(
        self,
        rows: Int[Tensor, " batch"],
        crop_frames: tuple[int, int],
        random: torch.Generator,
    ) -> Float[Tensor, "batch mels frames"]:
        """Cut one crop from each of some recordings, all of one random length.

        A recording shorter than the crop is repeated cyclically, as the front end does.

        Args:
            rows: Rows of the voice manifest.
            crop_frames: Shortest and longest crop.
            random: Source of randomness.

        Returns:
            Normalised log-mel spectrograms.
        """
        low, high = crop_frames
        length = low + int(torch.randint(high - low + 1, (1,), generator=random))
        available = self.frames[rows]
        room = (available - length).clamp(min=0) + 1
        # A short recording may start anywhere, since it is repeated.
        room = torch.where(available < length, available, room)
        offset = (torch.rand(len(rows), generator=random) * room).long()
        index = (offset[:, None] + torch.arange(length)) % available[:, None]
        # A third of the time that indexing takes.
        frames = self.log_mels.index_select(0, (self.start[rows, None] + index).flatten())
        return frames.view(*index.shape, -1).float().transpose(1, 2)


def faces_to_tensor(
    images: UInt8[Tensor, "batch size size 3"], flip: Tensor | None = None
) -> Float[Tensor, "batch 3 size size"]:
    """Bring images to [-1, 1]: minus 127.5, divided by 127.5.

    Args:
        images: RGB.
        flip: (batch,) True for the images to mirror; None mirrors none.

    Returns:
        The images, channels first.
    """
    faces = images.permute(0, 3, 1, 2).float().sub_(127.5).div_(127.5)
    if flip is not None:
        faces = torch.where(flip[:, None, None, None], faces.flip(3), faces)
    return faces.contiguous(memory_format=torch.channels_last)
