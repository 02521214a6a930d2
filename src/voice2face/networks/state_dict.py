"""Reading the weights that others published, without running any code that a file may hold."""

from __future__ import annotations

import pickle
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from voice2face.errors import DataError

__all__ = ["read_state_dict"]


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read a PyTorch state dict.

    Args:
        path: A `.pth` file, or a `.safetensors` one.

    Returns:
        Tensors by name, on the CPU.

    Raises:
        DataError: The file is missing, or holds anything but named tensors.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except SafetensorError as error:
        raise DataError(f"{path}: not a whole safetensors file ({error})") from None
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        kind = "holds more than tensors" if "Weights only" in str(error) else "cannot be read"
        raise DataError(
            f"{path}: {kind}; a PyTorch state dict (.pth, named tensors only) is needed"
        ) from None
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise DataError(f"{path}: is not a state dict (named tensors)")
    return state
