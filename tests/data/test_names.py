"""Matching people by name: robust to spelling, and never a merge of two people."""

from __future__ import annotations

import difflib
import unicodedata
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from voice2face.data.names import match_names, normalise_name, read_variants
from voice2face.errors import DataError

WORD = st.text("abcdefghijklmnopqrstuvwxyzéèçñöåøłß", min_size=2, max_size=8)
NAME = st.lists(WORD, min_size=1, max_size=4).map(" ".join)
SEPARATORS = st.sampled_from([" ", "_", "-", ".", "  ", "__", "._", ", "])
ACCENTS = st.sampled_from(["", "\u0300", "\u0301", "\u0308", "\u030c"])


@st.composite
def respelt(draw: st.DrawFn, name: str) -> str:
    """A name with other capitals, accents, signs between the words and around them."""
    words = []
    for word in name.split():
        letters = [
            (letter.upper() if draw(st.booleans()) else letter) + draw(ACCENTS) for letter in word
        ]
        words.append("".join(letters))
    text = words[0]
    for word in words[1:]:
        text += draw(SEPARATORS) + word
    text = draw(st.sampled_from(["", "_", " "])) + text + draw(st.sampled_from(["", ".", "_"]))
    return unicodedata.normalize(draw(st.sampled_from(["NFC", "NFD"])), text)


@pytest.mark.parametrize(
    ("name", "normal"),
    [
        *[
            ("A.J._Buckley", "aj buckley"),
            ("a_j_buckley", "aj buckley"),
            ("AJ Buckley", "aj buckley"),
        ],
        *[("Louis_C.K.", "louis ck"), ("Lupita Nyong'o", "lupita nyongo"), ("Dr._Dre", "dr dre")],
        *[
            ("Jean-Paul_Belmondo", "jean paul belmondo"),
            ("Søren Łukasz Æsop", "soren lukasz aesop"),
        ],
        *[("ZOË_STRAẞE", "zoe strasse"), ("Iİıi", "iiii"), ("n000012", "n000012"), ("_-.", "")],
        *[
            ("fairface-train-1-2", "fairface train 1 2"),
            ("王 明", "王明"),
            ("Ｊｏｈｎ", "john"),
            ("김 철 수", "김철수"),
        ],
    ],
)
def test_normal_form_by_hand(name: str, normal: str) -> None:
    assert normalise_name(name) == normal


def test_vowel_signs_are_not_accents() -> None:
    """Two Hindi names that differ by a vowel sign only."""
    assert normalise_name("कमल") != normalise_name("कमला")
    assert normalise_name("मिना") != normalise_name("मना")


@pytest.mark.long
@given(st.text(max_size=30))
def test_normal_form_is_stable(name: str) -> None:
    normal = normalise_name(name)
    assert normalise_name(normal) == normal
    assert normal == normal.strip()
    assert "  " not in normal


@given(st.data(), NAME)
def test_respelling_does_not_change_the_normal_form(data: st.DataObject, name: str) -> None:
    assert normalise_name(data.draw(respelt(name))) == normalise_name(name)


def distinct(names: list[str]) -> list[str]:
    return list({normalise_name(name): name for name in names}.values())


PEOPLE = st.lists(NAME, max_size=12).map(distinct)


@given(st.data(), PEOPLE, PEOPLE)
def test_matching_sees_through_spelling(
    data: st.DataObject, voices: list[str], faces: list[str]
) -> None:
    voices_respelt = {data.draw(respelt(name)): name for name in voices}
    faces_respelt = {data.draw(respelt(name)): name for name in faces}
    plain = match_names(voices, faces)
    matching = match_names(voices_respelt.keys(), faces_respelt.keys())
    pairs = {(voices_respelt[voice], faces_respelt[face]) for voice, face in matching.pairs}
    assert pairs == set(plain.pairs)
    assert {voices_respelt[name] for name in matching.only_voices} == set(plain.only_voices)
    assert {faces_respelt[name] for name in matching.only_faces} == set(plain.only_faces)
    near = {(voices_respelt[v], faces_respelt[f], r) for v, f, r in matching.near_misses}
    assert near == set(plain.near_misses)


@given(PEOPLE, PEOPLE)
def test_matching_is_symmetric(voices: list[str], faces: list[str]) -> None:
    one, other = match_names(voices, faces), match_names(faces, voices)
    assert set(one.pairs) == {(voice, face) for face, voice in other.pairs}
    assert (one.only_voices, one.only_faces) == (other.only_faces, other.only_voices)
    assert set(one.near_misses) == {(voice, face, r) for face, voice, r in other.near_misses}


@given(PEOPLE, PEOPLE)
def test_nothing_that_differs_is_merged_and_nobody_is_lost(
    voices: list[str], faces: list[str]
) -> None:
    matching = match_names(voices, faces)
    assert all(normalise_name(voice) == normalise_name(face) for voice, face in matching.pairs)
    assert sorted([*(voice for voice, _ in matching.pairs), *matching.only_voices]) == sorted(
        voices
    )
    assert sorted([*(face for _, face in matching.pairs), *matching.only_faces]) == sorted(faces)
    for voice, face, ratio in matching.near_misses:
        assert voice in matching.only_voices
        assert face in matching.only_faces
        assert 0 <= ratio <= 1


