"""Takes the built browser app into the wheel, where `npm run build` has made it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class BrowserApp(BuildHookInterface):
    """Every file but the model, which the package has, and what its compressed copies hold too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files, if they are there."""
        app = Path(self.root, "web", "build")
        for path in sorted(app.rglob("*")):
            name = path.relative_to(app)
            compressed = path.with_name(f"{path.name}.gz").exists()
            if path.is_file() and name.parts[0] != "model" and not compressed:
                build_data["force_include"][str(path)] = f"voice2face/web_app/{name.as_posix()}"
