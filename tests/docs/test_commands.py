"""Every command of ours that a page shows is understood by the program, with every option."""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import write_media
from voice2face.audio.decode import decode
from voice2face.cli import build_parser

ROOT = Path(__file__).parents[2]
# What happened once is told as it was called then.
HISTORY = {"docs/log.md", "CHANGELOG.md"}
PAGES = sorted(
    path
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*.md")]
    if path.relative_to(ROOT).as_posix() not in HISTORY
)


def commands_of(text: str) -> list[list[str]]:
    """Find the calls of `voice2face` in blocks of code, without the shell around them."""
    joined = re.sub(r"\\\n\s*", " ", text)
    fenced = re.findall(r"^```(?:bash|sh|console)?\n(.*?)^```", joined, re.M | re.S)
    indented = re.findall(r"^ {4,}(.*voice2face.*)$", joined, re.M)
    found = []
    for line in [*"\n".join(fenced).splitlines(), *indented]:
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            tokens = list(lexer)
        except ValueError:  # no command, but what one prints
            continue
        command: list[str] | None = None
        for token in [*tokens, ";"]:
            if token == "voice2face" and command is None:
                command = []
            elif set(token) <= set("();<>|&"):
                if command:
                    found.append(command)
                command = None
            elif command is not None:
                if token != "...":  # and further arguments
                    command.append(token)
            elif not re.fullmatch(r"\w+=\S*", token):
                command = None
    return found


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Name all options of a command and of the commands below it."""
    names = set()
    for action in parser._actions:
        names.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                names |= options_of(below)
    return names


def parsers_of(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    below = [
        one
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for one in action.choices.values()
    ]
    return [parser, *(each for one in below for each in parsers_of(one))]


def test_a_block_of_code_is_taken_apart():
    text = (
        "Text of voice2face here.\n\n"
        "    OMP_NUM_THREADS=1 voice2face train all --preset debug \\\n"
        "        -o runs/a  # a comment\n"
        "    ffmpeg -i a.mkv -f wav - | voice2face generate - -o - > faces.png\n"
        "    voice2face: dog.wav: this isn't speech\n"
        "    cd a && voice2face web --open\n"
    )
    assert commands_of(text) == [
        ["train", "all", "--preset", "debug", "-o", "runs/a"],
        ["generate", "-", "-o", "-"],
        ["web", "--open"],
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_command_of_a_page_is_understood(page: Path, capsys: pytest.CaptureFixture[str]):
    for command in commands_of(page.read_text(encoding="utf-8")):
        assert _status(command) == 0, f"voice2face {shlex.join(command)}: {capsys.readouterr().err}"


def _status(command: list[str]) -> object:
    """Parse a command; give the exit status, which is 0 for --help and --version as well."""
    try:
        build_parser().parse_args(command)
    except SystemExit as end:
        return end.code
    return 0


def test_the_pages_show_commands():
    counts = {page.name: len(commands_of(page.read_text(encoding="utf-8"))) for page in PAGES}
    assert counts["try.md"] >= 8
    assert counts["train.md"] >= 8


def test_every_option_of_a_table_exists():
    """A row such as `--samples N` names an option of some command."""
    of_scripts = {"--small", "--images"}  # experiments/reproduce_the_paper.py
    known = options_of(build_parser()) | of_scripts
    for page in PAGES:
        rows = re.findall(r"^\| (`-[^|]*) \|", page.read_text(encoding="utf-8"), re.M)
        for name in re.findall(r"`(--?[a-z][a-z-]*)", " ".join(rows)):
            assert name in known, f"{page.name}: {name}"


def test_every_command_explains_itself():
    parsers = parsers_of(build_parser())
    assert len(parsers) > 15
    for parser in parsers:
        text = parser.format_help()
        for action in parser._actions:
            explained = action.help or action.metavar or action.choices
            assert explained, f"{parser.prog}: {action.dest} says nothing"
        assert text.startswith("usage: voice2face")


# What they name is elsewhere: a model of one's own or of the Hub, a cluster, any picture.
_ELSEWHERE = {"wen", "owner/name", "owner/name@v1", "dask", "ray", "PICTURE..."}
_FOR_A_VISITOR = {"generate", "morph", "features", "info", "sign-setup", "bundle"}


@pytest.mark.long
@pytest.mark.skipif(find_spec("c2pa") is None, reason="needs the extra [c2pa]")
def test_what_the_pages_show_to_a_visitor_runs(tmp_path):
    """Every command on recordings, in the order of the pages, with files of the names shown."""
    woman, man = (
        decode(ROOT / "examples" / f"librispeech-{number}.flac", "").waveform[None] / 32768
        for number in (4340, 3699)
    )
    for name, voice in {"me": woman, "you": man, "a": woman, "b": man}.items():
        write_media(tmp_path / f"{name}.wav", voice, codec="pcm_s16le")
    write_media(tmp_path / "talk.mp4", woman, codec="aac", sample_format="fltp")
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copytree(ROOT / "examples", tmp_path / "recordings")
    shutil.copytree(ROOT / "src/voice2face/models/starter", tmp_path / "runs/a/bundle")
    run = [sys.executable, "-m", "voice2face"]
    subprocess.run(
        [*run, "bundle", "pack", "runs/a/bundle", "-o", "theirs.zip"], cwd=tmp_path, check=True
    )
    n_run = 0
    for page in PAGES:
        for command in commands_of(page.read_text(encoding="utf-8")):
            if command[:1] and command[0] in _FOR_A_VISITOR and not _ELSEWHERE & {*command}:
                ended = subprocess.run(
                    [*run, *command],
                    cwd=tmp_path,
                    check=False,
                    input=(tmp_path / "me.wav").read_bytes(),
                    capture_output=True,
                )
                told = ended.stderr.decode()
                assert ended.returncode == 0, f"{page.name}: {shlex.join(command)}: {told}"
                n_run += 1
    assert n_run >= 15
    with Image.open(tmp_path / "morph.gif") as picture:
        assert picture.n_frames == 2 * 24 - 2  # there and back
    assert np.load(tmp_path / "me.npy").shape[1] == 64