@given(NAME, st.integers(0, 30), st.sampled_from("qxz"))
def test_one_letter_more_is_a_near_miss(name: str, place: int, letter: str) -> None:
    """All that lies near by difflib, beside an exhaustive comparison, is listed."""
    place %= len(name) + 1
    other = name[:place] + letter + name[place:]
    one, two = normalise_name(name), normalise_name(other)
    assume(one != two and one.split() and one[:2] == two[:2])
    ordered = sorted((one.replace(" ", ""), two.replace(" ", "")))
    ratio = difflib.SequenceMatcher(None, *ordered, autojunk=False).ratio()
    assume(ratio >= 0.86)
    assert [miss[:2] for miss in match_names([name], [other]).near_misses] == [(name, other)]


def test_near_misses_by_hand() -> None:
    voices = ["Chloe_Bennet", "Conan O'Brien", "Harry_Connick_Jr.", "n000012", "Cher", "Ang_Lee"]
    faces = ["chloe bennett", "conan o brien", "harry connick", "n000013", "Fergie", "Lee_Ang"]
    faces.append("Cher Lloyd")  # One name alone does not tell of a longer one.
    matching = match_names(voices, faces)
    assert matching.pairs == ()
    assert matching.near_misses == (
        ("Ang_Lee", "Lee_Ang", 1.0),  # The words in order: ang lee.
        ("Conan O'Brien", "conan o brien", 1.0),  # Without blanks: conanobrien.
        ("Chloe_Bennet", "chloe bennett", 0.96),  # bennet chloe: 2 x 12 of 12 + 13 letters.
        ("Harry_Connick_Jr.", "harry connick", 0.923),  # 2 x 12 of 14 + 12.
    )


@pytest.mark.parametrize(
    ("voice", "face", "ratio"),
    [
        ("Thandie Newtonn", "Tandie Newton", 0.929),  # Only the initials agree: 26 of 15 + 13.
        ("Chloebennet", "Chloe Bennett", 0.957),  # Only the first letters agree: 22 of 11 + 12.
        ("Aishwarya Rai", "Rai Aishwarya Bachchan", 0.743),  # One name more: 26 of 13 + 22.
    ],
)
def test_near_misses_that_share_little(voice: str, face: str, ratio: float) -> None:
    assert match_names([voice], [face]).near_misses == ((voice, face, ratio),)


def test_names_that_collide_on_one_side_are_refused() -> None:
    with pytest.raises(DataError, match=r"face side: .*'A\.J\. Buckley' = 'a_j_buckley'"):
        match_names(["Cher"], ["A.J. Buckley", "Cher", "a_j_buckley"])
    with pytest.raises(DataError, match=r"voice side: .*'CHER' = 'Cher'"):
        match_names(["Cher", "CHER"], [])
    with pytest.raises(DataError, match=r"voice side: names without a letter or digit: '\?\?\?'"):
        match_names(["???", "Cher"], [])


def test_many_collisions_are_counted() -> None:
    names = [f"{style}{number}" for number in range(12) for style in ("anna", "ANNA")]
    with pytest.raises(DataError, match=r"and 2 more; merge or rename"):
        match_names(names, [])


def test_variants_of_ones_own(tmp_path: Path) -> None:
    table = tmp_path / "variants.csv"
    table.write_text("name,variant\nKe$ha Sebert,Kesha\nJet Li,Li Lianjie\nJet Li,JET  LI\n")
    variants = read_variants(table)
    assert variants == {"kesha": "ke ha sebert", "li lianjie": "jet li"}
    matching = match_names(["KESHA", "Li_Lianjie", "Cher"], ["ke$ha_sebert", "Jet.Li"], variants)
    assert matching.pairs == (("KESHA", "ke$ha_sebert"), ("Li_Lianjie", "Jet.Li"))
    assert matching.only_voices == ("Cher",)
    with pytest.raises(DataError, match="'Jet Li' = 'Li Lianjie'"):
        match_names(["Jet Li", "Li Lianjie"], [], variants)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("Jet Li,Li\nAng Lee,LI\n", r"lines 2 and 3 give 'LI' to two names"),
        ("Jet Li,Li\nLi,Lianjie\n", r"'li' is a variant in line 2 and a name in line 3"),
        ("Jet Li,???\n", r"line 2: has a name without letters"),
        ("Jet Li,\n", r"line 2: is empty in column variant"),
    ],
)
def test_variants_refused(tmp_path: Path, rows: str, message: str) -> None:
    table = tmp_path / "variants.csv"
    table.write_text("name,variant\n" + rows)
    with pytest.raises(DataError, match=message):
        read_variants(table)
