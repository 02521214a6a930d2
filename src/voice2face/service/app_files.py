"""Where the browser app's files are."""

from __future__ import annotations

from pathlib import Path

__all__ = ["find_app_files"]

_PACKAGE = Path(__file__).resolve().parents[1]


def find_app_files() -> Path | None:
    """Find the folder with the browser app: of the installed package, or of the checkout.

    Returns:
        A folder with an `index.html`; None if the app is not there.
    """
    for folder in (_PACKAGE / "web", _PACKAGE.parents[1] / "web"):
        if (folder / "index.html").is_file():
            return folder
    return None
