"""The commands `verify` and `sign-setup`, and the option `--sign`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from voice2face.cli.arguments import Command, file_path
from voice2face.errors import DataError, printable

if TYPE_CHECKING:
    from voice2face.runtime.signing import Signer

_UNSURE = 3


def add(command: Command) -> None:
    """Add the commands."""
    sub = command(
        "verify",
        _verify,
        "tell whether pictures were made by this program. Exit status: 0 all were, 3 of at least "
        "one that is only probable or cannot be told, 1 one cannot be read",
    )
    sub.add_argument("pictures", nargs="+", type=file_path, metavar="PICTURE")
    sub.add_argument("--json", action="store_true", help="print a JSON line for each picture")
    sub = command(
        "sign-setup", _sign_setup, "make a certificate and key to try generate --sign with"
    )
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="FOLDER")


def signing_options(sub: argparse.ArgumentParser) -> None:
    """Add `--sign` to a command that writes pictures."""
    sub.add_argument(
        "--sign",
        nargs=2,
        type=file_path,
        metavar=("CERTIFICATES.pem", "KEY.pem"),
        help="sign the pictures with Content Credentials (C2PA); needs the extra [c2pa]",
    )


def signer(options: argparse.Namespace) -> Signer | None:
    """Load what `--sign` names; None where it is not given."""
    if not options.sign:
        return None
    from voice2face.runtime.signing import Signer

    return Signer(*options.sign)


def suffix_of(out: Path | None) -> str:
    """Kind of the pictures: that of a single file's name, or else PNG."""
    from voice2face.images.sheet import PICTURE_SUFFIXES

    suffix = ".png" if out is None or out.is_dir() else out.suffix.lower()
    return suffix if suffix in PICTURE_SUFFIXES else ".png"


def _verify(options: argparse.Namespace) -> int:
    from voice2face.runtime.verify import MADE, verify

    status = 0
    for picture in options.pictures:
        try:
            found = verify(picture)
        except DataError as error:
            if options.json:
                print(json.dumps({"picture": str(picture), "error": str(error)}))
            print(f"voice2face: {printable(str(error))}", file=sys.stderr)
            status = 1
            continue
        if found.verdict != MADE:
            status = status or _UNSURE
        if options.json:
            print(json.dumps(found.to_json()))
        else:
            print("\n".join(map(printable, found.text.splitlines())))
    return status


def _sign_setup(options: argparse.Namespace) -> int:
    from voice2face.runtime.signing import make_trial_chain

    certificates, key = make_trial_chain(options.out)
    print(printable(f"{certificates}, {key}: for trials; others' readers say: signer not trusted"))
    return 0
