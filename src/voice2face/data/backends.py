"""Where the work on a store's shards runs: in local processes, or on a cluster that is there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import joblib

from voice2face.errors import ConfigError, DataError, MissingDependencyError, unknown_name

_Result = TypeVar("_Result")

_ONE_AT_A_TIME: dict[str, Any] = {"batch_size": 1}
_LOOPBACK: dict[str, Any] = {"host": "127.0.0.1", "dashboard_address": None}


@dataclass(frozen=True)
class Workers:
    """Where work runs.

    Attributes:
        jobs: Processes at a time; of "dask" and "ray" with a scheduler, all that it has are used.
        backend: A key of `_BACKENDS`.
        scheduler: Address of a running Dask scheduler or Ray head; None starts a local one.
    """

    jobs: int = 1
    backend: str = "local"
    scheduler: str | None = None


def run_tasks(
    function: Callable[..., _Result], tasks: Iterable[tuple], workers: Workers
) -> Iterator[_Result]:
    """Call a function with each of many arguments, side by side; both can be pickled.

    Yields:
        The results, as they come.

    Raises:
        ConfigError: The backend is unknown, or the scheduler does not answer.
        DataError: A worker died.
        MissingDependencyError: The backend's package is not installed.
    """
    jobs, backend, scheduler = workers.jobs, workers.backend, workers.scheduler
    if backend not in _BACKENDS:
        raise unknown_name("backend", backend, _BACKENDS)
    if jobs < 1:
        raise ConfigError(f"jobs is {jobs}; at least 1 is needed")
    if scheduler is not None and backend == "local":
        raise ConfigError(
            f"scheduler {scheduler!r}: is not used by the backend local; give --backend dask or ray"
        )
    calls = (joblib.delayed(function)(*task) for task in tasks)
    with _BACKENDS[backend](jobs, scheduler) as n_jobs:
        # Ray's plug-in only knows lists.
        how = "list" if backend == "ray" else "generator_unordered"
        parallel: Any = joblib.Parallel(n_jobs=n_jobs, return_as=how, **_ONE_AT_A_TIME)
        try:
            yield from parallel(calls)
        except BrokenExecutor:
            raise DataError(
                "a worker process died, perhaps for lack of memory; run the same command "
                "again with fewer --jobs to resume"
            ) from None


@contextlib.contextmanager
def _local(jobs: int, _scheduler: str | None) -> Iterator[int]:
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        yield jobs


@contextlib.contextmanager
def _dask(jobs: int, scheduler: str | None) -> Iterator[int]:
    try:
        from distributed import Client, LocalCluster
    except ModuleNotFoundError:
        raise MissingDependencyError(
            "the backend dask needs its packages; install them with: pip install distributed"
        ) from None
    with contextlib.ExitStack() as stack:
        address: object = scheduler
        if scheduler is None:
            address = stack.enter_context(
                LocalCluster(n_workers=jobs, threads_per_worker=1, **_LOOPBACK)
            )
        try:
            client = stack.enter_context(Client(address, timeout="20s"))
        except (OSError, TimeoutError, ValueError) as error:
            raise ConfigError(
                f"scheduler {scheduler!r}: no Dask scheduler answers there ({error})"
            ) from None
        stack.enter_context(joblib.parallel_config(backend="dask", client=client))
        yield -1


@contextlib.contextmanager
def _ray(jobs: int, scheduler: str | None) -> Iterator[int]:
    try:
        import ray  # pyright: ignore[reportMissingImports]
        from ray.util.joblib import register_ray  # pyright: ignore[reportMissingImports]
    except ModuleNotFoundError:
        raise MissingDependencyError(
            "the backend ray needs its package; install it with: pip install ray"
        ) from None
    ray.init(address=scheduler, **({} if scheduler else {"num_cpus": jobs}))
    register_ray()
    try:
        with joblib.parallel_config(backend="ray"):
            yield -1
    finally:
        ray.shutdown()


_BACKENDS: dict[str, Callable[..., contextlib.AbstractContextManager[int]]] = {
    "local": _local,
    "dask": _dask,
    "ray": _ray,
}
