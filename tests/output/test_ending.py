"""How a render ends: with its sound and tags, after a kill at any step, or with another file in its source's place."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dreamvid.config.settings import ZoomSettings, make_settings
from dreamvid.errors import DreamvidError, MediaError, SettingsError
from dreamvid.images import write
from dreamvid.media import FloatImage, open_reader, open_writer, probe, read_metadata, write_image
from dreamvid.media.ffmpeg import run_ffmpeg
from dreamvid.media.probe import probe_sound
from dreamvid.output import fingerprint, journal_folder
from dreamvid.output.journal import Journal
from dreamvid.render import Finished, FrameDone, Job, Notice, Started, render_job
from dreamvid.zoom.job import ZoomJob, render_zoom
from tests.output.stopping import stop_after

VALUES: dict[str, Any] = {
    "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "warm_iterations": 1,
    "precision": "fp32", "threads": 1, "save_every": 0, "step": 1, "cuts": "none",
}  # fmt: skip


def film(path: Path, *options: str, frames: int = 12, sound: str = "sine=d=0.5") -> Path:
    """A clip of 64x48 with sound."""
    picture = ["-f", "lavfi", "-i", f"testsrc2=s=64x48:r=24:d={frames / 24}", "-f", "lavfi", "-i", sound]
    code, _, stderr = run_ffmpeg([*picture, "-c:v", "libx264", "-pix_fmt", "yuv420p", *options, str(path)])
    assert not code, stderr
    return path


def silence(layout: str, channels: int) -> str:
    return f"aevalsrc={'|'.join(['0.1*sin(t)'] * channels)}:d=0.5:c={layout}"


def job(source: Path, target: Path, *, overwrite: bool = False, fresh: bool = False, **values: Any) -> Job:
    return Job(source, target, make_settings(VALUES, values), overwrite=overwrite, fresh=fresh)


def notices(render: Job) -> list[str]:
    return [event.text for event in render_job(render) if isinstance(event, Notice)]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- sound and tags


@pytest.mark.parametrize(
    ("source", "options", "sound", "target", "codec", "told"),
    [
        ("a.mov", ["-c:a", "pcm_s16le"], silence("7.1(wide)", 8), "b.mp4", "aac", False),
        ("a.mov", ["-c:a", "pcm_s16le"], silence("16c", 16), "b.mp4", "aac", True),
        ("a.mp4", ["-c:a", "ac3"], silence("5.1(side)", 6), "b.webm", "opus", True),
        ("a.mov", ["-c:a", "pcm_s8"], "sine=d=0.5", "b.mkv", "pcm_s16le", True),
        ("a.mp4", ["-c:a", "aac"], "sine=d=0.5", "b.mp4", "aac", False),
    ],
)
def test_sound_that_does_not_fit_is_converted(
    source: str, options: list[str], sound: str, target: str, codec: str, told: bool, tmp_path: Path
) -> None:
    clip = film(tmp_path / source, *options, sound=sound)
    kind: dict[str, Any] = {"codec": "av1", "size": "64x64"} if target.endswith(".webm") else {}
    said = notices(job(clip, tmp_path / target, frames=4, **kind))
    assert probe_sound(tmp_path / target).codecs == (codec,)
    assert any("sound track 1" in text and "is converted" in text for text in said) == told


def test_a_sound_track_that_nothing_decodes_is_left_out_before_the_first_frame(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mp4", "-map", "0:v", "-map", "1:a", "-map", "1:a", "-c:a", "aac")
    content = bytearray(clip.read_bytes())
    for box, other in ((b"mp4a", b"apac"), (b"esds", b"xxxx")):  # the second track's
        place = content.rfind(box)
        content[place : place + 4] = other
    clip.write_bytes(content)
    events = list(render_job(job(clip, tmp_path / "b.mp4", frames=3)))
    begun = next(number for number, event in enumerate(events) if isinstance(event, Started))
    (line,) = [event.text for event in events[:begun] if isinstance(event, Notice) and "sound" in event.text]
    assert "sound track 2" in line
    assert "left out" in line
    assert probe_sound(tmp_path / "b.mp4").codecs == ("aac",)


@pytest.mark.parametrize("target", ["b.mp4", "b.mkv"])
def test_a_tag_of_any_length_is_kept(target: str, tmp_path: Path) -> None:
    workflow = json.dumps({"nodes": ["=;#\\\n", "é" * 150_000]})
    clip = tmp_path / "a.mkv"
    kind = {"width": 64, "height": 48, "rate": Fraction(24)}
    with open_writer(clip, **kind, metadata={"workflow": workflow}) as writer:  # type: ignore[arg-type]
        for _ in range(3):
            writer.write(np.full((48, 64, 3), 0.5, np.float32))
    assert read_metadata(clip)["workflow"] == workflow
    assert notices(job(clip, tmp_path / target)) == []
    assert read_metadata(tmp_path / target)["workflow"] == workflow


def test_what_cannot_be_joined_at_the_end_does_not_cost_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sound is fine in its first tenth of a second, which is tried, and damaged beyond."""
    from dreamvid.media import mux

    clip = film(tmp_path / "a.mp4", "-c:a", "aac")
    attempt = mux._mux_once

    def failing(picture: Any, target: Path, seconds: Any, sound: Any, *rest: Any) -> str | None:
        return "it is damaged" if sound is not None else attempt(picture, target, seconds, sound, *rest)

    monkeypatch.setattr(mux, "_mux_once", failing)
    assert [text for text in notices(job(clip, tmp_path / "b.mp4")) if "it is damaged" in text]
    assert probe(tmp_path / "b.mp4").frame_count == 12
    assert probe_sound(tmp_path / "b.mp4").codecs == ()


