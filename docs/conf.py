"""Settings of the documentation site; CONTRIBUTING.md has the command that builds it.

The pages are the Markdown files of the repository, which a code host shows as well. So the source
folder is the repository's root, formulas are written between dollar signs, and a live figure is an
ordinary picture, which a script replaces where one runs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

ROOT = Path(__file__).parent.parent
FIGURES = ROOT / "web/figures"  # of `npm run build-figures`
sys.path.insert(0, str(ROOT / "src"))

project = "voice2face"
project_copyright = "the voice2face developers, Apache-2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/index"
include_patterns = ["docs/**", "examples/*.md", "*.md"]
exclude_patterns = ["web", "src", "tests", "benchmarks", "checkpoints", "deploy", "**/.*"]
# Formulas, and links to the headings of another page, as a code host makes them.
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = "voice2face"
html_static_path = ["static", *([str(FIGURES)] if FIGURES.exists() else [])]
html_css_files = ["site.css"]
html_extra_path = ["site"]
html_show_sphinx = False
html_copy_source = False

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_google_docstring = True


def setup(app: Sphinx) -> None:
    """Add what Sphinx and MyST do not bring."""
    app.add_html_math_renderer("mathml", (_inline_formula, None), (_formula, None))
    app.config["html_math_renderer"] = "mathml"
    app.connect("source-read", _add_title)
    app.connect("doctree-read", _unlink_folders)
    app.connect("html-page-context", _live_figures)
    app.connect("build-finished", _mend_accessibility)


def _mathml(node: nodes.Element, as_block: bool = False) -> str:
    """Translate a formula, with the space around `log` that docutils leaves out."""
    formula = tex2mathml(node.astext(), as_block=as_block)
    space = '<mspace width="0.17em" />'

    def spaced(name: re.Match[str]) -> str:
        return name[0] if name[1] else f"{space}{name[0]}{space}"  # not between log and its base

    return re.sub(r"(<msub>\s*)?<mi>log</mi>", spaced, formula)


def _inline_formula(writer: Any, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers show without a script."""
    writer.body.append(_mathml(node))
    raise nodes.SkipNode


def _formula(writer: Any, node: nodes.math_block) -> None:
    """Write a formula on a line of its own; one wider than a phone can be scrolled."""
    writer.body.append(f'<div class="formula" tabindex="0">{_mathml(node, as_block=True)}</div>')
    raise nodes.SkipNode


def _add_title(app: Sphinx, page: str, content: list[str]) -> None:
    """Give a table that a command wrote, and that another page links to, its title."""
    if page.startswith("docs/results/") and not content[0].startswith("#"):
        content[0] = f"# {Path(page).name.capitalize()}\n\n{content[0]}"


def _unlink_folders(app: Sphinx, page: nodes.document) -> None:
    """Show a link to a folder of the repository as text: a site has no page for it."""
    folder = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(page.findall(pending_xref)):
        if (folder / link["reftarget"]).is_dir():
            link.replace_self(link.children)


def _live_figures(app: Sphinx, page: str, template: str, context: Any, doctree: Any) -> None:
    """Let a page with a picture `live-NAME.svg` run the script `NAME.js`."""
    for script in FIGURES.glob("*.js"):
        if f"live-{script.stem}." in context.get("body", ""):
            app.add_js_file(script.name, loading_method="defer")


def _mend_accessibility(app: Sphinx, error: Exception | None) -> None:
    """Add what assistive technology needs, and the theme and docutils leave out."""
    changes = (
        ('role="heading">', 'role="heading" aria-level="2">'),
        ('<aside class="sidebar-drawer"', '<aside aria-label="All pages" class="sidebar-drawer"'),
        ('<aside class="toc-drawer', '<aside aria-label="This page" class="toc-drawer'),
        ('<th class="head"><p></p></th>', "<td></td>"),
        ('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper'),
        ("<pre>", '<pre tabindex="0">'),
    )
    for path in Path(app.outdir).rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        for before, after in changes:
            text = text.replace(before, after)
        path.write_text(text, encoding="utf-8")
