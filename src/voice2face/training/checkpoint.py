"""Checkpoints: networks, optimisers and counters in one safetensors file; nothing is unpickled."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from voice2face.errors import DataError, OutputError
from voice2face.files import atomic_path

Parts = dict[str, nn.Module | Optimizer]


def save(path: Path, parts: Parts, state: dict) -> None:
    """Write a checkpoint to a temporary name, then rename it.

    Raises:
        OutputError: The file cannot be written; the older one is still there.
    """
    tensors: dict[str, Tensor] = {}
    for name, part in parts.items():
        if isinstance(part, Optimizer):
            for index, values in part.state_dict()["state"].items():
                for key, value in values.items():
                    tensors[f"{name}/{index}/{key}"] = torch.as_tensor(value).contiguous()
        else:
            for key, value in part.state_dict().items():
                tensors[f"{name}/{key}"] = value.contiguous()
    _write(path, tensors, state)


def _write(path: Path, tensors: dict[str, Tensor], state: dict) -> None:
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"state": json.dumps(state)})
        except SafetensorError as error:
            reason = str(error).splitlines()[0]
            raise OutputError(
                f"{path}: cannot be written ({reason}); the checkpoint before it, if any, is whole"
            ) from None


def load(path: Path, parts: Parts) -> dict:
    """Read a checkpoint into networks and optimisers of the same shapes.

    One that `restate` wrote may be of networks of other sizes: what has the same name and shape is
    read, and the state's "unread" names the tensors of `parts` that were not.

    Args:
        parts: As they were given to `save`; a part that is left out is not read.

    Raises:
        DataError: The file is damaged, or is of other networks.
    """
    try:
        tensors, state = _read(path)
        if state.get("restated"):
            tensors, state["unread"] = _fitting(tensors, parts)
        for name, part in parts.items():
            mine = {
                key.removeprefix(f"{name}/"): value
                for key, value in tensors.items()
                if key.startswith(f"{name}/")
            }
            if isinstance(part, Optimizer):
                values: dict[int, dict[str, Tensor]] = {}
                for key, value in mine.items():
                    index, _, field = key.partition("/")
                    values.setdefault(int(index), {})[field] = value
                groups = part.state_dict()["param_groups"]
                part.load_state_dict({"state": values, "param_groups": groups})
                _match_layout(part)
            else:
                part.load_state_dict(mine, strict="unread" not in state)
        return state
    except (SafetensorError, OSError, RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: not a checkpoint of this run ({reason})") from None


def _fitting(tensors: dict[str, Tensor], parts: Parts) -> tuple[dict[str, Tensor], list[str]]:
    """What networks can take of others, and what they lack; optimisers where all are the same."""
    networks = {name: part for name, part in parts.items() if not isinstance(part, Optimizer)}
    wanted = {
        f"{name}/{key}": value.shape
        for name, part in networks.items()
        for key, value in part.state_dict().items()
    }
    given = {
        key: value.shape for key, value in tensors.items() if key.partition("/")[0] in networks
    }
    fitting = wanted.items() & given.items()
    if not any(key.startswith("generator/") for key, _ in fitting):
        raise ValueError("no tensor of its generator has the shape of this run's")
    if wanted == given:
        return tensors, []
    return {key: tensors[key] for key, _ in fitting}, sorted(wanted.keys() - dict(fitting).keys())


def restate(source: Path, target: Path, state: dict) -> dict:
    """Copy a checkpoint with other counters, for another run to begin with its networks.

    A compact one, as `experiments/compact_checkpoint.py` writes it, has no optimisers, and the
    averaged generator alone.

    Returns:
        The counters of the source.

    Raises:
        DataError: There is no checkpoint, or it is damaged.
        OutputError: The file cannot be written.
    """
    try:
        tensors, before = _read(source)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{source}: not a checkpoint ({reason})") from None
    generator = {
        key.replace("average/", "generator/"): value.clone()
        for key, value in tensors.items()
        if key.startswith("average/")
    }
    _write(target, {**generator, **tensors}, {**state, "restated": True})
    return before


def _read(path: Path) -> tuple[dict[str, Tensor], dict]:
    """Read the tensors and the counters of a checkpoint."""
    with safe_open(path, framework="pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        return tensors, json.loads(file.metadata()["state"])


def _match_layout(optimizer: Optimizer) -> None:
    """Lay an optimiser's averages out in memory as the parameters that they belong to.

    Files hold them in plain order; a fused optimiser walks through both side by side.
    """
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if torch.is_tensor(value) and value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter, requires_grad=False).copy_(value)
