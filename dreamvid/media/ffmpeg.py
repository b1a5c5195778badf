"""Running ffmpeg: one way to start it, feed it, stop it and say in one line why it failed.

ffmpeg is the binary that imageio-ffmpeg ships. It is always started with a list of arguments (no shell), may
open nothing but local files and pipes, and never outlives the context manager that started it.
"""

from __future__ import annotations

import functools
import os
import re
import subprocess
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Self, cast

from imageio_ffmpeg import get_ffmpeg_exe

from dreamvid.errors import MediaError
from dreamvid.runtime.processes import apart

# Containers that hold film or sound. Left out on purpose: playlists and scripts (hls, dash, concat, lavfi, ...),
# which may name other files, and the text demuxers that make a picture out of any file.
CONTAINERS = (
    "mov,matroska,avi,mpegts,mpeg,mpegvideo,flv,ogg,asf,gif,apng,mxf,ivf,yuv4mpegpipe,h264,hevc,obu,m4v,dv,nut,"
    "rm,wtv,mjpeg,wav,w64,mp3,flac,aac,ac3,eac3,aiff,caf,au,amr,ape,wv,tta,dts"
)
_OLDEST, _OLDEST_FORMATS = "7.0", (61, 0)
_CROPPING_FORMATS = (61, 7)  # of ffmpeg 7.1, which began to crop as the container says
_LAYER_FORMATS = (63, 0)  # of ffmpeg 9.0
_TAIL_LINES = 40
_CONSEQUENCES = (
    "Conversion failed!",
    "Error opening input file",
    "Error opening output file",
    "Nothing was written into output file",
    "Task finished with error code",
    "Terminating thread with return code",
    "Last message repeated",
)


def _command(arguments: Sequence[str], loglevel: str) -> list[str]:
    executable = _find_executable()
    _formats_version(executable)
    return [executable, "-nostdin", "-hide_banner", "-nostats", "-loglevel", loglevel, *arguments]


def _find_executable() -> str:
    try:
        return str(get_ffmpeg_exe())
    except RuntimeError as error:
        raise MediaError(
            "ffmpeg was not found; install imageio-ffmpeg with its binary, or set IMAGEIO_FFMPEG_EXE"
        ) from error


@functools.cache
def _formats_version(executable: str) -> tuple[int, int]:
    """Return the version of the libavformat in it, which builds without a version of their own have, too.

    Raises MediaError where it cannot be run or is older than what is needed.
    """
    remedy = f"set IMAGEIO_FFMPEG_EXE to ffmpeg {_OLDEST} or newer, or unset it to use the one from imageio-ffmpeg"
    try:
        done = subprocess.run(
            [executable, "-version"], stdin=subprocess.DEVNULL, capture_output=True, check=False, env=_environment()
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise MediaError(f"{executable}: this ffmpeg cannot be run ({reason}); {remedy}") from error
    told = done.stdout.decode("utf-8", "replace")
    name = re.match(r"ffmpeg version (\S+)", told)
    library = re.search(r"^libavformat +(\d+)\. *(\d+)\.", told, re.MULTILINE)
    if done.returncode or name is None or library is None:
        raise MediaError(f"{executable}: this is not a working ffmpeg; {remedy}")
    version = int(library[1]), int(library[2])
    if version < _OLDEST_FORMATS:
        raise MediaError(f"{executable}: ffmpeg {name[1]} is too old; {remedy}")
    return version


def _environment() -> dict[str, str]:
    """The surroundings of ffmpeg. Static builds crash when they load the system's tables of character sets, for the
    names of a broadcast's services: they get none to load."""
    return {**os.environ, "GCONV_PATH": os.devnull}


def about_ffmpeg() -> tuple[str, str]:
    """The path of ffmpeg, and its version as it says it itself.

    Raises MediaError where it is missing, cannot be run or is older than what is needed.
    """
    executable = _find_executable()
    _formats_version(executable)
    _, told, _ = run_ffmpeg(["-version"])
    return executable, told.split()[2].decode("utf-8", "replace")


def decodes_alpha_layers() -> bool:
    """Whether this ffmpeg decodes transparency that is a layer of HEVC."""
    return _formats_version(_find_executable()) >= _LAYER_FORMATS


def cropping_arguments() -> list[str]:
    """The arguments for an input whose container wants it cropped: that is not done, whatever ffmpeg's version."""
    return ["-apply_cropping", "codec"] if _formats_version(_find_executable()) >= _CROPPING_FORMATS else []


def input_arguments(path: Path, *options: str) -> list[str]:
    """Return the arguments that open the local file `path`, whatever characters its name holds."""
    return ["-protocol_whitelist", "file", "-format_whitelist", CONTAINERS, *options, "-i", file_url(path)]


def file_url(path: Path) -> str:
    """Return `path` such that ffmpeg takes neither a dash for an option nor a colon for a protocol."""
    return f"file:{path}"


def failure_reason(lines: Sequence[str]) -> str:
    """Return the line of ffmpeg's complaints that names the cause, without its memory addresses."""
    for line in reversed(lines):
        text = re.sub(r"\[([^]@]+?) @ 0x[0-9a-f]+\] ", "", line).strip()
        if text and not any(phrase in text for phrase in _CONSEQUENCES):
            return text.rstrip(".")
    return "ffmpeg gave no reason"


def run_ffmpeg(arguments: Sequence[str], *, loglevel: str = "error") -> tuple[int, bytes, str]:
    """Run ffmpeg to its end; return the exit code, standard output, and standard error as text."""
    done = subprocess.run(
        _command(arguments, loglevel),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=_environment(),
    )
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


@contextmanager
def open_ffmpeg_on(source: Sequence[str], arguments: Sequence[str]) -> Iterator[tuple[IO[bytes], Callable[[], str]]]:
    """Run a second ffmpeg with `arguments` on the standard output of a first one with `source`.

    Gives the standard output of the second one, and what says, once that was read to its end, why either has failed:
    "" where both have done their work. Both are gone when the block is left.
    """
    with tempfile.TemporaryFile() as errors, ExitStack() as closing:

        def start(words: Sequence[str], stdin: IO[bytes] | int) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                _command(words, "error"), stdin=stdin, stdout=subprocess.PIPE, stderr=errors, env=_environment()
            )
            closing.enter_context(process)
            closing.callback(process.kill)
            return process

        first = start(source, subprocess.DEVNULL)
        pipe = cast("IO[bytes]", first.stdout)
        second = start(arguments, pipe)
        pipe.close()  # so that the first one ends when the second one does

        def reason() -> str:
            codes = second.wait(), first.wait()
            errors.seek(0)
            lines = errors.read().decode("utf-8", "replace").splitlines()
            return failure_reason(lines) if any(codes) else ""

        yield cast("IO[bytes]", second.stdout), reason


