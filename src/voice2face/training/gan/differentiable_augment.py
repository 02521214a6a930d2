"""Faces altered before the discriminator sees them, in ways that gradients pass through."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

# Random numbers that altering one face takes.
N_NUMBERS = 7

_BRIGHTNESS = 0.4
_SATURATION = 0.6
_CONTRAST = 0.4
# Of the side.
_SHIFT = 1 / 8


def augment(
    faces: Float[Tensor, "batch 3 size size"],
    numbers: Float[Tensor, "batch numbers"],
    probability: float,
) -> Float[Tensor, "batch 3 size size"]:
    """Change colours, and shift, some of the faces.

    The discriminator cannot learn few photographs by heart when it never sees them twice alike;
    the generator does not learn the alterations, since its own faces undergo them too.

    Args:
        numbers: (batch, `N_NUMBERS`) uniform in [0, 1).

    Returns:
        The faces. Where a face was shifted away, there is zero: grey.

    Source:
        Zhao et al. 2020 (arXiv 2006.10738), section 3.2: colour and translation.
    """
    if probability == 0:
        return faces
    in_colour = (numbers[:, 0] < probability).to(faces.dtype)[:, None, None, None]
    signed = (2 * numbers[:, 1:6] - 1).to(faces.dtype)
    brightness, saturation, contrast = (
        in_colour * part[:, None, None, None] * strength
        for part, strength in zip(
            signed[:, :3].unbind(1), (_BRIGHTNESS, _SATURATION, _CONTRAST), strict=True
        )
    )
    faces = faces + brightness
    grey = faces.mean(dim=1, keepdim=True)
    faces = grey + (faces - grey) * (1 + saturation)
    mean = faces.mean(dim=(1, 2, 3), keepdim=True)
    faces = mean + (faces - mean) * (1 + contrast)
    shifted = numbers[:, 6] < probability
    most = faces.shape[-1] * _SHIFT
    steps = torch.where(shifted[:, None], signed[:, 3:5] * most, 0.0).round().long()
    return _shifted(faces, steps)


def _shifted(
    faces: Float[Tensor, "batch 3 size size"], steps: Tensor
) -> Float[Tensor, "batch 3 size size"]:
    """Move each face by whole pixels down and right."""
    size = faces.shape[-1]
    place = torch.arange(size, device=faces.device)
    rows = place[None] - steps[:, :1]
    columns = place[None] - steps[:, 1:]
    inside = ((rows >= 0) & (rows < size))[:, :, None] & ((columns >= 0) & (columns < size))[
        :, None
    ]
    index = rows.clamp(0, size - 1)[:, :, None] * size + columns.clamp(0, size - 1)[:, None]
    flat = faces.flatten(2).gather(2, index.flatten(1)[:, None].expand(-1, 3, -1))
    return flat.unflatten(2, (size, size)) * inside[:, None]
