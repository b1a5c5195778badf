"""`dreamvid shots CLIP`: where the cuts of a clip are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from dreamvid.config.settings import explain_fault
from dreamvid.errors import MediaError, SettingsError

if TYPE_CHECKING:
    from fractions import Fraction

    from dreamvid.config.timecode import ClipTimecode
    from dreamvid.media import Reader
    from dreamvid.runtime.events import Tell
    from dreamvid.shots.shots import Shot

T = TypeVar("T")


def shots(
    source: Annotated[
        Path, typer.Argument(metavar="CLIP", help="Video, sequence (frames/%05d.png) or folder of pictures")
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Write the list to a file: .csv for tables, .edl or .otio for editing applications",
        ),
    ] = None,
    cuts: Annotated[
        Path | None,
        typer.Option(
            "--cuts",
            metavar="FILE",
            help="Read the cuts from a file instead of detecting them: CSV, EDL, OTIO, or one frame or time per line",
        ),
    ] = None,
    thumbnails: Annotated[
        Path | None,
        typer.Option("--thumbnails", metavar="PNG", help="Draw a contact sheet with a picture of every shot"),
    ] = None,
    rate: Annotated[
        str | None,
        typer.Option("--rate", metavar="FPS", help="Frame rate of an image sequence", show_default="24"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files")] = False,
) -> None:
    """List the shots of a clip, and write them to a file for --cuts or for an editing application.

    dreamvid shots clip.mp4 -o shots.csv --thumbnails shots.png

    dreamvid clip.mp4 --cuts shots.csv --shots 3-7

    You can correct the list in any editor before you use it: delete a line to merge that shot into the one before it.
    """
    frames_per_second = None if rate is None else parse_rate(rate)

    from dreamvid.media.target import check_target
    from dreamvid.shots.shotlist import check_list_name, write_shots

    if output is not None:
        check_list_name(output)
    if thumbnails is not None and thumbnails.suffix.lower() != ".png":
        raise MediaError(f"{thumbnails}: the sheet is a PNG; give a name that ends in .png")
    for target in (output, thumbnails):
        if target is not None:
            check_target(target, None, overwrite=overwrite, protected=[path for path in (source, cuts) if path])
    told: list[object] = []
    reader, clip_rate = _open_clip(source, frames_per_second, told.append)
    told.clear()  # cuts are found however the clip is shown
    found = _find(reader, clip_rate, cuts)
    for event in told:
        typer.echo(str(event), err=True)
    timecode = reader.info.timecode
    _print_table(found, clip_rate, timecode)
    if output is not None:
        write_shots(output, found, clip_rate, clip=source, timecode=timecode, overwrite=overwrite)
    if thumbnails is not None:
        _draw(source, reader, found, clip_rate, thumbnails, overwrite=overwrite)


def parse_rate(text: str, option: str = "--rate") -> Fraction:
    """The frames per second of an option. Raises `SettingsError`."""
    from pydantic import TypeAdapter, ValidationError

    from dreamvid.config.types import FramesPerSecond

    try:
        value: Fraction = TypeAdapter(FramesPerSecond).validate_python(text)
    except ValidationError as error:
        raise SettingsError(f"{option}: {explain_fault(error)}") from None
    return value


def _open_clip(source: Path, rate: Fraction | None, tell: Tell) -> tuple[Reader, Fraction]:
    """A reader of small frames, and their rate."""
    from dreamvid.media import AS_CODED, open_reader
    from dreamvid.shots.shots import CUT_SIDE_PX

    reader = open_reader(source, max_size=CUT_SIDE_PX, rate=rate, tonemap=AS_CODED, tell=tell)
    if reader.rate is None:
        raise MediaError(f"{source}: a still picture has no shots; give a video, a sequence or a folder of pictures")
    if rate is not None and reader.info.kind == "video":
        raise SettingsError(f"--rate: {source} is a video and has its own frame rate; leave it out")
    return reader, reader.rate


def _find(reader: Reader, rate: Fraction, cuts: Path | None) -> list[Shot]:
    """The shots of the clip, by a list or by looking for them."""
    from dreamvid.motion import mark_cuts
    from dreamvid.shots.shotlist import read_shots
    from dreamvid.shots.shots import gather_shots

    if cuts is not None:
        return read_shots(cuts, rate, reader.frame_count, reader.info.timecode, reader.info.path)
    with reader:
        frames = _with_progress(reader, "detecting cuts", reader.frame_count)
        return list(gather_shots(begins for _, begins in mark_cuts(frames, float(rate))))


def _draw(
    source: Path, clip: Reader, found: Sequence[Shot], rate: Fraction, target: Path, *, overwrite: bool
) -> None:
    from dreamvid.media import open_reader
    from dreamvid.shots.thumbnails import draw_shots, picture_size, write_sheet

    size = picture_size(clip.info, len(found))
    with open_reader(source, size=size, rate=rate, tonemap="hable", info=clip.info) as reader:
        frames = _with_progress(reader, "drawing the sheet", found[-1].middle + 1)
        sheet = draw_shots(frames, found, rate, size, clip.info.timecode)
    write_sheet(target, sheet, overwrite=overwrite)


def _with_progress(items: Iterable[T], what: str, count: int) -> Iterator[T]:
    """The same items, with a bar on standard error while they are taken, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        yield from bar.track(items, total=count)


def _print_table(found: Sequence[Shot], rate: Fraction, timecode: ClipTimecode | None) -> None:
    from rich.console import Console
    from rich.table import Table

    from dreamvid.config.timecode import timecode_of

    table = Table(box=None, pad_edge=False)
    for heading in ("shot", "first frame", "frames", "start", "end", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for shot in found:
        start, end = (timecode_of(frame, rate, timecode) for frame in (shot.first, shot.end))
        seconds = f"{float(shot.frames / rate):.2f}"
        table.add_row(str(shot.number), str(shot.first), str(shot.frames), start, end, seconds)
    console = Console(highlight=False, soft_wrap=True)
    if timecode is not None:
        kind = " (drop-frame)" if timecode.drop else ""
        reel = "" if timecode.reel is None else f", reel {timecode.reel}"
        console.print(f"timecode {timecode}{kind} at {float(rate):.5g} frames per second{reel}", markup=False)
    console.print(table)
