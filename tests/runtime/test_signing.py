"""Content Credentials; the reader is that of the package c2pa-python."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from voice2face.errors import ConfigError
from voice2face.images.sheet import PICTURE_SUFFIXES, encode
from voice2face.runtime.xmp import SOURCE_TYPE, xmp_packet

c2pa = pytest.importorskip("c2pa")

from voice2face.runtime.signing import (  # noqa: E402
    MEDIA_TYPES,
    Signer,
    make_trial_chain,
    read_credentials,
)


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_trial_chain(tmp_path_factory.mktemp("chain"))


def _picture(suffix: str) -> bytes:
    picture = Image.effect_noise((96, 64), 40).convert("RGB")
    return encode([picture], suffix, xmp_packet("m", 1))


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_a_signed_picture_is_valid_and_its_signer_unknown(
    chain: tuple[Path, Path], suffix: str
) -> None:
    signed = Signer(*chain)(_picture(suffix), suffix)
    with c2pa.Reader(MEDIA_TYPES[suffix], io.BytesIO(signed)) as reader:
        told = json.loads(reader.json())
    assert told["validation_state"] == "Valid"
    assert {one["code"] for one in told["validation_status"]} == {"signingCredential.untrusted"}
    (manifest,) = told["manifests"].values()
    (action,) = next(
        one["data"]["actions"] for one in manifest["assertions"] if "actions" in one["label"]
    )
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"] == SOURCE_TYPE
    assert "thumbnail" not in manifest
    assert read_credentials(signed, MEDIA_TYPES[suffix]) == {
        "state": "valid, signer not trusted",
        "program": "voice2face",
        "signer": "voice2face trial",
    }


def test_a_changed_pixel_is_noticed(chain: tuple[Path, Path]) -> None:
    signed = bytearray(Signer(*chain)(_picture(".jpg"), ".jpg"))
    signed[-40] ^= 1
    read = read_credentials(bytes(signed), "image/jpeg")
    assert read is not None
    assert read["state"] == "invalid"


def test_without_a_signature_there_is_nothing_to_read() -> None:
    assert read_credentials(_picture(".png"), "image/png") is None
    assert read_credentials(_picture(".png") + b"c2pa", "image/png") is None


def test_a_key_of_another_certificate_is_refused(chain: tuple[Path, Path], tmp_path: Path) -> None:
    _, other = make_trial_chain(tmp_path)
    with pytest.raises(ConfigError, match="cannot sign"):
        Signer(chain[0], other)(_picture(".png"), ".png")


def test_files_that_are_no_certificates_are_refused(chain: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="cannot sign"):
        Signer(Path(__file__), chain[1])(_picture(".png"), ".png")
    with pytest.raises(ConfigError, match="is missing"):
        Signer(chain[0], Path("nowhere.pem"))


def test_a_chain_is_not_written_over(chain: tuple[Path, Path]) -> None:
    with pytest.raises(ConfigError, match="is there already"):
        make_trial_chain(chain[0].parent)
    assert chain[1].stat().st_mode & 0o077 == 0
