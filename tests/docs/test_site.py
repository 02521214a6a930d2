"""The documentation site builds without a warning, and no link of it leads nowhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("sphinx")
pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[2]


class Page(HTMLParser):
    """What a page refers to, and the names that others can refer to."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id" and value:
                self.names.add(value)
            elif name in {"href", "src"} and value:
                self.links.append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning is an error."""
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-E", "-W", "--keep-going"]
    command += ["-d", str(out / "cache"), "-c", "docs", ".", str(out / "html")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return out / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


def test_every_link_leads_somewhere(site: Path, pages: dict[Path, Page]):
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            found = target.is_file() and site in [*target.parents]
            if found and parts.fragment and target in pages:
                found = unquote(parts.fragment) in pages[target].names
            if not found and not parts.fragment.startswith("furo-"):
                broken.append(f"{path.relative_to(site)}: {link}")
    assert not broken


def test_nothing_is_fetched_from_elsewhere(pages: dict[Path, Page]):
    """Scripts, styles, fonts and pictures come with the site, which works from a file."""
    for path in pages:
        text = path.read_text(encoding="utf-8")
        fetched = re.findall(
            r"<(?:script|link|img)[^>]*(?:src|href)=\"(https?:[^\"]+|/[^\"]*)\"", text
        )
        assert not fetched, path


def test_formulas_are_mathml(site: Path, pages: dict[Path, Page]):
    for path in pages:
        text = path.read_text(encoding="utf-8")
        assert 'class="math notranslate' not in text, path
        body = re.sub(r"<(pre|code|script).*?</\1>", "", text, flags=re.S)
        assert not re.search(r"\$[^$\n]{1,200}\$", body), path


def test_the_reference_has_what_the_package_offers(pages: dict[Path, Page], site: Path):
    names = pages[site / "docs/api.html"].names
    assert "voice2face.runtime.pipeline.VoiceToFace.generate" in names or (
        "voice2face.VoiceToFace.generate" in names
    )
    assert "voice2face.errors.NotSpeechError" in names


def test_every_page_has_its_place_in_the_navigation(pages: dict[Path, Page], site: Path):
    root = site / "docs/index.html"
    reached = {(root.parent / urlsplit(link).path).resolve() for link in pages[root].links}
    without = {"genindex.html", "search.html", "py-modindex.html", "index.html"}
    missing = [p for p in pages if p.name not in without and p.resolve() not in reached]
    assert not missing