def test_other_sound_and_no_sidecar_go_on_with_the_same_frames(tmp_path: Path) -> None:
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "b.mp4"
    stop_after(job(clip, target), 6)
    events = list(render_job(job(clip, target, audio="none", sidecar=False)))
    assert next(event.resumed for event in events if isinstance(event, Started)) > 0
    assert probe(target).audio_codec is None
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize("happens", ["deleted", "replaced"])
def test_a_source_that_changes_under_a_render_keeps_its_frames(happens: str, tmp_path: Path) -> None:
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "b.mp4"
    kept = shutil.copy2(clip, tmp_path / "kept.mp4")
    events = render_job(job(clip, target))
    with pytest.raises(MediaError, match=r"a\.mp4: (disappeared|was replaced).*frames are kept"):
        for event in events:
            if isinstance(event, FrameDone) and event.frame == 5:
                other = film(tmp_path / "other.mp4", "-c:a", "aac", "-metadata", "title=other")
                clip.unlink() if happens == "deleted" else other.replace(clip)
    assert not target.exists()
    shutil.move(kept, clip)
    resumed = [event for event in render_job(job(clip, target)) if isinstance(event, FrameDone)]
    assert resumed == []
    assert probe(target).audio_codec == "aac"


# -- kills


class Killed(BaseException):
    """Stands for a kill: nothing after it is done, clean-up least of all."""


def kill_at(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, *, before: bool) -> None:
    """From here on, a call of the function ends the process, before or after it has worked."""
    real = getattr(owner, name)

    def killed(*arguments: Any, **options: Any) -> None:
        if not before:
            real(*arguments, **options)
        raise Killed

    monkeypatch.setattr(owner, name, killed)


STEPS: dict[str, tuple[str, str, bool]] = {
    "before the film is joined": ("dreamvid.output.recorder", "join_segments", True),
    "after the film is joined": ("dreamvid.output.recorder", "join_segments", False),
    "before it gets its name": ("dreamvid.output.journal_folder", "publish", True),
    "after it has its name": ("dreamvid.output.journal_folder", "publish", False),
    "before the report": ("dreamvid.output.report", "draw_report", True),
}


