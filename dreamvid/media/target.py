"""Where output goes: default names, and what may not be overwritten."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from dreamvid.errors import MediaError
from dreamvid.images.header import holds_image, is_image
from dreamvid.images.write import temporary_beside
from dreamvid.media.codecs import PictureCodec
from dreamvid.media.names import ON_WINDOWS, OneFile, is_reserved_on_windows, made_name, name_beside, what_is
from dreamvid.media.sequence import NumberedFiles, list_sequence, parse_pattern
from dreamvid.runtime.registers import CODECS


def default_output(source: Path | str, codec: str = "h264") -> Path:
    """Return the output beside `source`: `clip.dream.mp4`, `still.dream.png` or `frames.dream/%05d.png`.

    The ending is that of `codec`, the first of those that it goes into; a video becomes numbered pictures where that
    is what the codec writes. The name of one file is a `OneFile`, and a long one is shortened to leave room for what
    lies beside it.
    """
    path = Path(source)
    chosen = CODECS.find(codec)
    image_suffix = chosen.suffix if isinstance(chosen, PictureCodec) else ".png"
    kind = what_is(path)
    if kind == "folder":
        folder = path
    elif kind == "nothing" and parse_pattern(path) is not None:
        folder = path.parent
    elif holds_image(path):
        return OneFile(path.with_name(made_name(path.stem, f".dream{image_suffix}")))
    elif isinstance(chosen, PictureCodec):
        return path.with_name(made_name(path.stem, ".dream")) / f"%05d{image_suffix}"
    else:
        return OneFile(path.with_name(made_name(path.stem, f".dream{chosen.suffixes[0]}")))
    if folder.name in ("", ".."):  # "." has no name of its own
        folder = folder.resolve()
    return folder.with_name(made_name(folder.name, ".dream")) / f"%05d{image_suffix}"


def beside(target: Path, ending: str) -> Path:
    """Return the name for what belongs to an output: `clip.mp4.json`; `frames.json` for `frames/%05d.png`, and
    `frames.left.json` for `frames/left_%05d.png`: it must not be taken for a picture of the folder."""
    files = output_pattern(target)
    if files is None:
        return target.with_name(name_beside(target.name, ending))
    folder = files.folder if files.folder.name not in ("", "..") else files.folder.resolve()
    name = ".".join(part for part in (folder.name, files.prefix.strip("._- ")) if part)
    return folder.with_name(name_beside(name, ending))


def output_pattern(path: Path) -> NumberedFiles | None:
    """Return the numbered files to write if `path` is the pattern of an image sequence, else None."""
    return parse_pattern(path) if is_image(path) and what_is(path) != "file" else None


def check_target(
    path: Path, files: NumberedFiles | None, *, overwrite: bool, protected: Sequence[Path]
) -> None:
    """Raise a MediaError unless `path`, or the sequence `files`, may be written and can be.

    A missing folder of a sequence is made, if the folder above is there.
    """
    if what_is(path) == "folder":
        raise MediaError(f"{path}: this is a folder; give a file in it, or {path / '%05d.png'} for a sequence")
    if ON_WINDOWS and is_reserved_on_windows(path.name):
        raise MediaError(f"{path}: Windows reserves this name, or a character in it; choose another name with -o")
    outputs = list(files.existing().values()) if files else [path]
    _check_protected(path, outputs, protected, sequence=files is not None)
    if not overwrite and (taken := next((item for item in outputs if item.exists() or item.is_symlink()), None)):
        raise MediaError(f"{taken}: already exists; replace it with --overwrite, or choose another name with -o")
    folder = path.parent
    if files and not folder.exists():
        with suppress(OSError):  # the check below says what is wrong
            folder.mkdir()
    if not folder.exists():
        raise MediaError(f"{path}: the folder {folder} does not exist; create it first")
    trial = temporary_beside(path)
    try:
        # Only trying tells: permissions, read-only disks and quotas all count, and root has every permission.
        trial.touch(exist_ok=False)
        trial.unlink()
    except OSError as error:
        raise MediaError(
            f"{path}: the folder {folder} is not writable ({error.strerror}); choose another one"
        ) from error


def _check_protected(path: Path, outputs: Sequence[Path], protected: Sequence[Path], *, sequence: bool) -> None:
    guarded = list(_expand(protected))
    identities = {_identity(item) for item in guarded} - {None}
    for output in outputs:
        if output.resolve() in {item.resolve() for item in guarded} or _identity(output) in identities:
            raise MediaError(f"{output}: this is an input, which is never overwritten; choose another name")
    folders = [item for item in protected if item.is_dir()]
    if sequence and any(path.parent.resolve() == folder.resolve() for folder in folders):
        raise MediaError(f"{path}: this is the folder of the input; choose another one")


def _expand(protected: Sequence[Path]) -> Iterable[Path]:
    """The files that the paths, folders and patterns stand for."""
    for item in protected:
        listed: list[Path] | None = None
        with suppress(MediaError):  # nothing there, nothing to protect
            listed = list_sequence(item)
        yield from [item] if listed is None else listed


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file apart whatever it is called; None if it does not exist."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
