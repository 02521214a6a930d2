"""Write what another run needs to begin with a run's networks, small enough for version control.

    python experiments/compact_checkpoint.py RUN/gan.safetensors checkpoints/NAME/gan.safetensors

The averaged generator, the discriminator and the codes are kept as float16; the generator itself
and the optimisers are not. `voice2face train gan --init checkpoints/NAME` begins with them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from voice2face.files import atomic_path

_KEPT = ("average/", "discriminator/", "codes/")


def main(source: Path, target: Path) -> None:
    """Write the compact checkpoint."""
    tensors = {}
    with safe_open(source, framework="pt") as file:
        metadata = file.metadata()
        for key in file.keys():  # noqa: SIM118
            if key.startswith(_KEPT):
                value = file.get_tensor(key)
                tensors[key] = value.half() if value.is_floating_point() else value
                if not torch.isfinite(tensors[key]).all():
                    raise SystemExit(f"{source}: {key} does not fit into float16")
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as temporary:
        save_file(tensors, temporary, metadata=metadata)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
