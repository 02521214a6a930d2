"""Bars and curves of an evaluation hold what the result holds."""

from __future__ import annotations

import io

import numpy as np
import pytest
from jinja2 import UndefinedError
from PIL import Image

from voice2face.reporting.bars import draw_bars
from voice2face.reporting.curves import draw_lines
from voice2face.reporting.elements import Bar, BarPlot, LinePlot, PlotRow, Section
from voice2face.reporting.evaluation_plots import identity_plots, overview
from voice2face.reporting.page import page
from voice2face.reporting.plots import plot_png
from voice2face.reporting.theme import DARK, LIGHT


def estimate(name: str, value: float | None, **others) -> dict:
    return {
        "name": name,
        "group": "everybody",
        "value": value,
        "low": None if value is None else value - 10,
        "high": None if value is None else value + 5,
        "chance": 50.0,
        "unit": "%",
        "few": False,
        **others,
    }


@pytest.fixture
def identity() -> dict:
    """Matching of a system, of a baseline that lacks a size, and of one that is undefined."""
    return {
        "contenders": {
            "mean face": {"figures": [estimate("matching/none/1:2", 55.0)]},
            "system": {
                "figures": [
                    estimate("matching/none/1:10", 30.0),
                    estimate("matching/none/1:2", 70.0),
                ]
            },
            "undefined": {"figures": [estimate("matching/none/1:2", None)]},
        },
        "differences": {"mean face": [estimate("matching/none/1:2", 15.0, few=True)]},
    }


def test_curves_of_a_result_hold_its_estimates_with_systems_in_colour(identity):
    (row,) = identity_plots(identity, ["system"])
    assert isinstance(row, PlotRow)
    plot, difference = row.plots
    assert isinstance(plot, LinePlot) and isinstance(difference, BarPlot)
    drawn = draw_lines(plot, LIGHT)
    (axes,) = drawn.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1:2", "1:10"]
    lines = {line.get_gid(): line for line in axes.get_lines()}
    assert plot.names[:2] == ("system", "mean face")
    assert lines.keys() == {"logged 0 estimate", "logged 1 estimate", "reference"}
    np.testing.assert_array_equal(lines["logged 0 estimate"].get_ydata(), [70, 30])
    np.testing.assert_array_equal(lines["logged 1 estimate"].get_xydata(), [[0, 55]])
    np.testing.assert_array_equal(lines["reference"].get_ydata(), [50, 10])
    colours = [lines[f"logged {n} estimate"].get_color() for n in range(2)]
    assert colours == [LIGHT.series[0], LIGHT.soft]
    (band,) = axes.collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert {heights.min(), heights.max()} == {20, 75}
    assert [(bar.name, bar.words, bar.is_faint) for bar in difference.bars] == [
        ("minus mean face", "15.0 % (5.0 to 20.0)", True)
    ]


def test_the_overview_leaves_out_what_is_undefined(identity):
    result = {
        "system": "system",
        "identity": {"judge": identity},
        "attributes": {},
        "detection": {},
        "quality": {},
    }
    (row,) = overview(result)
    (plot,) = row.plots
    assert plot.title == "1:2 matching, any gender, % correct (judge)"
    assert [(bar.name, bar.value, bar.series) for bar in plot.bars] == [
        ("mean face", 55.0, None),
        ("system", 70.0, 0),
    ]


def test_bars_begin_at_nought_and_carry_interval_chance_and_words():
    bars = (
        Bar("_$x$", -4.0, "-4.0 (-6.0 to 1.0)", (-6.0, 1.0), 0.5, 0),
        Bar("other", 3.0, "3.0"),
    )
    (axes,) = draw_bars(BarPlot("t", bars), DARK).axes
    ends = [sorted((p.get_x(), p.get_x() + p.get_width())) for p in axes.patches]
    assert ends == [[-4, 0], [0, 3]]
    assert axes.get_xlim() == (-6, 3)
    assert [text.get_text() for text in axes.texts] == [
        *("_$x$", "-4.0 (-6.0 to 1.0)", "other", "3.0")
    ]
    drawn = {tuple(map(float, path[:, 0])) for c in axes.collections for path in c.get_segments()}
    assert drawn == {(0, 0), (-6, 1), (-6, -6), (1, 1), (0.5, 0.5)}


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_bars_come_out_the_same_on_the_pages_paper(theme):
    for bars in ((Bar("a", 0.0, "0"),), (Bar("名", 1.0, "1", None, None, 0),) * 7):
        plot = BarPlot("t", bars)
        content = plot_png(plot, theme)
        assert content == plot_png(plot, theme)
        with Image.open(io.BytesIO(content)) as picture:
            corner = picture.convert("RGB").getpixel((0, 0))
        assert corner == tuple(bytes.fromhex(theme.paper[1:]))


def test_alternative_texts_say_what_is_drawn():
    plot = BarPlot('<"t">', (Bar("<a>", 1.0, "1.0 (0.5 to 1.5)"), Bar("b", 2.0, "2")))
    html = page("sweep.html", [Section("s", "", (PlotRow((plot,)),))])
    wanted = 'alt="Bars: &lt;&#34;t&#34;&gt;: &lt;a&gt; 1.0 (0.5 to 1.5); b 2"'
    assert wanted in html


def test_a_template_is_not_filled_in_part():
    with pytest.raises(UndefinedError, match="names"):
        page("report.html", [])


def test_the_themes_have_the_papers_of_the_stylesheet():
    style = page("sweep.html", []).partition("<style>")[2]
    light, dark = style.split("prefers-color-scheme: dark")[:2]
    for theme, part in ((LIGHT, light), (DARK, dark)):
        assert theme.paper in part or ("--paper: #fff;" in part and theme.paper == "#ffffff")
