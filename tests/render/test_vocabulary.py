"""Every option of the objective and the conditioning, on a short film and on a still, as the command line takes it."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from dreamvid.cli.main import run
from dreamvid.media import open_reader, read_image

SAMPLES = Path(__file__).parents[2] / "samples"
QUICK = [
    "--model", "dreamnet", "--max-size", "96", "--octaves", "2", "--iterations", "2", "--warm-iterations", "1",
    "--precision", "fp32", "--progress", "none", "--overwrite",
]  # fmt: skip
FILM = [str(SAMPLES / "journey.mp4"), *QUICK, "--start", "2", "--frames", "5", "--codec", "ffv1", "--audio", "none"]
STILL = [str(SAMPLES / "portrait.jpg"), *QUICK]
GUIDE = str(SAMPLES / "landscape.jpg")
VIDEO_GUIDE = str(SAMPLES / "known_flow.mp4")
Film = npt.NDArray[np.float32]


def film(folder: Path, *options: str) -> Film:
    target = folder / "film.mkv"
    assert run([*FILM, "-o", str(target), *options]) == 0
    with open_reader(target) as reader:
        return np.stack(list(reader))


def still(folder: Path, *options: str) -> Film:
    target = folder / "still.png"
    assert run([*STILL, "-o", str(target), *options]) == 0
    return read_image(target)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Film, Film]:
    folder = tmp_path_factory.mktemp("plain")
    return film(folder), still(folder)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["--channels", "3,10-20"], marks=pytest.mark.slow),
        ["--layer", "inception4c:0.7@5,6", "--layer", "dreamnet/inception3b:0.3"],
        ["--reverse", "--layer", "inception4d/pre"],
        ["--class", "school bus", "--class", "12:0.5"],
        ["--guide", GUIDE],
        pytest.param(["--guide", VIDEO_GUIDE, "--guide-size", "64"], marks=pytest.mark.slow),
        ["--smooth", "1.5"],
        pytest.param(["--laplacian", "3"], marks=pytest.mark.slow),
        pytest.param(["--tv", "0.3"], marks=pytest.mark.slow),
        pytest.param(["--l2", "0.05"], marks=pytest.mark.slow),
        ["--keep-color"],
        pytest.param(["--step-decay", "0.3"], marks=pytest.mark.slow),
        pytest.param(["--octave-sizes", "40,full"], marks=pytest.mark.slow),
        ["--octave-sizes", "40"],
    ],
    ids=" ".join,
)
def test_each_option_changes_film_and_still_and_leaves_them_dreams(
    options: list[str], plain: tuple[Film, Film], tmp_path: Path
) -> None:
    for made, without in zip((film(tmp_path, *options), still(tmp_path, *options)), plain, strict=True):
        assert made.shape == without.shape
        difference = np.abs(made - without).mean() * 255
        assert 0.2 < difference < 30


def raw_frames() -> Film:
    with open_reader(SAMPLES / "journey.mp4", start=2, frames=5, max_size=96) as reader:
        return np.stack(list(reader))


@pytest.mark.parametrize("kind", ["picture", "film"])
def test_outside_the_mask_a_film_is_untouched(kind: str, plain: tuple[Film, Film], tmp_path: Path) -> None:
    """Also with a mask that was compressed, whose black is nearly black."""
    mask = np.zeros((270, 480), np.uint8)
    mask[:, 280:] = 255
    path = tmp_path / ("mask.png" if kind == "picture" else "mask.avi")
    if kind == "picture":
        cv2.imwrite(str(path), mask)
    else:
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 24, (480, 270))
        for _ in range(60):
            writer.write(cv2.merge([mask] * 3))
        writer.release()
    masked, raw = film(tmp_path, "--mask", str(path)), np.round(raw_frames() * 255) / 255
    assert np.array_equal(masked[:, :, :50], raw[:, :, :50].astype(np.float32))
    assert np.array_equal(masked[:, :, 64:], plain[0][:, :, 64:])
    assert float(np.abs(plain[0] - raw)[:, :, :50].mean()) * 255 > 1


def test_a_mask_on_a_still(plain: tuple[Film, Film], tmp_path: Path) -> None:
    mask = np.zeros((100, 100), np.uint8)
    mask[50:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    masked = still(tmp_path, "--mask", str(tmp_path / "mask.png"))
    raw = np.round(read_image(SAMPLES / "portrait.jpg", max_size=96) * 255) / 255
    assert np.array_equal(masked[:44], raw[:44].astype(np.float32))
    assert np.array_equal(masked[52:], plain[1][52:])


def test_colors_kept_are_kept(tmp_path: Path) -> None:
    made, raw = film(tmp_path, "--keep-color"), raw_frames()
    assert np.abs((made - made[..., :1]) - (raw - raw[..., :1])).max() * 255 < 1.1  # two roundings
    assert np.abs(made - raw).mean() * 255 > 1


def test_a_guiding_film_guides_each_frame_by_its_own(tmp_path: Path) -> None:
    """From the film's second frame on, a guide that changes there makes another dream than one that does not."""
    frames = [read_image(SAMPLES / f"{name}.jpg", size=(96, 64)) for name in ("landscape", "portrait")]
    for name, order in (("changing", (0, 1)), ("constant", (0, 0))):
        writer = cv2.VideoWriter(str(tmp_path / f"{name}.avi"), cv2.VideoWriter.fourcc(*"FFV1"), 0.48, (96, 64))
        for number in order:
            writer.write((frames[number][..., ::-1] * 255).astype(np.uint8))
        writer.release()
    changing, constant = (film(tmp_path, "--guide", str(tmp_path / f"{name}.avi")) for name in ("changing", "constant"))
    # The film's frames begin at 2 s; the guide's second frame begins at 2.083 s, the film's third at 2.085.
    assert np.array_equal(changing[:2], constant[:2])
    assert np.abs(changing[2:] - constant[2:]).mean() * 255 > 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--guide", "nowhere.jpg"], r"nowhere.jpg: there is no such file"),
        (["--guide", __file__], r"test_vocabulary.py: is not a video"),
        (["--channels", "4000"], r"there is no channel 4000"),
        (["--class", "scool bus"], r"did you mean school bus"),
        (["--mask", GUIDE], r"landscape.jpg is 640x400, the source 400x400; give a mask with the same aspect ratio"),
        (["--tv", "-1"], r"--tv: .*greater than or equal to 0"),
    ],
)
def test_bad_input_is_one_clear_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*STILL, "-o", str(tmp_path / "x.png"), *options]) in (1, 2)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert re.search(message, lines[0]), lines[0]
    assert not (tmp_path / "x.png").exists()
