"""Words for what data sets tell of people: genders and age bands."""

from __future__ import annotations

GENDERS = ("female", "male")
# Those of FairFace, so that data sets that give years can be paired with it by age.
AGE_BANDS = (
    "0-2",
    "3-9",
    "10-19",
    "20-29",
    "30-39",
    "40-49",
    "50-59",
    "60-69",
    "more than 70",
)


def parse_gender(value: str) -> str | None:
    """Read a gender as data sets write it.

    Args:
        value: Such as "F", "female" or " Male "; anything else counts as not told.

    Returns:
        "female", "male" or None.
    """
    return {"f": "female", "female": "female", "m": "male", "male": "male"}.get(
        value.strip().lower()
    )


def parse_age(value: str) -> str | None:
    """Read an age as data sets write it.

    Args:
        value: Whole years, such as "34"; or a band in the data set's own words.

    Returns:
        The band of `AGE_BANDS` that the years fall in; other words as they are; None for nothing,
        and for years that nobody has (some data sets write 1234 for not told).

    Source:
        The bands are those of FairFace (Kärkkäinen and Joo 2021); "more than 70" is read as 70
        and above.
    """
    text = value.strip()
    if not (text.isascii() and text.isdigit()):
        return text or None
    years = int(text)
    if years > 120:
        return None
    for band in AGE_BANDS[:-1]:
        if years <= int(band.split("-")[1]):
            return band
    return AGE_BANDS[-1]
