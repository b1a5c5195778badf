"""`dreamvid audio FILE`: what a sound track says to the picture, drawn and as a table."""

from __future__ import annotations

import math
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dreamvid.cli.options import with_options
from dreamvid.config.fields import Group, input_files, setting
from dreamvid.config.settings import SoundSettings
from dreamvid.config.sound import GridSettings
from dreamvid.config.types import FramesPerSecond
from dreamvid.errors import MediaError, SettingsError

if TYPE_CHECKING:
    from dreamvid.audio import SoundAnalysis

_RATE_WITHOUT_PICTURE = Fraction(24)


class TableSettings(Group):
    """What the rows of the table are."""

    fps: FramesPerSecond | None = setting(
        None, "Frame rate of the table [default: that of the film; 24 for sound alone]", "FPS"
    )


@with_options([("Sound", SoundSettings), ("Correct the beats", GridSettings), ("Table", TableSettings)], "audio")
def audio(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="Song or film")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="PNG", help="Picture to write", show_default="<stem>.audio.png"),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Table to write", show_default="next to the picture"),
    ] = None,
    beats_out: Annotated[
        Path | None,
        typer.Option(
            "--beats-out",
            metavar="FILE",
            help="Write beats, bars and sections, to be edited and given back as --beats: a table, or labels of "
            "Audacity where the name ends in .txt",
        ),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing files")] = False,
    given: dict[str, Any] = {},  # noqa: B006 - filled in by `with_options`
) -> None:
    """Show what the picture will follow in a song: loudness, bass, mid, high, onsets and beats, frame by frame; its
    bars and sections; and its stems, bands, score and curves.

    dreamvid audio song.mp3

    dreamvid audio song.mp3 --stem drums=drums.wav --band kick=40-90

    dreamvid audio song.mp3 --beats-out grid.csv

    dreamvid audio song.mp3 --tempo half --downbeat 1.25 --beats-out grid.csv

    dreamvid clip.mp4 --react song.mp3 --strength "0.6 + 0.8*bass"
    """
    sound = SoundSettings(**{name: value for name, value in given.items() if name in SoundSettings.model_fields})
    edits = GridSettings(**{name: value for name, value in given.items() if name in GridSettings.model_fields})
    fps = TableSettings(fps=given.get("fps")).fps

    from dreamvid.audio.analysis import with_grid
    from dreamvid.audio.drawing import describe, describe_loops, describe_score, describe_sections, draw_analysis
    from dreamvid.audio.gridedit import edit_grid
    from dreamvid.audio.hearing import all_names, hear, scores_of
    from dreamvid.images.header import check_file
    from dreamvid.images.write import check_image_target
    from dreamvid.media import write_image
    from dreamvid.media.names import made_name
    from dreamvid.media.target import check_target

    check_file(source)
    picture = output or source.with_name(made_name(source.stem, ".audio.png"))
    table = csv or picture.with_suffix(".csv")
    if table.absolute() == picture.absolute():
        raise SettingsError(f"--csv: {table} is also the name of the picture; give the table another name")
    check_image_target(picture, 8)
    for target in (picture, table, *([beats_out] if beats_out else ())):
        check_target(target, None, overwrite=overwrite, protected=[source, *input_files(sound).values()])
    score = scores_of(sound)
    analysis = hear(sound, all_names(sound, score), source, fps or _rate_of(source) or _RATE_WITHOUT_PICTURE)
    if edits != GridSettings():
        analysis = with_grid(analysis, edit_grid(analysis.sound_grid, edits), sound.offset, sound.release)
    write_image(picture, draw_analysis(analysis, source.name, score), overwrite=overwrite)
    _write_table(table, analysis, *_raster(source, fps, analysis.duration), overwrite=overwrite)
    if beats_out is not None:
        _write_beats(beats_out, analysis, overwrite=overwrite)
    typer.echo(describe(analysis))
    for line in [*describe_loops(analysis), *describe_sections(analysis)]:
        typer.echo(line)
    if score is not None:
        typer.echo(describe_score(score))
    typer.echo(picture)
    typer.echo(table)
    if beats_out is not None:
        typer.echo(beats_out)


def _rate_of(source: Path) -> Fraction | None:
    """The frame rate of a film; None for sound alone."""
    from dreamvid.media import probe

    with suppress(MediaError):  # what is wrong with its sound is said when that is read
        return probe(source).rate
    return None


def _raster(source: Path, fps: Fraction | None, duration: float) -> tuple[Fraction, int]:
    """Return the rate and number of a film's frames, or of those that a sound without picture fills."""
    from dreamvid.media import probe

    with suppress(MediaError):  # its sound has been read, so what is missing is a picture
        info = probe(source)
        if fps in (None, info.rate) and info.rate is not None:
            return info.rate, info.frame_count
        duration = float(info.duration or duration)
    fps = fps or _RATE_WITHOUT_PICTURE
    return fps, math.ceil(duration * fps)


def _write_beats(path: Path, analysis: SoundAnalysis, *, overwrite: bool) -> None:
    """Write the grid in the time of the sound."""
    from dreamvid.audio.gridfile import write_grid
    from dreamvid.images.write import publish, temporary_beside

    temporary = temporary_beside(path)
    try:
        write_grid(temporary, analysis.sound_grid.within(0, analysis.duration))
        publish(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); check the folder and the disk") from error
    finally:
        temporary.unlink(missing_ok=True)


def _write_table(path: Path, analysis: SoundAnalysis, fps: Fraction, frames: int, *, overwrite: bool) -> None:
    """Write one line a frame: its number, its time in seconds, and each envelope as a render at `fps` gets it."""
    import csv

    from dreamvid.images.write import publish, temporary_beside

    temporary = temporary_beside(path)
    try:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["frame", "seconds", *analysis.envelopes, *analysis.signals])
            for frame in range(frames):
                seconds = frame / fps
                heard = analysis.at(float(seconds), float(1 / fps))
                writer.writerow([frame, f"{float(seconds):.6f}", *(f"{value:.4f}" for value in heard.values())])
        publish(temporary, path, overwrite=overwrite)
    except OSError as error:
        raise MediaError(f"{path}: cannot be written ({error.strerror}); check the folder and the disk") from error
    finally:
        temporary.unlink(missing_ok=True)
