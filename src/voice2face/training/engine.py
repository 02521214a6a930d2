"""Devices, processes and precision of a training run: the only place that knows of Fabric."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from voice2face.errors import ConfigError, RunStoppedError

# Of running statistics; torch's default, as all networks here have it.
_MOMENTUM = 0.1


class Engine:
    """Where a run computes: one process on one device, or several under `torchrun`.

    A step's batch is that of the whole run: each process works on its share of it, and gradients
    are averaged, so that the same settings give the same weights on any number of processes, up
    to the order of additions.

    Args:
        precision: "32", or "bf16": forward passes in bfloat16 where torch finds it safe; weights
            and optimisers stay in float32.
        compiled: Whether networks go through `torch.compile`.
        accelerator: "auto" takes a GPU where there is one; "cpu", "cuda".

    Raises:
        ConfigError: There is no such accelerator here.

    Source:
        Lightning Fabric, `torchrun`'s environment variables.
    """

    def __init__(
        self,
        precision: Literal["32", "bf16"] = "32",
        compiled: bool = False,
        accelerator: str = "auto",
    ) -> None:
        # Late: it takes seconds.
        from lightning_fabric import Fabric

        processes = int(os.environ.get("WORLD_SIZE", "1"))
        here = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        if accelerator == "auto":
            accelerator = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._fabric = Fabric(
                accelerator=accelerator,
                devices=here,
                num_nodes=max(1, processes // here),
                strategy="ddp" if processes > 1 else "auto",
                precision="bf16-mixed" if precision == "bf16" else "32-true",
            )
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise ConfigError(
                f"accelerator {accelerator!r}: not available here ({reason})"
            ) from None
        self._fabric.launch()
        self._compiled = compiled

    @property
    def device(self) -> torch.device:
        """The device of this process."""
        return self._fabric.device

    @property
    def rank(self) -> int:
        """Number of this process, from 0."""
        return self._fabric.global_rank

    @property
    def n_processes(self) -> int:
        """How many processes there are."""
        return self._fabric.world_size

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files."""
        return self._fabric.is_global_zero

    def share(self, batch_size: int, group: int = 1) -> slice:
        """This process's part of a step's batch.

        Args:
            group: What each part must be a multiple of.

        Returns:
            A slice of the batch's indices.

        Raises:
            ConfigError: The batch cannot be shared evenly.
        """
        each, left = divmod(batch_size, self.n_processes * group)
        if left or not each:
            groups = f" in groups of {group}" if group > 1 else ""
            raise ConfigError(
                f"batch_size {batch_size}: cannot be shared evenly by {self.n_processes} "
                f"processes{groups}; give a multiple"
            )
        each *= group
        return slice(self.rank * each, (self.rank + 1) * each)

    def share_statistics(self, network: nn.Module) -> None:
        """Make a network normalise over the batch of all processes, as one process would.

        Args:
            network: Its batch normalisations over time are replaced, with new parameters of the
                same names and values; an optimiser is made of them afterwards.
        """
        if self.n_processes == 1:
            return
        for parent in list(network.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, nn.BatchNorm1d):
                    parent.register_module(name, _SharedBatchNorm(child, self))

    def set_up(self, network: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]:
        """Bring a network and its optimiser to the device, and share gradients between processes.

        Returns:
            What to call and to step instead. The network itself stays what is saved.
        """
        called = torch.compile(network) if self._compiled else network
        wrapped, stepped = self._fabric.setup(called, optimizer)  # pyright: ignore[reportArgumentType]
        return wrapped, stepped  # pyright: ignore[reportReturnType]

    def autocast(self) -> AbstractContextManager:
        """The precision of forward passes, for networks that are called unwrapped."""
        return self._fabric.autocast()

    def backward(self, loss: Tensor) -> None:
        """Compute gradients of a loss."""
        self._fabric.backward(loss)

    def mean(self, value: Tensor) -> Tensor:
        """Average a tensor over the processes."""
        if self.n_processes == 1:
            return value
        return self._fabric.all_reduce(value, reduce_op="mean")  # pyright: ignore[reportReturnType]

    def mean_with_gradient(self, value: Tensor) -> Tensor:
        """Average a tensor over the processes, so that gradients flow back to all of them."""
        return _MeanOfAll.apply(value, self)  # pyright: ignore[reportReturnType]

    def any(self, value: bool) -> bool:
        """Whether a condition holds in any process. Waits for all of them."""
        if self.n_processes == 1:
            return value
        return bool(self.mean(torch.tensor(float(value), device=self.device)) > 0)

    def stops(self, asked: bool, look: bool) -> bool:
        """Tell whether all processes stop now.

        Args:
            look: Whether the step ends with a look at the scalars. Several processes agree only
                there, where they wait for each other anyway; a single one stops at any step.
        """
        return asked if self.n_processes == 1 else look and self.any(asked)

    def barrier(self) -> None:
        """Wait for all processes.

        Raises:
            RunStoppedError: One of them has ended; it has said why itself.
        """
        try:
            self._fabric.barrier()
        except RuntimeError:
            raise RunStoppedError(
                f"process {self.rank}: another process of the run ended"
            ) from None


def is_first_process() -> bool:
    """Whether this process is the first of those that `torchrun` started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


class _MeanOfAll(torch.autograd.Function):
    """A mean over processes; its gradient is the mean of theirs, since DDP averages too."""

    @staticmethod
    def forward(ctx, value: Tensor, engine: Engine) -> Tensor:
        ctx.engine = engine
        return engine.mean(value.clone())

    @staticmethod
    def backward(ctx, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        return ctx.engine.mean(grad_outputs[0].clone()), None


class _SharedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation whose statistics are those of the equal shares of all processes.

    torch's own `SyncBatchNorm` computes on GPUs only.
    """

    def __init__(self, of: nn.BatchNorm1d, engine: Engine) -> None:
        super().__init__(of.num_features, of.eps)
        self.load_state_dict(of.state_dict())
        self._engine = engine

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        values = input.float()
        mean = self._engine.mean_with_gradient(values.mean(dim=(0, 2)))
        centred = values - mean[:, None]
        variance = self._engine.mean_with_gradient(centred.square().mean(dim=(0, 2)))
        n = self._engine.n_processes * values.numel() // self.num_features
        with torch.no_grad():
            self.get_buffer("running_mean").lerp_(mean, _MOMENTUM)
            self.get_buffer("running_var").lerp_(variance * n / (n - 1), _MOMENTUM)
            self.get_buffer("num_batches_tracked").add_(1)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None] + self.bias[:, None]).to(input.dtype)