@pytest.mark.parametrize("kind", ["film", pytest.param("zoom", marks=pytest.mark.slow)])
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_of_the_end_the_same_command_ends_well(
    step: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, name, before = STEPS[step]
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "b.mp4"
    zoom = ZoomSettings(**{**make_zoom(), "report": True})

    def render() -> list[Any]:
        if kind == "film":
            return list(render_job(job(clip, target, report=True)))
        return list(render_zoom(ZoomJob(target=target, settings=zoom)))

    with monkeypatch.context() as patch:
        kill_at(patch, importlib.import_module(module), name, before=before)
        # A killed process releases its lock and cleans nothing up.
        patch.setattr(journal_folder.JournalFolder, "__exit__", lambda self, *_: self._lock.release())
        with pytest.raises(Killed):
            render()
    events = render()
    assert isinstance(events[-1], Finished)
    assert events[-1].frames == (12 if kind == "film" else 6)
    assert not [event for event in events if isinstance(event, FrameDone)]  # nothing is dreamed twice
    assert names(tmp_path) == ["a.mp4", "b.mp4", "b.mp4.json", "b.mp4.report.jsonl", "b.mp4.report.png"]
    assert len((tmp_path / "b.mp4.report.jsonl").read_text().splitlines()) == events[-1].frames
    with pytest.raises(MediaError, match="already exists"):
        render()


def test_pictures_that_were_finished_before_their_report_are_not_in_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "frames" / "%04d.png"
    with monkeypatch.context() as patch:
        kill_at(patch, importlib.import_module("dreamvid.output.report"), "draw_report", before=True)
        patch.setattr(journal_folder.JournalFolder, "__exit__", lambda self, *_: self._lock.release())
        with pytest.raises(Killed):
            list(render_job(job(clip, target, report=True)))
    assert (tmp_path / "frames.report.jsonl").exists()
    list(render_job(job(clip, target, report=True)))
    assert names(tmp_path) == ["a.mp4", "frames", "frames.json", "frames.report.jsonl", "frames.report.png"]
    assert len(names(tmp_path / "frames")) == 12


def make_zoom() -> dict[str, Any]:
    return {
        "model": "dreamnet", "layer": "inception3a", "octaves": 1, "iterations": 1, "step": 1, "threads": 1,
        "precision": "fp32", "save_every": 0, "size": "64x48", "duration": "0.25", "fps": "24",
    }  # fmt: skip


@pytest.mark.parametrize(
    "left", [[], ["lock"], [".journal.json.part"], ["lock", "state-00000003.st", "frame-00000002.png"]]
)
def test_a_journal_that_was_being_made_or_removed_is_in_nobodys_way(left: list[str], tmp_path: Path) -> None:
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "b.mp4"
    folder = tmp_path / "b.mp4.journal"
    folder.mkdir()
    for name in left:
        (folder / name).write_bytes(b"half")
    list(render_job(job(clip, target, sidecar=False)))
    assert names(tmp_path) == ["a.mp4", "b.mp4"]


def test_a_strangers_folder_is_left_alone(tmp_path: Path) -> None:
    clip = film(tmp_path / "a.mp4", "-c:a", "aac")
    diary = tmp_path / "b.mp4.journal" / "diary.txt"
    diary.parent.mkdir()
    diary.write_text("mine")
    for fresh in (False, True):
        with pytest.raises(MediaError, match=r"b.mp4.journal: is not a dreamvid journal"):
            list(render_job(job(clip, tmp_path / "b.mp4", fresh=fresh, overwrite=fresh)))
    assert diary.read_text() == "mine"


def test_a_strangers_file_in_a_journal_stays(tmp_path: Path) -> None:
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "b.mp4"
    stop_after(job(clip, target), 6)
    note = tmp_path / "b.mp4.journal" / "note to self.txt"
    note.write_text("mine")
    list(render_job(job(clip, target)))
    assert note.read_text() == "mine"


# -- nothing is lost


def pictures(folder: Path, count: int, value: float) -> Path:
    folder.mkdir(exist_ok=True)
    for number in range(1, count + 1):
        write_image(folder / f"{number:04}.png", np.full((48, 64, 3), value, np.float32))
    return folder / "%04d.png"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MediaError("the disk is full"), GeneratorExit])
