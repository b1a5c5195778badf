"""What one person has on the page: a source, a place in it, a look, and the way there."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from dreamvid.audio import analyse_sound
from dreamvid.errors import MediaError, SettingsError
from dreamvid.media import ClipInfo, default_output
from dreamvid.recipe import Recipe, read_look, write_recipe
from dreamvid.render.shots import gather_shots, watch_cuts
from dreamvid.render.still_frame import Still
from dreamvid.settings import (
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
from dreamvid.studio.command import command_words, essential, show_command
from dreamvid.studio.controls import FILES, Control
from dreamvid.studio.guard import Limits, check_files, check_kind, check_upload, is_song
from dreamvid.studio.preview import Previewer
from dreamvid.studio.timeline import Track

_STYLE = (LookSettings, ConditioningSettings, MotionSettings)
STYLE_KEYS = frozenset(key_of(name) for group in _STYLE for name in group.model_fields)
"""What a preset says anew."""
_AIMS = (NetworkSettings, ObjectiveSettings)
_LOOK_KEYS = STYLE_KEYS | {key_of(name) for group in _AIMS for name in group.model_fields}
_FILE_KEYS = {key_of(name) for name in FILES}
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

    folder: Path
    """For what is handed in, which nobody can fetch; it goes with the studio."""
    made: Path | None = None
    """For what is made to be fetched; None: wherever temporary files go."""
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
    _history: list[dict[str, Any]] = field(default_factory=list)
    _tracks: dict[Path, Track] = field(default_factory=dict)
    _ticket: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def new_ticket(self) -> int:
        """A number for a request; those with older ones are no longer wanted."""
        with self._lock:
            self._ticket += 1
            return self._ticket

    def is_wanted(self, ticket: int) -> bool:
        """Whether no newer request has come."""
        return ticket == self._ticket

    @property
    def settings(self) -> Settings:
        """What is set, checked. Raises `SettingsError`."""
        settings = make_settings(essential(self.given))
        check_files(settings, {Path(path) for path in self.names})
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
        check_files(self.settings, {Path(path) for path in self.names})
        return command_words(str(source.path), self.given)

    def output_name(self) -> str:
        """What the film is to be called."""
        source = self._need_source()
        # The name goes to the command line, where a percent sign is a pattern's.
        target = default_output(Path(source.name).name.replace("%", "_"), self.settings.codec)
        return str(target) if "%" in target.name else target.name

    # What is given.

    def open(self, path: Path, name: str | None = None) -> str:
        """Take a clip, a picture or a song that was handed in; return what there is to say about it.

        A song is what `--react` takes: it drives the look, and becomes the sound. Raises `MediaError`.
        """
        check_kind(path, self.limits)
        if is_song(path):
            return self._follow(path, name or path.name)
        info = check_upload(path, self.limits)
        self.source = Source(path, name or path.name, info)
        self.names[str(path)] = self.source.name
        self.frame = self.source.frames // 2 if info.rate else 0
        return ""

    def _follow(self, song: Path, name: str) -> str:
        changed = self.given | {"react": str(song)}
        self._check(changed, {str(song): name})
        self.names[str(song)] = name
        self._become(changed)
        driven = f"{name} now drives rms, bass, mid, high, onset and beat: use them under Timeline"
        return driven if self.source is not None else f"{driven}; drop in a clip or a picture, too"

    def keep(self, upload: Path) -> Path:
        """Move a file that was handed in to where nobody clears it away, under its own name."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        kept = folder / upload.name
        try:
            os.link(upload, kept)
        except OSError:  # another disk
            kept.write_bytes(upload.read_bytes())
        return kept

    def set(self, control: Control, value: Any) -> None:
        """Set one thing, as its control holds it; a file is the path of what was handed in. `DreamvidError`."""
        text = control.text(value)
        changed = {key: old for key, old in self.given.items() if key != control.key}
        names = {}
        if text is not None and control.kind == "file":
            path = Path(text)
            if control.name == "weights":
                if path.suffix.lower() not in _WEIGHTS:
                    raise MediaError(f"{path.name}: weights are {' or '.join(_WEIGHTS)} files")
            else:
                check_kind(path, self.limits)
            kept = self.keep(path)
            text, names = str(kept), {str(kept): kept.name}
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
        return make_settings(essential(self._merged(values, anew)))

    def _merged(self, values: Mapping[str, Any], anew: Collection[str]) -> dict[str, Any]:
        kept = {key: value for key, value in self.given.items() if key not in anew}
        changed = kept | {key_of(key): _as_text(key_of(key), value) for key, value in values.items()}
        return {key: value for key, value in changed.items() if value is not None}

    def load_look(self, path: Path) -> list[str]:
        """Take the look of a preset's file, of a finished film or of its sidecar; return the files it would need.

        Those are left out: a look must not make the studio read what nobody gave it. Raises `DreamvidError`.
        """
        if path.suffix.lower() in (".yaml", ".yml"):
            values = read_settings_file(path)
        else:
            if path.suffix.lower() != ".json":
                check_kind(path, self.limits)
            values = read_look(path, Settings)
        values = {key_of(key): value for key, value in values.items()}
        words = {key for key in ("cuts", "audio") if values.get(key) not in (None, "auto", "none", "copy")}
        files = (_FILE_KEYS | words) & {key for key, value in values.items() if value is not None}
        missing = [Path(str(values.pop(key))).name for key in sorted(files)]
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
        check_files(make_settings(essential(given)), {Path(path) for path in {**self.names, **names}})

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
        heard = Path(react) if react else source.path if source.info.audio_codecs else None
        key = source.path / (react or "own").strip("/")
        if listen and key not in self._tracks:
            sound = None if heard is None else analyse_sound(heard)
            shots = gather_shots(watch_cuts(source.path, source.rate, info=source.info))
            cuts = tuple(shot.first for shot in shots if shot.first)
            self._tracks[key] = Track(source.frames, source.rate, sound, cuts)
        return self._tracks.get(key, Track(source.frames, source.rate))

    def _need_source(self) -> Source:
        if self.source is None:
            raise SettingsError("drop in a clip or a picture first")
        return self.source


def _as_text(key: str, value: Any) -> Any:
    """A value of a file as somebody would type it."""
    if isinstance(value, (list, tuple)):
        texts = [str(item) for item in value]
        return texts if key in ("layer", "class") else ",".join(texts)
    return value if isinstance(value, bool) or value is None else str(value)
