"""The entry point: commands, exit codes, and one line for every error that a person can mend.

Exit codes: 0 done, 1 a dreamvid error, 2 usage, 130 interrupted.
"""

from __future__ import annotations

import atexit
import errno
import os
import sys
import threading
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from dreamvid.cli import (
    audio,
    doctor,
    dream,
    explore,
    farm,
    layers,
    models,
    presets,
    shots,
    studio,
    train,
    visualize,
    zoom,
)
from dreamvid.cli import run as run_command
from dreamvid.cli.app import DEFAULT, USAGE_ERROR, Command, app
from dreamvid.cli.terminal import settle_streams, take_signals, working_folder_is_there
from dreamvid.errors import DreamvidError, ResourceError, printable

_MENDABLE = (errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP, errno.EROFS, errno.ENOSPC, errno.EIO)
"""What a system says of files that a person can do something about, wherever it turns up first."""
_INTERRUPTED = 130
_NO_ROOM = ("failed to map segment", "cannot allocate memory", "can't start new thread", "could not create thread")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"dreamvid {version('dreamvid')}")
        raise typer.Exit


@app.callback()
def _group(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit")
    ] = False,
) -> None:
    r"""Turn video into dreams that follow the motion of the picture.

    dreamvid clip.mp4 --layer inception4d

    INPUT is a video, a picture, a numbered sequence (frames/%05d.png) or a folder of pictures.
    """


app.command(DEFAULT, hidden=True, cls=Command)(dream.dream)
app.command("zoom", cls=Command)(zoom.zoom)
app.command("explore", cls=Command)(explore.explore)
app.command("visualize", cls=Command)(visualize.visualize)
app.command("audio", cls=Command)(audio.audio)
app.command("shots", cls=Command)(shots.shots)
app.command("run", cls=Command)(run_command.run)
app.command("farm", cls=Command)(farm.farm)
app.command("models", cls=Command)(models.models)
app.command("layers", cls=Command)(layers.layers)
app.command("presets", cls=Command)(presets.presets)
app.command("train", cls=Command)(train.train)
app.command("doctor", cls=Command)(doctor.doctor)
app.command("studio", cls=Command)(studio.studio)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    settle_streams()
    take_signals()
    _let_threads_wait_a_little()
    code = run(arguments)
    sys.stdout.flush()
    failure = getattr(sys.stdout, "failure", None)
    if failure is not None:
        code = _complain(f"standard output: cannot be written ({failure.strerror})", code or DreamvidError.exit_code)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """Leave with an exit code, even if an interrupted command has left threads in the middle of a computation.

    Python ends such threads when they come back to it, and C++ code that is between answers by aborting the process.
    """
    if code == _INTERRUPTED and any(thread.daemon for thread in threading.enumerate()):
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _let_threads_wait_a_little() -> None:
    """Say how long threads that wait for each other spin before they sleep; OpenMP reads it when torch is loaded.

    Seconds of a carried frame (dreamnet, 480x270, two cores, idle and beside one busy process): asleep at once 0.73 and
    0.99, after 5,000 rounds 0.60 and 1.24, after 30,000 0.61 and 2.5. What the environment says goes before.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # for those that do not know the next
        os.environ.setdefault("GOMP_SPINCOUNT", "5000")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit code."""
    if not working_folder_is_there():
        return _complain("the working directory no longer exists; change to one that does", DreamvidError.exit_code)
    try:
        code = app(arguments, prog_name="dreamvid", standalone_mode=False)
    except DreamvidError as error:
        return _complain(str(error), error.exit_code)
    except (MemoryError, RuntimeError, ImportError, OSError) as error:
        if isinstance(error, OSError) and error.errno in _MENDABLE and error.filename is not None:
            where = printable(os.fsdecode(error.filename), 300)
            return _complain(f"{where}: {error.strerror}; check the name, the permissions and the disk", 1)
        if not _is_shortage(error):
            raise
        return _complain(
            "out of memory; use a smaller --max-size, or a machine with more memory", ResourceError.exit_code
        )
    except USAGE_ERROR as error:
        if not error.format_message():  # no arguments at all: the help has been shown
            return int(error.exit_code)
        return _complain(f"{error.format_message()} (see dreamvid --help)", error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    if code == _INTERRUPTED:  # typer reports Ctrl-C so
        return _complain("interrupted", code)
    return code if isinstance(code, int) else 0


def _is_shortage(error: Exception) -> bool:
    """Whether there was too little memory: for the work, or for loading the libraries that would tell."""
    if isinstance(error, MemoryError) or any(phrase in str(error).lower() for phrase in _NO_ROOM):
        return True
    if isinstance(error, (ImportError, OSError)):
        return False
    from dreamvid.runtime.memory import is_out_of_memory

    return is_out_of_memory(error)


def _complain(message: str, code: int) -> int:
    print(f"dreamvid: {' '.join(message.split())}", file=sys.stderr)  # noqa: T201
    return code


if __name__ == "__main__":
    main()