def test_old_pictures_outlive_an_interrupted_replacement(
    error: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = film(tmp_path / "a.mp4", "-c:a", "aac")
    target = pictures(tmp_path / "frames", 12, 0.25)
    events: Any = render_job(job(clip, target, overwrite=True))
    with pytest.raises(type(error) if isinstance(error, Exception) else error):
        for event in events:
            if isinstance(event, FrameDone) and event.frame == 2:
                events.throw(error)
    assert len(list((tmp_path / "frames").iterdir())) == 12
    list(render_job(job(clip, target, overwrite=True, frames=5, fresh=True)))
    assert len(list((tmp_path / "frames").iterdir())) == 5  # a finished one does replace a longer one


def change_pictures(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        write_image(path, np.full((48, 64, 3), 0.75, np.float32))


def change_the_middle(clip: Path) -> None:
    with clip.open("r+b") as file:
        file.seek(clip.stat().st_size * 2 // 3)
        file.write(os.urandom(7))


@pytest.mark.parametrize("kind", ["sequence", "clip"])
def test_a_changed_source_is_noticed_when_a_render_goes_on(kind: str, tmp_path: Path) -> None:
    change: Callable[[Path], None]
    if kind == "sequence":
        source = tmp_path / "in"
        source.mkdir()
        for number in range(8):
            write_image(source / f"{number:04}.bmp", np.full((48, 64, 3), 0.25, np.float32))

        def change(path: Path) -> None:
            write_image(path / "0001.bmp", np.full((48, 64, 3), 0.75, np.float32))
    else:
        source = film(tmp_path / "a.mp4", "-c:a", "pcm_s16le", "-f", "mov", sound="sine=d=0.5")
        change = change_the_middle
    stop_after(job(source, tmp_path / "b.mp4"), 4)
    size = sum(path.stat().st_size for path in (source.iterdir() if source.is_dir() else [source]))
    change(source)
    assert size == sum(path.stat().st_size for path in (source.iterdir() if source.is_dir() else [source]))
    with pytest.raises(SettingsError, match=r"differs in source|of another source"):
        list(render_job(job(source, tmp_path / "b.mp4")))


def test_a_picture_that_is_still_to_come_may_be_mended(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "b.mp4"
    source.mkdir()
    for number in range(8):
        write_image(source / f"{number:04}.png", np.full((48, 64, 3), 0.25, np.float32))
    whole = (source / "0006.png").read_bytes()
    (source / "0006.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match=r"0006\.png"):
        list(render_job(job(source, target)))
    (source / "0006.png").write_bytes(whole)
    assert next(event.resumed for event in render_job(job(source, target)) if isinstance(event, Started)) > 0


def test_a_source_that_was_only_touched_or_copied_is_the_same(tmp_path: Path) -> None:
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "b.mp4"
    stop_after(job(clip, target), 6)
    os.utime(clip, (1, 1))
    list(render_job(job(clip, target)))
    assert probe(target).frame_count == 12


def tampered(path: Path, change: Callable[[dict[str, Any]], None], *, forged: bool) -> None:
    """Change the index of a journal; `forged`: with the digest that it then should have."""
    index = json.loads(path.read_text())
    change(index)
    if forged:
        index.pop("check")
        index["check"] = journal_folder._check(index)
    path.write_text(json.dumps(index))


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a name outside": lambda index: index["digests"].update({"../../evil.mp4": "0"}),
    "a number too large": lambda index: index.update(first_open=10**9),
    "a number below": lambda index: index.update(first_open=-3),
    "a number that is text": lambda index: index.update(first_open="2"),
    "a segment too few": lambda index: index.update(segments=index["segments"] - 1),
    "a great many segments": lambda index: index.update(segments=10**12, done=10**12),
    "no number": lambda index: index.update(segments=True),
    "digests that are none": lambda index: index.update(digests=[1]),
    "nothing": lambda index: index.clear(),
}


FORGED = [(change, forged) for change in CHANGES for forged in (False, True)]


@pytest.mark.parametrize(
    ("change", "forged"),
    [pytest.param(*case, marks=pytest.mark.slow if number % 3 else ()) for number, case in enumerate(FORGED)],
)
def test_a_tampered_journal_is_not_believed(
    change: str, forged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if change == "nothing" and forged:
        pytest.skip("there is nothing to forge")
    monkeypatch.setattr("dreamvid.output.recorder.segment_length", lambda *_, **__: 3)
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "b.mp4"
    stop_after(job(clip, target), 8)
    tampered(tmp_path / "b.mp4.journal" / "journal.json", CHANGES[change], forged=forged)
    with pytest.raises(MediaError, match=r"b\.mp4\.journal: is damaged"):
        list(render_job(job(clip, target)))
    list(render_job(job(clip, target, fresh=True)))
    assert probe(target).frame_count == 12


def test_a_journal_that_says_it_is_finished_is_not_believed_without_its_digest(tmp_path: Path) -> None:
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "frames" / "%04d.png"
    stop_after(job(clip, target), 6)
    index = tmp_path / "frames.journal" / "journal.json"
    tampered(index, lambda values: values.update(film={"frames": 12}), forged=False)
    with pytest.raises(MediaError, match=r"frames\.journal: is damaged \(journal.json was changed\)"):
        list(render_job(job(clip, target)))


@pytest.mark.parametrize("kind", ["state-", "segment-", "frame-"])
def test_a_damaged_file_of_a_journal_is_noticed(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dreamvid.output.recorder.segment_length", lambda *_, **__: 240 if kind == "frame-" else 3)
    clip, target = film(tmp_path / "a.mp4", "-c:a", "aac"), tmp_path / "b.mp4"
    stop_after(job(clip, target), 9)
    path = next(path for path in sorted((tmp_path / "b.mp4.journal").iterdir()) if path.name.startswith(kind))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(MediaError, match=rf"is damaged \({path.name} was changed\)"):
        list(render_job(job(clip, target)))


def test_the_cause_is_told_where_a_sequence_fails_at_its_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dreamvid.media import write_images

    def failing(*_: Any, **__: Any) -> None:
        raise MediaError("the profile is too large")

    monkeypatch.setattr(write_images, "write_image", failing)
    clip = film(tmp_path / "a.mp4", "-c:a", "aac")
    with pytest.raises(DreamvidError, match="the profile is too large"):
        list(render_job(job(clip, tmp_path / "frames" / "%04d.png")))


def frames_of(path: Path) -> list[FloatImage]:
    with open_reader(path) as reader:
        return list(reader)


def test_a_name_is_given_at_once_so_that_a_kill_leaves_no_empty_file_under_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, target = tmp_path / ".made.png", tmp_path / "target.png"
    made.write_bytes(b"whole")
    with monkeypatch.context() as patch:
        for name in ("replace", "unlink"):
            kill_at(patch, Path, name, before=True)
        with pytest.raises(Killed):
            write.publish(made, target, overwrite=False)
    assert target.read_bytes() == b"whole"


@pytest.mark.parametrize("has_links", [True, False])
def test_a_name_that_was_taken_meanwhile_stays_theirs(
    has_links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, target, other = tmp_path / ".made.png", tmp_path / "target.png", tmp_path / "other.png"
    made.write_bytes(b"whole")
    target.write_bytes(b"theirs")
    if not has_links:
        monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(PermissionError(1, "no links here")))
    with pytest.raises(MediaError, match=r"target\.png: appeared during the render"):
        write.publish(made, target, overwrite=False)
    assert target.read_bytes() == b"theirs"
    write.publish(made, other, overwrite=False)
    assert other.read_bytes() == b"whole"
    assert names(tmp_path) == ["other.png", "target.png"]


def test_large_sources_are_told_by_pieces_and_the_time_of_their_last_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fingerprint, "_MOST_READ", 8 * fingerprint._PIECE)
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(64 * fingerprint._PIECE))
    os.utime(large, ns=(1, 10**18))
    before = fingerprint.fingerprint(large)
    assert fingerprint.fingerprint(large) == before
    for place in (0, 64 * fingerprint._PIECE - 1):  # its ends are always looked at
        content = bytearray(large.read_bytes())
        content[place] ^= 1
        (tmp_path / "other.bin").write_bytes(content)
        os.utime(tmp_path / "other.bin", ns=(1, 10**18))
        assert fingerprint.fingerprint(tmp_path / "other.bin") != before
    os.utime(large, ns=(1, 10**18 + 1))  # what is between them may have changed with it
    assert fingerprint.fingerprint(large) != before


def test_a_removed_journal_leaves_the_next_one_alone(tmp_path: Path) -> None:
    first, second = (Journal(tmp_path / "b.mp4", {}) for _ in range(2))
    with contextlib.ExitStack() as stack:
        with first:
            first.remove()
            stack.enter_context(second)
        assert (tmp_path / "b.mp4.journal" / "journal.json").exists()
    assert names(tmp_path) == []
