"""Everything that reads what other people wrote, given hundreds of wrong and hostile files.

Each must be read or refused in one line of our own, at once, and without filling the memory.
"""

from __future__ import annotations

import itertools
import json
import random
import resource
import struct
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save

from dreamvid.config.presets import preset_folder
from dreamvid.config.settings import Settings, ZoomSettings, build_settings, key_of, make_settings, read_settings_file
from dreamvid.errors import DreamvidError
from dreamvid.farm.settings import FarmSettings, make_farm_settings
from dreamvid.media import read_metadata
from dreamvid.models.network import Network
from dreamvid.models.weights import Checkpoint, build_module, read_checkpoint
from dreamvid.models.zoo import MODELS
from dreamvid.output.journal import Journal
from dreamvid.output.recipe import read_look
from dreamvid.output.report import Report
from dreamvid.render.batch import read_batch
from dreamvid.runtime.calibration_cache import MeasuredLooks
from dreamvid.schedule import Moment, Schedule
from dreamvid.shots.shotlist import read_shots
from dreamvid.train.pictures import listed_pictures
from dreamvid.train.settings import TrainSettings
from dreamvid.visualize.settings import VisualizeSettings, make_visualize_settings
from tests.hostile import EXPRESSIONS, HOSTILE, JOURNALS, JSON, LISTS, NUMBERS, TEXTS, TIMES, YAML

SECONDS, MEGABYTES = 1.0, 300.0


def one_line_or_nothing(what: Callable[[], object], told: str) -> bool:
    """Do something; return whether it was refused."""
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    message = None
    try:
        what()
    except DreamvidError as error:
        message = str(error)
    assert time.process_time() - began < SECONDS, told
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MEGABYTES, told
    assert message is None or (message.isprintable() and len(message) < 1000), told
    return message is not None


def shorten(value: object) -> str:
    return repr(value)[:60] if not isinstance(value, int) or value < 10**50 else "a large number"


@pytest.mark.parametrize("kind", [Settings, ZoomSettings], ids=["film", "zoom"])
def test_no_setting_takes_anything_for_granted(kind: type[Settings] | type[ZoomSettings]) -> None:
    refused = [
        one_line_or_nothing(partial(build_settings, kind, {key_of(name): value}), f"{name}: {shorten(value)}")
        for name, value in itertools.product(kind.model_fields, HOSTILE)
    ]
    assert 0.5 < sum(refused) / len(refused) < 0.95


@pytest.mark.parametrize("name", ["octaves", "strength", "seed", "weights", "rate", "class", "crf", "model"])
def test_true_and_false_are_for_switches(name: str) -> None:
    for word in (True, False):
        assert one_line_or_nothing(partial(make_settings, {name: word}), name)
        assert make_settings({"keep-color": word}).keep_color is word


def test_nor_do_the_settings_of_other_commands() -> None:
    def train(values: dict[str, Any]) -> None:
        TrainSettings(**{"data": [Path()], **values})

    for value in HOSTILE:
        for name in FarmSettings.model_fields:
            one_line_or_nothing(partial(make_farm_settings, {name: value}), f"{name}: {shorten(value)}")
        for name in VisualizeSettings.model_fields:
            one_line_or_nothing(partial(make_visualize_settings, {name: value}), f"{name}: {shorten(value)}")
        for name in TrainSettings.model_fields:
            one_line_or_nothing(partial(train, {name: value}), f"{name}: {shorten(value)}")


@pytest.mark.parametrize("text", [*NUMBERS, *TIMES, *EXPRESSIONS, *TEXTS], ids=itertools.count())
def test_a_schedule_has_a_value_or_none(text: str) -> None:
    def read() -> None:
        schedule = Schedule.parse(text)
        for frame in (0, 1, 47):
            assert -1e308 <= schedule.at(Moment.of_frame(frame, 24, 48, {"bass": 0.5}, (0.0, 0.5))) <= 1e308

    one_line_or_nothing(read, text[:60])


# Files of text.


def journal(path: Path) -> None:
    folder = path.with_name("film.mp4.journal")
    folder.mkdir(exist_ok=True)
    path.replace(folder / "journal.json")
    with Journal(path.with_name("film.mp4"), {"a": "b"}):
        pass


