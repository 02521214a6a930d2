"""The form of the book: its order, and what ends a chapter."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
CHAPTERS = sorted((DOCS / "understand").glob("*.md"))
ENTRY = (DOCS / "understand.md").read_text(encoding="utf-8")


def test_the_entry_page_lists_every_chapter_in_its_order():
    listed = re.findall(r"^\| \[(\d+) .*\]\(understand/(.+)\.md\)", ENTRY, re.M)
    assert {name for _, name in listed} == {path.stem for path in CHAPTERS}
    assert [int(number) for number, _ in listed] == list(range(1, len(CHAPTERS) + 1))
    navigation = re.findall(r"^understand/(.+)$", ENTRY, re.M)
    assert navigation == [name for _, name in listed]
    for number, name in listed:
        text = (DOCS / f"understand/{name}.md").read_text(encoding="utf-8")
        assert text.startswith(f"# {number} ")


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_ends_with_three_questions_and_their_answers(path: Path):
    before, after = path.read_text(encoding="utf-8").split("\n## Questions\n")
    asked = re.findall(
        r"^<details><summary>([^\n]+?)</summary>\n\n(.+?)\n\n</details>$", after, re.M | re.S
    )
    assert len(asked) == 3
    assert all(len(answer) > 10 for _, answer in asked)
    # A formula in a question would be shown as it is written.
    assert not any("$" in question for question, _ in asked)
    assert "<details>" not in before


def test_a_picture_is_where_the_page_looks_for_it_and_described():
    for path in CHAPTERS:
        for described, name in re.findall(r"!\[(.*?)\]\((.+?)\)", path.read_text(encoding="utf-8")):
            assert (path.parent / name).is_file()
            assert len(described) > 15, name
