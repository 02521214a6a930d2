"""Reading the weights that others published, without running any code that a file may hold."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from voice2face.errors import DataError
from voice2face.files import read_regular

_NEEDED = "a PyTorch state dict (.pth, named tensors only) is needed"
_MAX_BYTES = 4_000_000_000
# Numbers looked at together, so that a look at a large tensor does not copy it.
_AT_A_TIME = 1 << 22
# What people's copies of weights are wrapped in: dicts with the state dict under one of these
# names, and names behind those that DataParallel and torch.compile put before them.
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "weights")
_PREFIXES = ("module.", "_orig_mod.")
# What a file called .pth often is instead, by how it begins.
_NOT_WEIGHTS = (
    (b"version https://git-lfs", "is a Git LFS pointer, not the file itself; run `git lfs pull`"),
    (b"<", "is an HTML or XML page, as of a download that needs a login or a click"),
)


def read_state_dict(path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Read a PyTorch state dict, out of the wrappers that it may be in.

    Args:
        path: A `.pth` file, or a `.safetensors` one.

    Returns:
        Tensors by name, on the CPU; and of what they were unwrapped, in words.

    Raises:
        DataError: The file is missing, holds anything but named tensors, or a number in it is not
            finite.
    """
    # Looked at before it is read as a whole: no device, no pipe.
    content = read_regular(path, _MAX_BYTES, DataError, n_bytes=200).lstrip().lower()
    for start, what in _NOT_WEIGHTS:
        if content.startswith(start):
            raise DataError(f"{path}: {what}")
    if _is_compressed(path):
        raise DataError(f"{path}: is a compressed archive, which torch.save never writes")
    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling what is no pickle raises errors of any kind
        kind = "holds more than tensors" if "Weights only" in str(error) else "cannot be read"
        if content and content.isascii() and content.decode().isprintable():
            kind = "is text"
        raise DataError(f"{path}: {kind}; {_NEEDED}") from None
    state, notes = _unwrapped(found)
    if not state:
        raise DataError(f"{path}: is not a state dict; {_NEEDED}")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise DataError(f"{path}: is not a state dict ({name!r:.60} is no tensor); {_NEEDED}")
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise DataError(f"{path}: {name!r} is larger than what the file holds of it")
        if not all(part.isfinite().all() for part in torch.split(value.flatten(), _AT_A_TIME)):
            raise DataError(f"{path}: {name!r} holds numbers that are not finite; it has diverged")
    return state, notes


def _is_compressed(path: Path) -> bool:
    """Whether a file is a ZIP archive of which a part is compressed, and so of any size."""
    try:
        with zipfile.ZipFile(path) as archive:
            return any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _unwrapped(content: Any) -> tuple[dict[Any, Any], list[str]]:
    """Take a state dict out of dicts around it, and prefixes off its names; {} where none is."""
    notes: list[str] = []
    found = cast("dict[Any, Any]", content) if isinstance(content, dict) else {}
    while inner := [name for name in _WRAPPERS if isinstance(found.get(name), dict)]:
        notes.append(f"took {inner[0]!r} of {', '.join(map(repr, found))}")
        found = found[inner[0]]
    if not all(isinstance(name, str) for name in found):
        return found, notes
    for prefix in _PREFIXES:
        if found and all(name.startswith(prefix) for name in found):
            notes.append(f"took {prefix!r} off all names")
            found = {name.removeprefix(prefix): value for name, value in found.items()}
    return found, notes