def report(path: Path) -> None:
    Report(path.with_name("r.jsonl"), path.with_name("r.png"), overwrite=True).keep(path, 5)


def measured(path: Path) -> None:
    path.replace(path.with_name("x.json"))
    MeasuredLooks(path.parent).get("x")


def look(path: Path) -> None:
    make_settings(read_look(path, Settings))


def settings(path: Path) -> None:
    make_settings(read_settings_file(path))


def shots(path: Path) -> None:
    read_shots(path, Fraction(24), 48)


def tags(path: Path) -> None:
    """What a picture's description says is a document, too."""
    picture = path.with_name("x.jpg")
    exif = Image.Exif()
    exif[0x010E] = path.read_text(errors="replace").replace("\0", "")[:60_000]
    Image.new("RGB", (8, 8)).save(picture, exif=exif)
    read_metadata(picture)
    look(picture)


READERS: list[tuple[Callable[[Path], None], str, list[str]]] = [
    (settings, "look.yaml", YAML),
    (lambda path: (read_batch(path), None)[1], "jobs.yaml", YAML),
    (look, "film.mp4.json", JSON),
    (tags, "tags", JSON),
    (shots, "cuts.csv", LISTS),
    (shots, "cuts.edl", LISTS),
    (lambda path: (listed_pictures([], path), None)[1], "list.txt", LISTS),
    (journal, "journal", [*JSON, *JOURNALS]),
    (report, "report", JSON),
    (measured, "measured", JSON),
]


@pytest.mark.parametrize(("read", "name", "texts"), READERS, ids=[name for _, name, _ in READERS])
def test_hostile_text_is_one_line(tmp_path: Path, read: Callable[[Path], None], name: str, texts: list[str]) -> None:
    for number, text in enumerate(texts):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / name).write_bytes(text.encode("utf-8", "surrogatepass"))
        one_line_or_nothing(partial(read, folder / name), f"{name} {number}: {text[:60]!r}")


def damaged(data: bytes, seed: int) -> bytes:
    """The same with a few bytes changed, a piece cut out, put in twice, or a long number in it."""
    chance = random.Random(seed)
    broken = bytearray(data)
    for _ in range(chance.choice((1, 2, 6))):
        place = chance.randrange(len(broken) + 1)
        match chance.randrange(5):
            case 0:
                broken[place : place + 1] = chance.randbytes(1)
            case 1:
                del broken[place : place + chance.randrange(1, 30)]
            case 2:
                broken[place:place] = broken[place : place + chance.randrange(1, 200)]
            case 3:
                broken[place:place] = chance.choice(
                    [b"[", b"{", b": ", b"&a ", b"*a", b"!!x ", b"9" * 400, b"\0", b'"', b"(", b"-"]
                )
            case 4:
                words = [value.encode("utf-8", "replace") for value in (*NUMBERS, *TIMES, *TEXTS)]
                broken[place : place + chance.randrange(9)] = chance.choice(words)
    return bytes(broken)


WHOLE = {
    "look.yaml": (preset_folder() / "pulse.yaml").read_text(),
    "jobs.yaml": "shared:\n  layer: [a, b:0.5]\n  class: 5\n"
    "clips:\n- a.mp4\n- input: b.mp4\n  output: c.mp4\n  start: 1:02.5\n",
    "film.mp4.json": json.dumps(
        {"dreamvid": "1", "recipe": {"layer": ["a@1,5"], "strength": "0:(1), 60:(2)", "size": "64x48"}}
    ),
    "cuts.csv": "shot,first_frame,end_frame,start_timecode\n1,0,24,00:00:00:00\n2,24,48,00:00:01:00\n",
    "cuts.edl": "TITLE: x\nFCM: NON-DROP FRAME\n"
    "001  AX       V     C        00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:00\n",
}


@pytest.mark.parametrize("name", WHOLE)
def test_damaged_text_is_read_or_is_one_line(tmp_path: Path, name: str) -> None:
    read = next(reader for reader, of, _ in READERS if of == name)
    (tmp_path / name).write_text(WHOLE[name])
    read(tmp_path / name)
    refused = []
    for seed in range(80):
        (tmp_path / name).write_bytes(damaged(WHOLE[name].encode(), seed))
        refused.append(one_line_or_nothing(lambda: read(tmp_path / name), f"{name} {seed}"))
    assert 0.3 < sum(refused) / len(refused) < 1


