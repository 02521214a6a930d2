"""Content Credentials (C2PA), offline: signing pictures, and reading what is signed.

It needs the extra `[c2pa]`.

Source:
    C2PA Technical Specification 2.2; the reader and signer are those of the package c2pa-python.
"""

from __future__ import annotations

import datetime
import importlib
import io
import json
from pathlib import Path
from typing import Any

from voice2face import __version__
from voice2face.errors import ConfigError, MissingDependencyError
from voice2face.files import read_regular, write_atomically
from voice2face.runtime.xmp import SOURCE_TYPE

MEDIA_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".gif": "image/gif",
}
_MOST_BYTES = 1_000_000
_TRIAL_DAYS = 365
# No request leaves this machine, and pictures get no second, small copy inside.
_SETTINGS = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


class Signer:
    """Signs pictures with a certificate and its key.

    Args:
        certificates: PEM: the signing certificate first, then those that vouch for it.
        key: PEM: the signing certificate's private key, of the curve P-256.

    Raises:
        ConfigError: A file cannot be used.
        MissingDependencyError: The extra is not installed.
    """

    def __init__(self, certificates: Path, key: Path) -> None:
        c2pa = _c2pa()
        try:
            about = c2pa.C2paSignerInfo(
                alg=c2pa.C2paSigningAlg.ES256,
                sign_cert=read_regular(certificates, _MOST_BYTES, ConfigError),
                private_key=read_regular(key, _MOST_BYTES, ConfigError),
                ta_url=None,
            )
            self._signer: Any = c2pa.Signer.from_info(about)
        except c2pa.C2paError as error:
            raise ConfigError(
                f"{certificates}, {key}: cannot sign ({error}); give a certificate chain and its "
                "key as PEM, such as voice2face sign-setup makes"
            ) from None
        self._names = f"{certificates}, {key}"

    def __call__(self, content: bytes, suffix: str) -> bytes:
        """Sign the bytes of a picture's file, of the kind that its suffix tells.

        Raises:
            ConfigError: The certificate does not suit, such as one that signed itself.
        """
        manifest = {
            "claim_generator_info": [{"name": "voice2face", "version": __version__}],
            "format": MEDIA_TYPES[suffix],
            "assertions": [
                {
                    "label": "c2pa.actions.v2",
                    "data": {
                        "actions": [{"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}]
                    },
                }
            ],
        }
        c2pa, signed = _c2pa(), io.BytesIO()
        try:
            with c2pa.Builder(json.dumps(manifest), _context(c2pa)) as builder:
                builder.sign(self._signer, MEDIA_TYPES[suffix], io.BytesIO(content), signed)
        except c2pa.C2paError as error:
            raise ConfigError(f"{self._names}: cannot sign ({error})") from None
        return signed.getvalue()


def read_credentials(content: bytes, media_type: str) -> dict[str, str] | None:
    """Read the Content Credentials of a picture's file.

    Returns:
        None where there are none; else "state": "trusted", "valid, signer not trusted", "invalid"
        or "not checked"; and where they were checked "program" and "signer".
    """
    if b"c2pa" not in content:
        return None
    try:
        c2pa = _c2pa()
    except MissingDependencyError:
        return {"state": "not checked"}
    try:
        with c2pa.Reader(media_type, io.BytesIO(content), context=_context(c2pa)) as reader:
            told: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError as error:
        is_absent = "ManifestNotFound" in str(error) or "no JUMBF" in str(error)
        return None if is_absent else {"state": "invalid"}
    active: dict[str, Any] = told.get("manifests", {}).get(told.get("active_manifest"), {})
    programs: list[dict[str, Any]] = active.get("claim_generator_info") or [{}]
    states = {"Trusted": "trusted", "Valid": "valid, signer not trusted"}
    signature: dict[str, Any] = active.get("signature_info", {})
    return {
        "state": states.get(str(told.get("validation_state")), "invalid"),
        "program": str(programs[0].get("name", "")),
        "signer": str(signature.get("issuer") or signature.get("common_name") or ""),
    }


def make_trial_chain(folder: Path) -> tuple[Path, Path]:
    """Make a certificate chain for trials: a root of one's own, and a certificate that it signs.

    Returns:
        `certificates.pem` and `key.pem` in the folder. The root's key is not kept.

    Raises:
        ConfigError: One of the files is there.
        MissingDependencyError: The extra is not installed.
        OutputError: They cannot be written.
    """
    _c2pa()
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID

    chain, key_file = folder / "certificates.pem", folder / "key.pem"
    for path in (chain, key_file):
        if path.exists():
            raise ConfigError(f"{path}: is there already; give another folder")
    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root_public = root_key.public_key()
    begins = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=5)
    root = _unsigned("trial root", root_public, begins, is_root=True).sign(
        root_key, hashes.SHA256()
    )
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_public)
    purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
    leaf = (
        _unsigned("trial signer", key.public_key(), begins, is_root=False)
        .add_extension(authority, critical=False)
        .add_extension(purpose, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    write_atomically(chain, leaf.public_bytes(pem) + root.public_bytes(pem))
    content = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    write_atomically(key_file, content)
    key_file.chmod(0o600)
    return chain, key_file


def _unsigned(subject: str, public: Any, begins: datetime.datetime, is_root: bool) -> Any:
    """Begin a certificate of the trial root, or one that it will sign."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    def name(text: str) -> x509.Name:
        organisation = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "voice2face trial")
        return x509.Name([organisation, x509.NameAttribute(NameOID.COMMON_NAME, text)])

    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "encipher_only", "decipher_only"),
        ),
        False,
    )
    usage |= {"digital_signature": not is_root, "key_cert_sign": is_root, "crl_sign": is_root}
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name("trial root"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + datetime.timedelta(days=_TRIAL_DAYS))
        .add_extension(x509.BasicConstraints(is_root, None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
    )


def _c2pa() -> Any:
    try:
        c2pa: Any = importlib.import_module("c2pa")
    except ImportError:
        raise MissingDependencyError(
            "signing needs the package c2pa-python; install it with: pip install '.[c2pa]' in the "
            "project's folder"
        ) from None
    return c2pa


def _context(c2pa: Any) -> Any:
    return c2pa.Context.from_dict(_SETTINGS)
