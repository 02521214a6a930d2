"""Takes the built browser app into the wheel, where `npm run build` has made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_LARGE_BYTES = 1 << 20


class BrowserApp(BuildHookInterface):
    """Every file but the model, which the package has, and large ones that are compressed too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, if they are there."""
        app = Path(self.root, "web", "build")
        if not (app / "index.html").is_file():
            self.app.display_warning(
                "This wheel will not have the browser app: web/build is missing. Make it with "
                "(cd web && npm ci && npm run build), or build from an sdist that has it."
            )
        for path in sorted(app.rglob("*")):
            name = path.relative_to(app)
            large = (
                path.stat().st_size > _LARGE_BYTES and path.with_name(f"{path.name}.gz").exists()
            )
            if path.is_file() and name.parts[0] != "model" and not large:
                build_data["force_include"][str(path)] = f"voice2face/web_app/{name.as_posix()}"