class FFmpeg:
    """A running ffmpeg with a raw pipe in or out; `close`, or leaving the `with` block, ends the process.

    It runs apart, so that Ctrl-C in a terminal reaches the program, which then decides what
    becomes of its files, and not the encoder behind its back. Standard error is drained by a thread (a full
    pipe would stall ffmpeg), of which the last 40 lines are kept.
    """

    def __init__(self, arguments: Sequence[str], *, feed: bool = False) -> None:
        """Start ffmpeg with its standard input (`feed`) or else its standard output as a pipe."""
        self._process = subprocess.Popen(
            _command(arguments, "error"),
            stdin=subprocess.PIPE if feed else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if feed else subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=_environment(),
            **apart(),
        )
        self.pid = self._process.pid
        self._lines: deque[str] = deque(maxlen=_TAIL_LINES)
        self._drain = threading.Thread(target=self._keep_tail, name="ffmpeg-stderr", daemon=True)
        self._drain.start()

    def _keep_tail(self) -> None:
        for line in cast("IO[bytes]", self._process.stderr):
            self._lines.append(line.decode("utf-8", "replace"))

    @property
    def complained(self) -> bool:
        """Whether ffmpeg has written any error so far."""
        return bool(self._lines)

    @property
    def reason(self) -> str:
        """The cause of a failure in one line."""
        return failure_reason(list(self._lines))

    def read_into(self, buffer: bytearray) -> bool:
        """Fill `buffer` from standard output; return False if the stream ended before it was full."""
        pipe, view, filled = cast("IO[bytes]", self._process.stdout), memoryview(buffer), 0
        while filled < len(view):
            count = pipe.readinto(view[filled:])  # type: ignore[attr-defined]
            if not count:
                return False
            filled += count
        return True

    def write(self, data: memoryview) -> None:
        """Write all of the C-contiguous `data` to standard input. Raises BrokenPipeError if ffmpeg is gone."""
        pipe, view = cast("IO[bytes]", self._process.stdin), data.cast("B")
        while view:
            view = view[pipe.write(view) :]

    def finish(self) -> int:
        """Close the pipe to ffmpeg, wait for it to end by itself, and return its exit code."""
        if self._process.stdin:
            self._process.stdin.close()
        code = self._process.wait()
        self._drain.join()
        return code

    def kill(self) -> None:
        """End the process now. Safe to call again, and from another thread than the one that reads."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """End the process if it still runs, and close its pipes. May be called more than once."""
        self.kill()
        self._drain.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
