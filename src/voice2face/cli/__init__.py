"""The command `voice2face`. Every import that costs time is late, inside the command it serves."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from types import FrameType
from typing import NoReturn, TextIO

from voice2face import __version__
from voice2face.cli import (
    bundle_command,
    compare_command,
    data_commands,
    evaluate_commands,
    marks_commands,
    runtime_commands,
    serve_command,
    sweep_command,
    train_commands,
    web_command,
)
from voice2face.errors import RunStoppedError, Voice2FaceError, printable

_N_STREAMS = 3
_EPILOG = "Generated faces are typical of such voices; they are never a likeness of the speaker."


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: The command line without the program's name; None takes that of the process.

    Returns:
        Exit status: 0 all done, 1 something could not be done, 130 interrupted, or asked to
        stop. A command line that cannot be understood exits with 2.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A name that the terminal cannot show is told by escapes.
            stream.reconfigure(errors="backslashreplace")  # pyright: ignore[reportAttributeAccessIssue]
    options = build_parser().parse_args(arguments)
    # NumPy's matrix products here are small; threads for them only get in each other's way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        status = options.run(options)
        if sys.stdout is not None:
            sys.stdout.flush()  # what could not be told is no success
        return status
    except (Voice2FaceError, KeyboardInterrupt, OSError, MemoryError) as error:
        return _told(error)


def _told(error: BaseException) -> int:
    """Tell what ended a command, in one line; and give the exit status."""
    if isinstance(error, Voice2FaceError):
        text = str(error)
    elif isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    elif isinstance(error, MemoryError):
        text = "there is not enough memory"
    else:
        # Of a file whose name no function expected, such as one too long; else of a stream.
        assert isinstance(error, OSError)
        text = f"{os.fsdecode(error.filename or 'standard output')}: {error.strerror or error}"
        if error.filename is None:
            _silence(sys.stdout)
    # The reader of our output went away (such as `| head`): nothing more can be said.
    if not isinstance(error, BrokenPipeError):
        print(f"voice2face: {printable(text)}", file=sys.stderr)
    return 130 if isinstance(error, (RunStoppedError, KeyboardInterrupt)) else 1


def start() -> NoReturn:
    """Run the command of the process, and end the process."""
    # Files must not take the place of a standard stream that is closed.
    while (descriptor := os.open(os.devnull, os.O_RDWR)) < _N_STREAMS:
        pass
    os.close(descriptor)
    # Python has None for a closed one, and print takes None for standard output.
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: PTH123, SIM115
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # not on every system
            signal.signal(getattr(signal, name), _asked_to_end)
    status = main()
    try:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
    except OSError:
        # Its reader went away at the last moment.
        status = status or 1
        _silence(sys.stdout)
        _silence(sys.stderr)
    if not {"torch", "voice2face.data"} & sys.modules.keys():
        # Of the runtime half, all is written and no thread works any more: taking down its modules
        # one by one takes a tenth of a short command's time.
        os._exit(status)
    sys.exit(status)


def _silence(stream: TextIO | None) -> None:
    """Let what is still to be written to a stream go nowhere."""
    with contextlib.suppress(OSError):  # a stream that is no file
        if stream is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _asked_to_end(number: int, frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, so that half-written files are removed on the way."""
    raise SystemExit(128 + number)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="voice2face",
        description="Generate plausible faces from a voice recording.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def command(name: str, run: object, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text, epilog=_EPILOG)
        sub.set_defaults(run=run)
        return sub

    runtime_commands.add(command)
    bundle_command.add(command)
    marks_commands.add(command)
    serve_command.add(command)
    web_command.add(command)
    compare_command.add(command)
    data_commands.add(command)
    train_commands.add(command)
    evaluate_commands.add(command)
    sweep_command.add(command)
    return parser
