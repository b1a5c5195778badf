"""A list of clips, rendered one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dreamvid.config.settings import make_settings
from dreamvid.config.types import parse_path
from dreamvid.errors import DreamvidError, SettingsError, did_you_mean, shown
from dreamvid.media import default_output, read_metadata
from dreamvid.media.names import key_of_name
from dreamvid.media.target import output_pattern
from dreamvid.output.fingerprint import job_tag
from dreamvid.output.journal import path_of_journal
from dreamvid.output.journal_folder import has_journal
from dreamvid.render.job import Job
from dreamvid.runtime.documents import read_yaml

_KEYS = ("shared", "clips")
_OWN_KEYS = ("input", "output")


def read_batch(path: Path, *, overwrite: bool = False) -> list[Job]:
    """The jobs of a YAML file: `shared` settings, and `clips`, each with `input`, perhaps `output`, and settings.

    Paths are relative to the file. Raises `SettingsError` with the clip and the key at fault: all are checked
    before any is rendered.
    """
    content = read_yaml(path, "job file")
    if not isinstance(content, dict) or not isinstance(content.get("clips"), list) or not content["clips"]:
        raise SettingsError(f"{path}: a job file needs a list `clips:`, in which each clip has an `input:`")
    for key in content:
        if key not in _KEYS:
            hint = did_you_mean(str(key), _KEYS) or "; the keys are shared and clips"
            raise SettingsError(f"{path}: a job file has no key '{shown(key)}'{hint}")
    shared = content.get("shared") or {}
    if not isinstance(shared, dict):
        raise SettingsError(f"{path}: `shared` must contain settings such as `step: 2`")
    jobs = [_make_job(path, number, clip, shared, overwrite) for number, clip in enumerate(content["clips"], 1)]
    taken: dict[str, Path | None] = {}
    for job in jobs:
        key = "" if job.target is None else key_of_name(job.target)
        if key in taken:
            raise SettingsError(f"{path}: two clips have the output {job.target}; give each its own output")
        taken[key] = job.target
    return jobs


def is_done(job: Job) -> bool:
    """Whether the output is there already, rendered from the same source as the same job."""
    if job.target is None:
        return False
    pictures = output_pattern(job.target)
    found = job.target if pictures is None else next(iter(pictures.existing().values()), None)
    if found is None or not found.is_file() or has_journal(path_of_journal(job.target)):
        return False
    try:
        return read_metadata(found).get("dreamvid-job") == job_tag(job.settings, job.source)
    except DreamvidError:
        return False  # no file of ours, or a broken one: rendering says what is in the way


def _make_job(path: Path, number: int, clip: Any, shared: Mapping[str, Any], overwrite: bool) -> Job:
    where = f"{path}: clip {number}"
    if isinstance(clip, str):
        clip = {"input": clip}
    if not isinstance(clip, dict) or not clip.get("input"):
        raise SettingsError(f"{where}: has no `input:`; give a file")
    source = _path(where, clip, "input", path.parent)
    target = _path(where, clip, "output", path.parent) if clip.get("output") else None
    own = {key: value for key, value in clip.items() if key not in _OWN_KEYS}
    try:
        settings = make_settings(shared, own, source=where)
    except SettingsError as error:
        raise SettingsError(str(error) if where in str(error) else f"{where}: {error}") from None
    return Job(source, target or default_output(source, settings.codec), settings, overwrite)


def _path(where: str, clip: Mapping[str, Any], key: str, folder: Path) -> Path:
    try:
        return folder / parse_path(clip[key])
    except ValueError as error:
        raise SettingsError(f"{where}: {key}: {error}") from None
