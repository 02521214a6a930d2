"""The commands `bundle` and `push`: check what somebody sent, make it one file, publish it."""

from __future__ import annotations

import argparse

from voice2face.cli.arguments import Command, file_path, model_name
from voice2face.errors import BundleError, ConfigError, printable

_RESULT_WIDTH, _CHECK_WIDTH = 6, 10


def add(command: Command) -> None:
    """Add the command."""
    bundle = command("bundle", None, "check a model bundle, or make it one file")
    parts = bundle.add_subparsers(metavar="ACTION", required=True)
    text = "say what a bundle holds and whether it can be used; refuse it if not"
    sub = parts.add_parser("check", help=text, description=text)
    sub.set_defaults(run=_check)
    sub.add_argument("bundle", type=model_name, metavar="BUNDLE", help="as --model of generate")
    text = "make one file of a bundle, the same bytes for the same bundle"
    sub = parts.add_parser("pack", help=text, description=text)
    sub.set_defaults(run=_pack)
    sub.add_argument("bundle", type=model_name, metavar="BUNDLE", help="as --model of generate")
    sub.add_argument("-o", "--out", type=file_path, required=True, metavar="NAME.zip")
    sub = command("push", _push, "publish a model on the Hugging Face Hub, with its card")
    sub.add_argument(
        "source", type=file_path, metavar="RUN|BUNDLE", help="run folder, or bundle: folder or .zip"
    )
    sub.add_argument("repository", metavar="OWNER/NAME", help="repository; made if there is none")
    sub.add_argument("--private", action="store_true", help="for the owner only, if it is made")
    sub.add_argument(
        "--licence",
        metavar="ID",
        help="the Hub's name of the licence, such as cc-by-nc-4.0 (default: as the data demand)",
    )


def _check(options: argparse.Namespace) -> int:
    from voice2face.runtime.bundle_check import check_bundle
    from voice2face.runtime.description import find_bundle, read_description

    bundle = find_bundle(options.bundle)
    about = read_description(bundle)
    findings = check_bundle(bundle)
    print(printable(f"{bundle}: model {about.name!r}"))
    for one in findings:
        print(
            printable(f"  {one.result:{_RESULT_WIDTH}}{one.check:{_CHECK_WIDTH}} {one.text}"),
        )
    if wrong := [one for one in findings if one.result == "wrong"]:
        what = "; ".join(f"{one.check}: {one.text}" for one in wrong)
        raise BundleError(f"{bundle}: refused ({what})")
    return 0


def _pack(options: argparse.Namespace) -> int:
    from voice2face.runtime.bundle import Bundle
    from voice2face.runtime.bundle_file import CARD_FILE, DESCRIPTION_FILE, file_names, write_zip
    from voice2face.runtime.description import find_bundle

    if options.out.suffix != ".zip":
        raise ConfigError(f"{options.out}: give a name that ends in .zip")
    bundle = find_bundle(options.bundle)
    description = Bundle(bundle).description  # only what can be used is packed
    names = [DESCRIPTION_FILE, *description.files]
    names += [CARD_FILE] if CARD_FILE in file_names(bundle) else []
    write_zip(bundle, names, options.out)
    print(printable(f"{bundle} -> {options.out} ({options.out.stat().st_size / 1e6:.1f} MB)"))
    return 0


def _push(options: argparse.Namespace) -> int:
    from voice2face.runtime.hub import push

    address = push(options.source, options.repository, options.private, options.licence)
    print(printable(f"{options.source} -> {address}"))
    return 0
