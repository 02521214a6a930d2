"""One network of a bundle: checked, loaded, and run within bounds of memory and time."""

# ONNX Runtime has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import hashlib
import re
import threading
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from voice2face.errors import BundleError
from voice2face.runtime.bundle_file import read_file
from voice2face.runtime.onnx_check import refuse_unsafe

Shape = tuple[int | None, ...]

# Of all networks of a process together, weights apart.
_MAX_MEMORY_BYTES = 1 << 30
# One run: a network that takes longer is stopped after the operator that it is in.
MAX_RUN_S = 60.0
# Embeddings, faces and logits are of order 1; a network that gives more has diverged.
_LARGEST_OUTPUT = 1e6


class Network:
    """An ONNX file of a bundle, ready to run.

    Args:
        path: The bundle, a folder or a zip, and the name of the file in it.
        takes: Shape of each input, by name; None is any length.
        gives: Shape of each output.

    Raises:
        BundleError: The file cannot be read, was changed, holds what is not run (see
            `onnx_check`), cannot be loaded, or has other inputs or outputs.
    """

    def __init__(
        self, path: Path, digest: str | None, takes: dict[str, Shape], gives: tuple[Shape, ...]
    ) -> None:
        self._path = path
        content = read_file(path.parent, path.name)
        if hashlib.sha256(content).hexdigest() != digest:
            raise BundleError(
                f"{path}: is damaged or was changed (its SHA-256 is not the one in model.json); "
                "get the model anew"
            )
        try:
            refuse_unsafe(content)
        except ValueError as error:
            raise BundleError(f"{path}: cannot be used: {error}") from None
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        # Networks this small gain nothing from a second thread, and a process that starts for one
        # recording nothing from weights laid out anew; recordings run in parallel instead.
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.disable_prepacking", "1")
        options.add_session_config_entry("session.use_env_allocators", "1")
        _share_bounded_memory()
        try:
            self._session = onnxruntime.InferenceSession(
                content,
                options,
                providers=["CPUExecutionProvider"],
                enable_fallback=0,  # it would print, and try the same again
            )
        except Exception as error:  # ONNX Runtime's own errors have no common base
            raise BundleError(f"{path}: ONNX Runtime cannot load it ({_reason(error)})") from None
        for what, values, wanted in (
            ("input", self._session.get_inputs(), list(takes.values())),
            ("output", self._session.get_outputs(), list(gives)),
        ):
            shapes = [tuple(n if isinstance(n, int) else None for n in v.shape) for v in values]
            if shapes != wanted:
                raise BundleError(
                    f"{path}: its {what} has shape {shapes}, model.json says {wanted}"
                )
        names = [value.name for value in self._session.get_inputs()]
        if names != list(takes):
            raise BundleError(f"{path}: its inputs are called {names}; {list(takes)} is needed")
        self._outputs = [value.name for value in self._session.get_outputs()]

    def run(self, output: int = 0, /, **given: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run the network.

        Args:
            output: Number of the output.
            given: Each input, by name; all have the same number of items, first.

        Returns:
            The output: as many items.

        Raises:
            BundleError: It fails, takes longer than `MAX_RUN_S` or more memory than
                `_MAX_MEMORY_BYTES`, or gives another number of items, or a number that is not
                finite or beyond ±1,000,000.
        """
        options = onnxruntime.RunOptions()
        options.log_severity_level = 4
        timer = threading.Timer(MAX_RUN_S, setattr, (options, "terminate", True))
        timer.daemon = True
        timer.start()
        try:
            (found,) = self._session.run([self._outputs[output]], given, options)
        except Exception as error:  # as above
            slow = f"takes longer than {MAX_RUN_S:g} s" if options.terminate else _reason(error)
            raise BundleError(f"{self._path}: cannot be run ({slow})") from None
        finally:
            timer.cancel()
        found = np.asarray(found)
        n_items = len(next(iter(given.values())))
        if len(found) != n_items:
            raise BundleError(f"{self._path}: gives {len(found)} items for {n_items}")
        if not np.abs(found).max(initial=0) <= _LARGEST_OUTPUT:  # NaN is not either
            raise BundleError(
                f"{self._path}: gives numbers that are not finite, or beyond "
                f"{_LARGEST_OUTPUT:,.0f}; the network has diverged"
            )
        return found


@cache
def _share_bounded_memory() -> None:
    """Let the networks of this process share memory up to a bound."""
    place = onnxruntime.OrtMemoryInfo(
        "Cpu",
        onnxruntime.OrtAllocatorType.ORT_ARENA_ALLOCATOR,
        0,
        onnxruntime.OrtMemType.DEFAULT,
    )
    bound = onnxruntime.OrtArenaCfg({"max_mem": _MAX_MEMORY_BYTES})
    onnxruntime.create_and_register_allocator(place, bound)


def _reason(error: Exception) -> str:
    """An error of ONNX Runtime without the places in its source code."""
    return re.sub(r"\S+\.cc:\d+ .*\) ", "", str(error).splitlines()[0])[:300]
