"""What one person has on the page: a source, a place in it, a look, and the way there."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from dreamvid.audio.gridedit import edit_grid
from dreamvid.audio.gridfile import read_grid, write_grid
from dreamvid.audio.live import is_live_set
from dreamvid.config.fields import fields_of, files_in, input_files
from dreamvid.config.settings import (
    ConditioningSettings,
    LookSettings,
    MotionSettings,
    NetworkSettings,
    ObjectiveSettings,
    Settings,
    key_of,
    make_settings,
    read_settings_file,
)
from dreamvid.config.sound import GridSettings
from dreamvid.errors import DreamvidError, MediaError, SettingsError
from dreamvid.explore.still_frame import Still
from dreamvid.media import ClipInfo, default_output
from dreamvid.output.recipe import Recipe, read_look, write_recipe
from dreamvid.studio.command import command_words, essential, show_command
from dreamvid.studio.controls import Control
from dreamvid.studio.guard import check_files, check_kind, check_upload, is_song
from dreamvid.studio.limits import Limits, check_film, check_picture, check_size, check_sound, check_weights
from dreamvid.studio.listening import Listener
from dreamvid.studio.preview import Previewer
from dreamvid.studio.timeline import Track
from dreamvid.studio.uploads import Uploads

_STYLE = (LookSettings, ConditioningSettings, MotionSettings)
STYLE_KEYS = frozenset(key_of(name) for group in _STYLE for name in group.model_fields)
"""What a preset says anew."""
_AIMS = (NetworkSettings, ObjectiveSettings)
_LOOK_KEYS = STYLE_KEYS | {key_of(name) for group in _AIMS for name in group.model_fields}
_FACTS = {key_of(name): facts for name, _, facts in fields_of(Settings)}
_HISTORY = 50
_WEIGHTS = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True)
class Source:
    """A clip or picture that was given: its file, what its owner calls it, and the facts."""

    path: Path
    name: str
    info: ClipInfo

    @property
    def rate(self) -> Fraction | None:
        """Frames per second; None for a picture."""
        return self.info.rate

    @property
    def frames(self) -> int:
        """How many there are."""
        return max(1, self.info.frame_count or 1)


@dataclass
class Session:
    """One page that somebody looks at. Its methods raise `DreamvidError` and then have changed nothing."""

    key: str
    """Nobody else's."""
    uploads: Uploads
    made: Path
    """A folder for what is made to be fetched."""
    limits: Limits = field(default_factory=Limits)
    source: Source | None = None
    frame: int = 0
    given: dict[str, Any] = field(default_factory=dict)
    """What was set, by key, as typed; see `dreamvid.studio.command`."""
    names: dict[str, str] = field(default_factory=dict)
    """What the owner calls each file that was handed in, by its path."""
    offers: list[dict[str, Any]] = field(default_factory=list)
    """Of each cell of the gallery, what taking it would set."""
    offered: dict[str, list[str]] = field(default_factory=dict)
    """The names that the page offers, by key."""
    shown: dict[str, Any] = field(default_factory=dict)
    """What the page's controls hold, by key, where it is not what they began with."""
    problem: str = ""
    """What could not be done, until the next picture says so."""
    seen: float = field(default_factory=time.monotonic)
    """When somebody was there last."""
    has_left: bool = False
    """Whether the page was closed; it may come back."""
    _history: list[dict[str, Any]] = field(default_factory=list)
    _grids: set[str] = field(default_factory=set)
    _listener: Listener = field(default_factory=Listener)
    _ticket: int = 0
    _motion_ticket: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_ticket(self) -> int:
        """A number for a request; those with older ones are no longer wanted."""
        with self._lock:
            self._ticket += 1
            return self._ticket

    def is_wanted(self, ticket: int) -> bool:
        """Whether no newer request has come."""
        return ticket == self._ticket

    def new_motion_ticket(self) -> int:
        """The same for frames in motion, which do not depend on what is looked at meanwhile."""
        with self._lock:
            self._motion_ticket += 1
            return self._motion_ticket

    def is_motion_wanted(self, ticket: int) -> bool:
        """Whether the page is there, and has not asked for others."""
        return ticket == self._motion_ticket and not self.has_left

    def leave(self) -> None:
        """The page was closed: nothing is wanted any more."""
        self.has_left = True
        self.new_ticket()

    def close(self) -> None:
        """Nobody comes back: what was handed in and made goes, as far as no render needs it."""
        self.leave()
        self.uploads.release(self.key)
        shutil.rmtree(self.made, ignore_errors=True)

    @property
    def settings(self) -> Settings:
        """What is set, checked. Raises `SettingsError`."""
        settings = make_settings(essential(self.given))
        check_files(settings, {Path(path) for path in self.names})
        check_film(settings, self.source.info if self.source else None, self.limits)
        return settings

    def recipe(self) -> Recipe:
        """Every setting as text, for the controls."""
        return write_recipe(self.settings)

    def command(self) -> str:
        """The command line that renders this."""
        return show_command(self.source.name if self.source else "INPUT", self.given, self.names)

    def words(self) -> list[str]:
        """What follows `dreamvid` to render this here. Raises `SettingsError` where there is nothing to render."""
        source = self._need_source()
        self.settings  # noqa: B018 - which are checked
        return command_words(str(source.path), self.given)

    def files(self) -> list[Path]:
        """What has to stay for `words` to work."""
        return [self._need_source().path, *input_files(self.settings).values()]

    def output_name(self) -> str:
        """What the film is to be called."""
        source = self._need_source()
        # The name goes to the command line, where a percent sign is a pattern's.
        target = default_output(Path(source.name).name.replace("%", "_").replace("##", "__"), self.settings.codec)
        return str(target) if "%" in target.name else target.name

    # What is given.

    def open(self, path: Path, name: str | None = None) -> str:
        """Take a clip, a picture or a song that was handed in; return what there is to say about it.

        A song is what `--react` takes: it drives the look, and becomes the sound. Raises `MediaError`.
        """
        check_kind(path, self.limits)
        if is_song(path):
            check_sound(path, self.limits)
            return self._follow(path, name or path.name)
        self.look_at(Source(path, name or path.name, check_upload(path, self.limits)))
        return ""

    def look_at(self, source: Source) -> None:
        """Take a clip or picture that was looked into already."""
        self.source = source
        self.names[str(source.path)] = source.name
        self.frame = source.frames // 2 if source.rate else 0

    def open_upload(self, upload: Path) -> str:
        """Take what was handed in, as `open` does, and keep it."""
        kept = self.uploads.keep(upload, self.key)
        try:
            return self.open(kept, upload.name)
        except DreamvidError:
            self.uploads.drop(kept, self.key)
            raise

    def _follow(self, song: Path, name: str) -> str:
        changed = self.given | {"react": str(song)}
        self._check(changed, {str(song): name})
        self.names[str(song)] = name
        self._become(changed)
        driven = f"{name} now drives rms, bass, mid, high, onset and beat; use them in the Timeline tab"
        return driven if self.source is not None else f"{driven}; also drop in a clip or a picture"

    def set(self, control: Control, value: Any) -> None:
        """Set one thing, as its control holds it; a file is the path of what was handed in. `DreamvidError`."""
        text = control.text(value)
        if text is not None and control.kind in ("file", "files"):
            kept: list[Path] = []
            try:
                for upload in value if isinstance(value, list) else [value]:
                    kept.append(self._keep_checked(control, Path(upload)))  # noqa: PERF401 - those before a fault go
                paths = [str(path) for path in kept]
                changed = control.text(paths if control.kind == "files" else paths[0])
                self._set(control, changed, {str(path): path.name for path in kept})
            except DreamvidError:
                for path in kept:
                    self.uploads.drop(path, self.key)
                raise
        else:
            self._set(control, text, {})

    def _keep_checked(self, control: Control, upload: Path) -> Path:
        if control.name == "weights":
            if upload.suffix.lower() not in _WEIGHTS:
                raise MediaError(f"{upload.name}: weights must be {' or '.join(_WEIGHTS)} files")
            check_weights(upload, self.limits)
        elif control.is_document or is_live_set(upload):
            check_size(upload, self.limits.document)
        elif control.kind == "files" and upload.stat().st_size <= self.limits.text:
            check_size(upload, self.limits.text)  # a score, a curve, or a sound that cannot be long
        else:
            check_kind(upload, self.limits)
            if control.name == "react" or control.kind == "files" or is_song(upload):
                check_sound(upload, self.limits)
            else:
                check_picture(upload, self.limits)
        return self.uploads.keep(upload, self.key)

    def _set(self, control: Control, text: Any, names: Mapping[str, str]) -> None:
        changed = {key: old for key, old in self.given.items() if key != control.key}
        if text is not None:
            changed[control.key] = text
        self._check(changed, names)
        self.names |= names
        self._become(changed)

    def merge(self, values: Mapping[str, Any], *, anew: Collection[str] = ()) -> None:
        """Set several things, and nothing else among the keys `anew`. Raises `SettingsError`."""
        changed = self._merged(values, anew)
        self._check(changed, {})
        self._become(changed)

    def trial(self, values: Mapping[str, Any], *, anew: Collection[str] = ()) -> Settings:
        """What `merge` would lead to. Raises `SettingsError`."""
        settings = make_settings(essential(self._merged(values, anew)))
        check_film(settings, self.source.info if self.source else None, self.limits)
        return settings

    def _merged(self, values: Mapping[str, Any], anew: Collection[str]) -> dict[str, Any]:
        kept = {key: value for key, value in self.given.items() if key not in anew}
        changed = kept | {key_of(key): _as_text(key_of(key), value) for key, value in values.items()}
        return {key: value for key, value in changed.items() if value is not None}

    def load_look(self, path: Path) -> list[str]:
        """Take the look of a preset's file, of a finished film or of its sidecar; return the files it would need.

        Those are left out: a look must not make the studio read what nobody gave it. Raises `DreamvidError`.
        """
        suffix = path.suffix.lower()
        if suffix in (".yaml", ".yml", ".json"):
            check_size(path, self.limits.text)
        else:
            check_kind(path, self.limits)
        values = read_settings_file(path) if suffix in (".yaml", ".yml") else read_look(path, Settings)
        values = {key_of(key): value for key, value in values.items()}
        files = {key: files_in(_FACTS[key], value) for key, value in values.items() if key in _FACTS}
        missing = [path.name for _, paths in sorted(files.items()) for path in paths.values()]
        values = {key: value for key, value in values.items() if not files.get(key)}
        self.merge(values, anew=_LOOK_KEYS)
        return missing

    def undo(self) -> bool:
        """Go back one step; False where there is none."""
        with self._lock:
            if not self._history:
                return False
            self.given = self._history.pop()
            return True

    def _become(self, given: dict[str, Any]) -> None:
        """Change what is given; what makes a difference can be undone."""
        with self._lock:
            if essential(given) != essential(self.given):
                self._history.append(self.given)
            self.given = given
            del self._history[:-_HISTORY]

    def _check(self, given: Mapping[str, Any], names: Mapping[str, str]) -> None:
        settings = make_settings(essential(given))
        check_files(settings, {Path(path) for path in {**self.names, **names}})
        check_film(settings, self.source.info if self.source else None, self.limits)

    def correct_beats(self, edits: GridSettings) -> None:
        """Correct the beats that the picture follows, and follow them as a file. `DreamvidError`."""
        settings = self.settings
        if settings.beats is not None:
            grid = read_grid(settings.beats, settings.react)
        else:
            track = self.track(listen=True)
            if track is None or track.sound is None:
                raise SettingsError("there is no sound whose beats could be corrected; drop in a song")
            grid = track.sound.sound_grid
        react = self.given.get("react")
        song = self.names.get(str(react)) or (self.source.name if self.source else "")
        with tempfile.TemporaryDirectory(dir=self.made) as folder:
            made = Path(folder) / f"{Path(song).stem}.beats.csv"
            write_grid(made, edit_grid(grid, edits))
            kept = self.uploads.keep(made, self.key)
        try:
            changed = self.given | {"beats": str(kept)}
            self._check(changed, {str(kept): kept.name})
        except DreamvidError:
            self.uploads.drop(kept, self.key)
            raise
        self.names[str(kept)] = kept.name
        self._become(changed)
        self._grids.add(str(kept))
        # Those that no undo leads back to:
        for old in self._grids.difference(one.get("beats") for one in (self.given, *self._history)):
            self._grids.remove(old)
            self.uploads.drop(Path(old), self.key)

    def offer_beats(self) -> Path | None:
        """The file of beats that the picture follows, where it may be fetched from; None where it follows the sound."""
        beats = self.given.get("beats")
        if beats is None:
            return None
        offered = self.made / Path(beats).parent.name / Path(beats).name
        if not offered.exists():
            offered.parent.mkdir(exist_ok=True)
            shutil.copyfile(beats, offered)
        return offered

    # What is looked at.

    def still(self, previewer: Previewer, side: int) -> Still:
        """The frame under the playhead, its longer side `side` pixels. Raises `DreamvidError`."""
        source = self._need_source()
        return previewer.look_at(source.path, self.settings, self.frame, source.rate, side)

    def track(self, *, listen: bool = False) -> Track | None:
        """What the timeline shows; with `listen` sound and cuts are looked for, once. None for a picture."""
        source = self.source
        if source is None or source.rate is None:
            return None
        react = self.given.get("react")
        is_short = (source.info.duration or 0) <= self.limits.sound
        heard = Path(react) if react else source.path if source.info.audio_codecs and is_short else None
        return self._listener.track(source.info, heard, self.settings, lambda: not self.has_left, listen=listen)

    def _need_source(self) -> Source:
        if self.source is None:
            raise SettingsError("drop in a clip or a picture first")
        return self.source


def _as_text(key: str, value: Any) -> Any:
    """A value of a file as somebody would type it."""
    if isinstance(value, (list, tuple)):
        texts = [str(item) for item in value]
        return texts if key in _FACTS and _FACTS[key].repeatable else ",".join(texts)
    return value if isinstance(value, bool) or value is None else str(value)
