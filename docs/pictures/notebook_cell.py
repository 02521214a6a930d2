"""Makes `notebook.jpg`: the first cell of examples/first_face.ipynb and what it shows.

Needs the extra `notebooks`, nbconvert and Chromium.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import nbclient
import nbconvert
import nbformat
from PIL import Image, ImageChops, ImageOps

FOLDER = Path(__file__).parent
EXAMPLES = FOLDER.parents[1] / "examples"

notebook = nbformat.read(EXAMPLES / "first_face.ipynb", as_version=4)
notebook.cells = [cell for cell in notebook.cells if cell.cell_type == "code"][:1]
nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(EXAMPLES)}}).execute()
exporter = nbconvert.HTMLExporter(mathjax_url="", require_js_url="")
with tempfile.TemporaryDirectory() as folder:
    page, shot = Path(folder) / "page.html", Path(folder) / "shot.png"
    page.write_text(exporter.from_notebook_node(notebook)[0], "utf-8")
    subprocess.run(
        [
            shutil.which("chromium") or "chromium",
            "--headless",
            "--no-sandbox",
            "--hide-scrollbars",
            "--window-size=800,480",
            f"--screenshot={shot}",
            page.as_uri(),
        ],
        check=True,
        capture_output=True,
    )
    picture = Image.open(shot).convert("RGB")
# With a narrow margin in place of a wide one.
content = ImageChops.difference(picture, Image.new("RGB", picture.size, "white")).getbbox()
ImageOps.expand(picture.crop(content), 12, "white").save(FOLDER / "notebook.jpg", quality=85)
