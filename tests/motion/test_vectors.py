"""Motion vectors from files: what each format means, what is wrong with a file, and what becomes of occlusions."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import OpenEXR
import pytest
import torch

from dreamvid.config.settings import make_settings
from dreamvid.config.vectors import FlowFile, parse_flow_file
from dreamvid.errors import MediaError, SettingsError
from dreamvid.motion.given_motion import invert, measure_given
from dreamvid.motion.motion_stage import MotionStage, pair_up
from dreamvid.motion.vector_check import better_reading, frames_to_check
from dreamvid.motion.vectors import VectorFiles, open_vectors
from dreamvid.runtime.frames import to_frame
from tests.tiny import noise

Field = npt.NDArray[np.float32]
HEIGHT, WIDTH, FRAMES = 72, 96, 6
STEP = (3.0, -2.0)  # px a frame: the picture moves right and up


def scene() -> list[Field]:
    """A picture that moves by `STEP` a frame."""
    picture = cv2.GaussianBlur(to_frame(noise(2 * HEIGHT, 2 * WIDTH, low=0, high=1)), (0, 0), 2)
    x, y = STEP
    return [
        np.ascontiguousarray(picture[36 - int(t * y) :, 48 - int(t * x) :][:HEIGHT, :WIDTH]) for t in range(FRAMES)
    ]


def flow(dx: float, dy: float) -> Field:
    return np.full((HEIGHT, WIDTH, 2), (dx, dy), np.float32)


BACK, FORTH = flow(-STEP[0], -STEP[1]), flow(*STEP)


def write_exr(path: Path, **layers: Field) -> None:
    """`backward_uv=field`: the layer `backward` with channels u and v."""
    channels = {}
    for name, field in layers.items():
        layer, _, ends = name.rpartition("_")
        channels |= {
            f"{layer.replace('__', '.')}.{end}": np.ascontiguousarray(field[..., place], np.float32)
            for place, end in enumerate(ends)
        }
    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(str(path))


def write_flo(path: Path, field: Field) -> None:
    path.write_bytes(b"PIEH" + np.array(field.shape[1::-1], "<i4").tobytes() + field.astype("<f4").tobytes())


def write_kitti(path: Path, field: Field) -> None:
    coded = np.dstack([np.ones(field.shape[:2]), field[..., 1] * 64 + 2**15, field[..., 0] * 64 + 2**15])
    cv2.imwrite(str(path), coded.astype(np.uint16))


def up(field: Field) -> Field:
    return field * np.array([1, -1], np.float32)


def write_all(folder: Path, kind: str) -> str:
    """Vectors of the scene as a kind of file has them; return what `--flow` takes."""
    for number in range(1, FRAMES + 1):
        place = folder / f"v.{number:04d}"
        match kind:
            case "nuke":
                write_exr(place.with_suffix(f".{number:04d}.exr"), backward_uv=up(BACK), forward_uv=up(FORTH))
            case "blender":
                both = np.concatenate([up(BACK), -up(FORTH)], axis=-1)
                write_exr(place.with_suffix(f".{number:04d}.exr"), ViewLayer__Vector_XYZW=both)
            case "forward":
                write_exr(place.with_suffix(f".{number:04d}.exr"), forward_uv=up(FORTH))
            case "velocity":
                write_exr(place.with_suffix(f".{number:04d}.exr"), velocity_RG=BACK / (WIDTH, HEIGHT))
            case "flo":
                write_flo(place.with_suffix(f".{number:04d}.flo"), FORTH)
            case "kitti":
                write_kitti(place.with_suffix(f".{number:04d}.png"), FORTH)
    endings = {"flo": ".flo", "kitti": ".png"}
    options = {"velocity": ":to=previous,y=down,units=uv"}
    return f"{folder}/v.####{endings.get(kind, '.exr')}{options.get(kind, '')}"


KINDS = ("nuke", "blender", "forward", "velocity", "flo", "kitti")


def vectors_of(text: str, frames: range = range(FRAMES), size: tuple[int, int] = (WIDTH, HEIGHT)) -> VectorFiles:
    return open_vectors(parse_flow_file(text), None, frames, size)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_file_leads_back_to_the_frame_before(tmp_path: Path, kind: str) -> None:
    frames, vectors = scene(), vectors_of(write_all(tmp_path, kind))
    motion = measure_given(vectors, frames[2], frames[3], (2, 3))
    assert motion is not None
    trusted = motion.reliability > 0.99
    assert trusted.mean() > 0.85
    assert np.abs(motion.backward - BACK)[trusted].max() < 0.02
    assert motion.reliability[-1].max() < 0.5  # what comes in from below
    assert better_reading(vectors, frames_to_check(range(FRAMES)), lambda t: (frames[t - 1], frames[t])) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_film_dreamed_backward_is_led_the_other_way(tmp_path: Path, kind: str) -> None:
    frames, vectors = scene(), vectors_of(write_all(tmp_path, kind))
    motion = measure_given(vectors, frames[3], frames[2], (3, 2))
    assert motion is not None
    assert np.abs(motion.backward - FORTH)[motion.reliability > 0.99].max() < 0.02
    assert measure_given(vectors, frames[5], frames[0], (5, 0)) is None  # a loop's seam: no file has it


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("scale=-1", "scale=1.0"),
        ("y=down", "y=up"),
        ("to=next", "to=previous"),
        ("scale=-1,y=down", ""),
    ],
)
def test_vectors_that_are_read_wrong_are_told_how_they_fit(tmp_path: Path, wrong: str, right: str) -> None:
    frames = scene()
    for number in range(1, FRAMES + 1):
        write_exr(tmp_path / f"v.{number:04d}.exr", backward_uv=up(BACK))
    vectors = vectors_of(f"{tmp_path}/v.%04d.exr:{wrong}")
    better = better_reading(vectors, frames_to_check(range(FRAMES)), lambda t: (frames[t - 1], frames[t]))
    assert better is not None
    if right:
        name, _, value = right.partition("=")
        assert str(getattr(better, name)) == value or (name == "to" and better.scale == -1)
    motion = measure_given(vectors.read_as(better), frames[2], frames[3], (2, 3))
    assert motion is not None
    assert np.abs(motion.backward - BACK)[motion.reliability > 0.99].max() < 0.02


def test_vectors_in_shares_of_the_sides_are_found_out(tmp_path: Path) -> None:
    frames = scene()
    for number in range(1, FRAMES + 1):
        write_exr(tmp_path / f"v.{number:04d}.exr", backward_uv=up(BACK) / (WIDTH, HEIGHT))
    vectors = vectors_of(f"{tmp_path}/v.%04d.exr")
    better = better_reading(vectors, frames_to_check(range(FRAMES)), lambda t: (frames[t - 1], frames[t]))
    assert better is not None
    assert str(better).endswith("v.%04d.exr:units=uv")


def test_what_stands_still_tells_nothing(tmp_path: Path) -> None:
    frames = [scene()[0]] * FRAMES
    for number in range(1, FRAMES + 1):
        write_exr(tmp_path / f"v.{number:04d}.exr", backward_uv=flow(0, 0))
    vectors = vectors_of(f"{tmp_path}/v.%04d.exr")
    assert better_reading(vectors, frames_to_check(range(FRAMES)), lambda t: (frames[t - 1], frames[t])) is None


def occluded() -> tuple[list[Field], Field, Field]:
    """A bright square that moves right by 6 px over a picture that stands still; the flow back, and the flow forth."""
    ground = cv2.GaussianBlur(to_frame(noise(HEIGHT, WIDTH, low=0, high=0.5)), (0, 0), 1)
    square = cv2.GaussianBlur(to_frame(noise(24, 24, seed=1, low=0.5, high=1)), (0, 0), 1)
    frames, back, forth = [], flow(0, 0), flow(0, 0)
    for left in (20, 26):
        frame = ground.copy()
        frame[20:44, left : left + 24] = square
        frames.append(frame)
    back[20:44, 26:50] = (-6, 0)
    forth[20:44, 20:44] = (6, 0)
    return frames, back, forth


def test_the_inverse_of_a_flow_knows_what_it_uncovers() -> None:
    (before, after), back, forth = occluded()
    inverse, unknown = invert(forth, before, after)
    uncovered = np.zeros((HEIGHT, WIDTH), np.bool_)
    uncovered[20:44, 20:26] = True
    assert unknown[uncovered].mean() > 0.9
    assert unknown[~uncovered].mean() < 0.01
    inner = ~cv2.dilate(uncovered.astype(np.uint8), np.ones((5, 5))).astype(np.bool_)
    assert np.percentile(np.abs(inverse - back)[inner], 99.5) < 0.01


def test_where_hardly_anything_arrives_nothing_is_known() -> None:
    """The right part moves by 5.9 px: a tenth of its first column falls into the last one that it uncovers."""
    ground = to_frame(noise(HEIGHT, WIDTH, low=0.2, high=0.8))
    forth = flow(0, 0)
    forth[:, 20:] = (5.9, 0)
    unknown = invert(forth, ground, ground)[1]
    assert unknown[:, 20:26].all()
    assert not unknown[:, :20].any()
    assert not unknown[:, 26:].any()


@pytest.mark.parametrize("given", ["back", "forth"])
def test_what_was_hidden_is_not_carried(tmp_path: Path, given: str) -> None:
    (before, after), back, forth = occluded()
    for number in (1, 2):
        write_exr(tmp_path / f"v{number}.exr", **({"backward_uv": back} if given == "back" else {"forward_uv": forth}))
    motion = measure_given(vectors_of(f"{tmp_path}/v%d.exr:y=down", range(2)), before, after, (0, 1))
    assert motion is not None
    assert motion.reliability[22:42, 20:26].max() < 0.05  # uncovered
    assert motion.reliability[24:40, 31:45].min() > 0.95  # of the square
    assert motion.reliability[50:].min() > 0.95


def test_what_no_vector_is_for_is_not_carried(tmp_path: Path) -> None:
    holes = BACK.copy()
    holes[10:20, 10:20] = np.nan
    holes[10:20, 30:40] = np.inf
    holes[10:20, 50:60] = 1e10
    for number in (1, 2):
        write_exr(tmp_path / f"v{number}.exr", backward_uv=up(holes))
    frames = scene()
    motion = measure_given(vectors_of(f"{tmp_path}/v%d.exr", range(2)), frames[0], frames[1], (0, 1))
    assert motion is not None
    assert np.isfinite(motion.backward).all()
    assert max(motion.reliability[10:20, left : left + 10].max() for left in (10, 30, 50)) == 0


def test_vectors_are_scaled_with_the_frames(tmp_path: Path) -> None:
    text = write_all(tmp_path, "nuke")
    for size in ((48, 36), (192, 144)):
        back = vectors_of(text, size=size).between(3, 2)
        assert back is not None
        assert back.shape == (size[1], size[0], 2)
        assert np.abs(back - np.array(BACK[0, 0]) * size[0] / WIDTH).max() < 1e-4


def test_the_stage_takes_the_files_where_they_have_the_motion(tmp_path: Path) -> None:
    frames, vectors = scene(), vectors_of(write_all(tmp_path, "nuke"))
    stage = MotionStage("dis", torch.device("cpu"), vectors)
    pairs = list(pair_up(frames, [False] * FRAMES, 0))
    assert [pair.indices for pair in pairs[1:]] == [(t - 1, t) for t in range(1, FRAMES)]
    given = stage(pairs[3]).motion
    assert given is not None
    assert torch.equal(given.flow[0, :, 5, 5], torch.tensor([-STEP[0], -STEP[1]]))
    other = stage(next(pair_up(frames[3:5], [False] * 2, 1, first=7))).motion  # numbers that no file has
    measured = MotionStage("dis", torch.device("cpu"))(pairs[4]).motion
    assert other is not None
    assert measured is not None
    assert torch.equal(other.flow, measured.flow)


def test_numbers_follow_those_of_the_pictures(tmp_path: Path) -> None:
    for number in range(1000, 1006):
        write_exr(tmp_path / f"v.{number}.exr", backward_uv=flow(number, 0))
    spec = parse_flow_file(f"{tmp_path}/v.%04d.exr")
    vectors = open_vectors(spec, 1000, range(FRAMES), (WIDTH, HEIGHT))
    assert float(vectors.between(3, 2)[0, 0, 0]) == 1003  # type: ignore[index]
    later = open_vectors(spec, 1002, range(1, 3), (WIDTH, HEIGHT))
    assert float(later.between(2, 1)[0, 0, 0]) == 1004  # type: ignore[index]
    told = open_vectors(parse_flow_file(f"{tmp_path}/v.%04d.exr:first=1001"), 1, range(3), (WIDTH, HEIGHT))
    assert float(told.between(2, 1)[0, 0, 0]) == 1003  # type: ignore[index]
    with pytest.raises(SettingsError, match=r"has files 1000 to 1005, but frame 1 of the clip needs file 2; .*first=N"):
        open_vectors(spec, 1, range(FRAMES), (WIDTH, HEIGHT))
    with pytest.raises(SettingsError, match="frame 6 of the clip needs file 1006"):
        open_vectors(spec, None, range(8), (WIDTH, HEIGHT))


def test_what_does_not_say_where_it_points_is_asked(tmp_path: Path) -> None:
    write_exr(tmp_path / "a1.exr", velocity_RG=BACK)
    with pytest.raises(SettingsError, match="do not say where they point; add :to=previous or :to=next, and y=up"):
        vectors_of(f"{tmp_path}/a%d.exr", range(1))
    write_exr(tmp_path / "b1.exr", one_RG=BACK, two_RG=BACK)
    with pytest.raises(SettingsError, match=r"no layer called forward, .*one\.G, one\.R, two\.G, two\.R"):
        vectors_of(f"{tmp_path}/b%d.exr:to=next,y=up", range(1))
    assert vectors_of(f"{tmp_path}/b%d.exr:to=next,y=up,layer=two", range(1)).to == {"next"}
    with pytest.raises(SettingsError, match="has no layer three"):
        vectors_of(f"{tmp_path}/b%d.exr:layer=three", range(1))


def test_damaged_and_foreign_files_are_one_line(tmp_path: Path) -> None:
    write_flo(tmp_path / "short1.flo", BACK)
    (tmp_path / "short1.flo").write_bytes((tmp_path / "short1.flo").read_bytes()[:-4])
    (tmp_path / "huge1.flo").write_bytes(b"PIEH" + np.array([2**30, 2**30], "<i4").tobytes())
    (tmp_path / "text1.exr").write_text("no picture")
    cv2.imwrite(str(tmp_path / "gray1.png"), np.zeros((4, 4), np.uint8))
    (tmp_path / "other1.mp4").write_text("")
    for name, message in {
        "short%d.flo": "not a .flo file, or damaged",
        "huge%d.flo": "not a .flo file, or damaged",
        "text%d.exr": "text1.exr",
        "gray%d.png": "not flow as KITTI stores it",
        "other%d.mp4": "not a file of motion vectors",
        "none%d.exr": "no file matches",
    }.items():
        with pytest.raises((MediaError, SettingsError), match=message):
            vectors_of(f"{tmp_path}/{name}", range(1))
    with pytest.raises(SettingsError, match="is not a numbered sequence"):
        vectors_of(f"{tmp_path}/short1.flo", range(1))


def test_the_setting_is_a_method_or_files() -> None:
    assert make_settings({"flow": "none"}).flow == "none"
    spec = make_settings({"flow": r"C:\v\m.%04d.exr:layer=a.b,to=next,y=up,units=uv,scale=-0.5,first=7"}).flow
    assert spec == FlowFile(Path(r"C:\v\m.%04d.exr"), "a.b", "next", "up", "uv", -0.5, 7)
    assert make_settings({"flow": str(spec)}).flow == spec
    for text, message in {
        "diss": "did you mean dis",
        "m.%d.exr:to=here": "to=here: must be previous or next",
        "m.%d.exr:up=y": "'up=y' is not one of layer=, to=, y=, units=, scale=, first=",
        "m.%d.exr:scale=0": "must be a number other than 0",
        "m.%d.exr:first=-1": "must be the number of a file",
        "m.%d.exr:layer=": "layer=: give a name",
    }.items():
        with pytest.raises(SettingsError, match=message):
            make_settings({"flow": text})