# Weights.

SPEC = MODELS["dreamnet"]
KERNEL, VARIANCE, COUNT = "conv2.conv.weight", "conv1.bn.running_var", "conv1.bn.num_batches_tracked"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    from dreamvid.models.dreamnet import DreamNet

    return dict(DreamNet(0.125, 3).state_dict())


def load(path: Path) -> None:
    checkpoint = read_checkpoint(path)
    tell(checkpoint)
    build_module(SPEC, checkpoint)


def tell(checkpoint: Checkpoint) -> None:
    """All that a file says about itself."""
    assert checkpoint.class_names is None or all(map(str.isprintable, checkpoint.class_names))
    assert max(map(abs, checkpoint.triple("mean", (0, 0, 0)))) <= 1000
    assert min(checkpoint.triple("std", (1, 1, 1))) > 0


def changed_tensors(whole: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    for kind in (torch.int8, torch.int32, torch.int64, torch.bool, torch.complex64):
        yield KERNEL, whole.to(kind)
    yield KERNEL, whole * torch.nan
    yield KERNEL, whole * torch.inf
    yield KERNEL, whole.double() * 1e300
    yield KERNEL, whole.to_sparse()
    yield KERNEL, whole.to("meta")
    yield KERNEL, torch.zeros(1).expand(10**12)
    yield KERNEL, torch.zeros(1).expand(whole.shape)
    yield KERNEL, torch.zeros(())
    yield KERNEL, torch.zeros(0)
    yield KERNEL, whole[None]
    yield "fc.weight", torch.zeros(0, 8)
    yield VARIANCE, torch.full((8,), -1.0)
    yield COUNT, torch.tensor(1.5)
    yield COUNT, torch.tensor([1, 2])
    yield "stranger", whole


def test_tensors_that_no_network_can_reckon_with(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    path = tmp_path / "w.pth"
    torch.save(state, path)
    load(path)
    for number, (name, tensor) in enumerate(changed_tensors(state[KERNEL])):
        torch.save(state | {name: tensor}, path)
        assert one_line_or_nothing(partial(load, path), f"{number}: {name}")


def test_weights_that_are_finite_and_make_something_that_is_not(state: dict[str, torch.Tensor]) -> None:
    tap = "inception4d"
    Network(SPEC, Checkpoint(state, {}, "w")).extractor([tap])
    exploding = {name: tensor * 1e30 if tensor.ndim == 4 else tensor for name, tensor in state.items()}
    assert one_line_or_nothing(partial(Network(SPEC, Checkpoint(exploding, {}, "w")).extractor, [tap]), "exploding")


def test_metadata_of_weights(state: dict[str, torch.Tensor]) -> None:
    values = [
        *JSON,
        "1,2",
        "nan,1,1",
        "1e999,1,1",
        "0,0,0",
        "1e300,1,1",
        "[[1],1,1]",
        "a\nb",
        "x" * 5000,
        "[" + "9" * 5000 + "]",
    ]
    for key, value in itertools.product(["classes", "mean", "std"], values):
        one_line_or_nothing(partial(tell, Checkpoint(state, {key: value}, "w")), f"{key}: {value[:60]}")
    for key, value in itertools.product(["architecture", "width", "middle"], ["", "x" * 5000, "a\nb", "nan", "1e99"]):
        one_line_or_nothing(partial(build_module, SPEC, Checkpoint(state, {key: value}, "w")), f"{key}: {value[:60]}")


def test_files_that_are_no_weights(tmp_path: Path, state: dict[str, torch.Tensor]) -> None:
    torch.save(state, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes(), save(state)
    texts = [text.encode("utf-8", "surrogatepass") for text in (*YAML, *JSON)]
    headers = [struct.pack("<Q", size) + b"[" * 1000 for size in (0, 2, 1000, 10**15, 2**64 - 1)]
    broken = [damaged(data, seed) for data in whole for seed in range(25)]
    for number, data in enumerate([*texts, *headers, *broken]):
        for suffix in ("pth", "safetensors"):
            path = tmp_path / f"w.{suffix}"
            path.write_bytes(data)
            one_line_or_nothing(partial(load, path), f"{number} as {suffix}")
