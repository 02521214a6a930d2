"""Tables of a page as Markdown, read back by splitting at the bars."""

from __future__ import annotations

import re

from voice2face.reporting.elements import BarPlot, Cell, PlotRow, Section, Table, Words
from voice2face.reporting.markdown import markdown


def cells(line: str) -> list[str]:
    return [one.strip() for one in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_tables_and_words_are_written_and_what_is_folded_or_drawn_is_not():
    table = Table(
        "Errors",
        "",
        ("", Cell("mine", style="own"), "a|b"),
        (("verification",), ("EER", Cell("12.5 %", "9.1 to 15.0", "10 people"), "")),
    )
    folded = Table("by group", "", ("", "x"), (("a", "b"),), is_folded=True)
    words = Words(("first", "<script>"), "Not asked")
    elements = (PlotRow((BarPlot("drawn", ()),)), table, folded, words)
    sections = [Section("What", "About it.", elements), Section("Drawn", "", elements[:1])]
    text = markdown("Title", sections)
    assert text.startswith("# Title\n\n## What\n\nAbout it.\n\nErrors\n\n|")
    rows = [cells(line) for line in text.splitlines() if line.startswith("|")]
    assert rows == [
        ["", "mine", "a\\|b"],
        ["---"] * 3,
        ["**verification**", "", ""],
        ["EER", "12.5 % (9.1 to 15.0)", ""],
    ]
    assert text.endswith("Not asked:\n\n- first\n- &lt;script>\n")
    assert "by group" not in text
    assert "drawn" not in text.lower()
