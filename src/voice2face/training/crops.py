"""Drawing batches from a store, and the random numbers that decide which."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from voice2face.data.store import Store


def random_source(
    seed: int, stage: str, step: int, device: torch.device | str = "cpu"
) -> torch.Generator:
    """Make the random source of one step.

    It depends on nothing but its arguments, so a run that was stopped goes on with the very
    numbers it would have drawn.

    Args:
        stage: Name of the stage; stages draw independently.
        device: Where numbers are drawn; another device draws others.

    Source:
        The idea is that of NVlabs/edm2.
    """
    (state,) = _entropy(seed, stage, step).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state))


def crop_length(crop_frames: tuple[int, int], seed: int, stage: str, step: int) -> int:
    """Draw the length of a step's crops. No device is waited for."""
    low, high = crop_frames
    return int(np.random.default_rng(_entropy(seed, stage, step)).integers(low, high + 1))


def _entropy(seed: int, stage: str, step: int) -> np.random.SeedSequence:
    return np.random.SeedSequence([seed, step, *stage.encode()])


def sample_indices(n: int, count: int, random: torch.Generator) -> Int[Tensor, " count"]:
    """Draw `count` indices below n, with replacement."""
    return torch.randint(n, (count,), generator=random, device=random.device)


class VoiceCrops:
    """Random crops of the spectrograms of a store, all in the memory of one device."""

    def __init__(self, store: Store, device: torch.device | str = "cpu") -> None:
        self.log_mels = torch.from_numpy(np.array(store.log_mels)).to(device)
        self.start = torch.tensor(store.voices["start"], device=device)
        self.frames = torch.tensor(store.voices["frames"], device=device)

    def crop(
        self,
        rows: Int[Tensor, " batch"],
        length: int,
        where: Float[Tensor, " batch"],
    ) -> Float[Tensor, "batch mels frames"]:
        """Cut one crop from each of some recordings, all of one length.

        A recording shorter than the crop is repeated cyclically, as the front end does.

        Args:
            where: In [0, 1): where each crop begins, from the first to the last place it can.

        Returns:
            Normalised log-mel spectrograms.
        """
        available = self.frames[rows]
        room = (available - length).clamp(min=0) + 1
        # A short recording may start anywhere, since it is repeated.
        room = torch.where(available < length, available, room)
        offset = (where * room).long()
        index = (offset[:, None] + torch.arange(length, device=rows.device)) % available[:, None]
        # A third of the time that indexing takes.
        frames = self.log_mels.index_select(0, (self.start[rows, None] + index).flatten())
        return frames.view(*index.shape, -1).float().transpose(1, 2)


def faces_to_tensor(
    images: UInt8[Tensor, "batch size size 3"], flip: Tensor | None = None
) -> Float[Tensor, "batch 3 size size"]:
    """Bring images to [-1, 1]: minus 127.5, divided by 127.5.

    Args:
        flip: (batch,) True for the images to mirror; None mirrors none.
    """
    faces = images.permute(0, 3, 1, 2).float().sub_(127.5).div_(127.5)
    if flip is not None:
        faces = torch.where(flip[:, None, None, None], faces.flip(3), faces)
    return faces.contiguous(memory_format=torch.channels_last)
