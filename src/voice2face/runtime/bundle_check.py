"""What is to be known of a bundle that somebody sent, before it is used or passed on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from voice2face.errors import BundleError
from voice2face.runtime.bundle import Bundle
from voice2face.runtime.bundle_file import (
    CARD_FILE,
    DESCRIPTION_FILE,
    file_names,
    read_file,
)
from voice2face.runtime.card import card_text
from voice2face.runtime.description import ModelDescription, read_description
from voice2face.runtime.onnx_check import refuse_unsafe

# What a reader of a card needs to decide whether to use a model.
_OF_CARD = ("description", "data", "limits")


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        result: "note" is worth knowing, and no reason to refuse the bundle.
    """

    check: str
    result: Literal["ok", "note", "wrong"]
    text: str


def check_bundle(bundle: Path) -> list[Finding]:
    """Check a bundle: its files, hashes, networks, licence and card; and draw with it once.

    Args:
        bundle: A folder, or a zip.

    Returns:
        What each check found, in order; after a "wrong" one, those that need it are left out.

    Raises:
        BundleError: It is no bundle, or `model.json` is missing or damaged.
    """
    about = read_description(bundle)
    findings = _files(bundle, about)
    for check, run in (
        ("hashes", _hashes),
        ("operators", _operators),
        ("shapes", _shapes),
        ("trial", _trial),
    ):
        if all(one.result != "wrong" for one in findings):
            findings.append(_tried(check, run, bundle, about))
    return [*findings, _licence(about), *_card(bundle, about)]


def _tried(
    check: str,
    run: Callable[[Path, ModelDescription], str],
    bundle: Path,
    about: ModelDescription,
) -> Finding:
    try:
        return Finding(check, "ok", run(bundle, about))
    except BundleError as error:
        return Finding(check, "wrong", str(error))


def _files(bundle: Path, about: ModelDescription) -> list[Finding]:
    names = set(file_names(bundle))
    wanted = {DESCRIPTION_FILE, *about.files}
    if missing := sorted(wanted - names):
        return [Finding("files", "wrong", f"missing: {', '.join(missing)}")]
    told = [Finding("files", "ok", ", ".join(sorted(names & {*wanted, CARD_FILE})))]
    if others := sorted(names - wanted - {CARD_FILE}):
        told.append(Finding("files", "note", f"never read: {', '.join(others)}"))
    return told


def _hashes(bundle: Path, about: ModelDescription) -> str:
    for name, digest in about.files.items():
        if hashlib.sha256(read_file(bundle, name)).hexdigest() != digest:
            raise BundleError(f"the SHA-256 of {name} is not the one in model.json")
    return (
        f"SHA-256 of {len(about.files)} files as model.json says; no signature, so anybody can "
        "have made them"
    )


def _operators(bundle: Path, about: ModelDescription) -> str:
    used: set[str] = set()
    name = ""
    try:
        for name in about.files:
            used |= refuse_unsafe(read_file(bundle, name))
    except ValueError as error:
        raise BundleError(f"{name} cannot be used: {error}") from None
    return f"{len(used)} kinds, all plain arithmetic; no code, no loops, no other files"


def _shapes(bundle: Path, about: ModelDescription) -> str:
    Bundle(bundle)
    noise = f" and {about.noise_dim} of noise" if about.noise_dim else ""
    return (
        f"{about.front_end.n_mels} mel bands to {about.embedding_dim} numbers{noise} to faces of "
        f"{about.image_size_px} px, as model.json says"
    )


def _trial(bundle: Path, about: ModelDescription) -> str:
    loaded, random = Bundle(bundle), np.random.default_rng(0)
    log_mel = random.normal(size=(1, 300, about.front_end.n_mels)).astype(np.float32)
    noise = random.normal(size=(1, about.noise_dim)).astype(np.float32)
    loaded.draw(loaded.embed(log_mel), noise)
    return "a face was drawn from random numbers, within the limits of time and memory"


def _licence(about: ModelDescription) -> Finding:
    licence = about.card.get("licence")
    if not isinstance(licence, str) or not licence.strip():
        text = "the card names none, so nobody may pass the model on; ask who made it"
        return Finding("licence", "wrong", text)
    return Finding("licence", "ok", licence)


def _card(bundle: Path, about: ModelDescription) -> list[Finding]:
    if missing := [name for name in _OF_CARD if not about.card.get(name)]:
        return [Finding("card", "wrong", f"says nothing of: {', '.join(missing)}")]
    if CARD_FILE not in file_names(bundle):
        return [Finding("card", "note", f"in model.json; there is no {CARD_FILE}")]
    if read_file(bundle, CARD_FILE).decode(errors="replace") != card_text(about):
        text = f"{CARD_FILE} differs from model.json, which counts (voice2face info shows it)"
        return [Finding("card", "note", text)]
    return [Finding("card", "ok", f"{', '.join(_OF_CARD)} are told")]
