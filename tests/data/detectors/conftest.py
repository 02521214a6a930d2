"""What the detectors' tests need beside the extra [dev]; CI installs it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


@pytest.fixture
def mtcnn_weights() -> None:
    """Skip where the package with MTCNN's weights is not installed."""
    if find_spec("facenet_pytorch") is None:
        pytest.skip("needs pip install --no-deps facenet-pytorch==2.6.0")
