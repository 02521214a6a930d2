"""SET:PATH on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from voice2face.data.importers import FACES, VOICES, import_rows
from voice2face.errors import ConfigError, DataError


@pytest.mark.parametrize("spec", ["duke", "duke:", "", ":"])
def test_not_of_the_form(spec: str) -> None:
    with pytest.raises(ConfigError, match="SET:PATH"):
        import_rows(spec, VOICES)


def test_misspelt_set_is_told_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'voxceleb1'"):
        import_rows("voxcelb1:/data", VOICES)


def test_set_of_the_other_side() -> None:
    with pytest.raises(ConfigError, match=r"'fairface' is for the other option only.*librispeech"):
        import_rows("fairface:/data", VOICES)
    with pytest.raises(ConfigError, match=r"'duke' is for the other option only.*vggface"):
        import_rows("duke:/data", FACES)


def test_list_is_a_file_and_all_else_is_a_folder(layout: Callable[[str], Path]) -> None:
    path = layout("table")
    _, rows = import_rows(f"table:{path}", FACES)
    assert len(rows) == 3
    with pytest.raises(DataError, match="no such file"):
        import_rows(f"table:{path.parent}", VOICES)
    with pytest.raises(DataError, match="no such folder"):
        import_rows(f"folder:{path}", VOICES)
