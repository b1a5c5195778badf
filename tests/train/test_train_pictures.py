from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from train_textures import PICTURES_PER_CLASS, SIDE, texture, write_textures, zip_folder

from dreamvid.errors import MediaError, SettingsError
from dreamvid.train.data import PictureStore, decode_square, stored_side
from dreamvid.train.pictures import choose_pictures, find_pictures, split_pictures

CLASSES = ["across", "along", "slanted"]


def test_a_folder_and_zip_files_of_it_hold_the_same_pictures(textures: Path, tmp_path: Path) -> None:
    bare = zip_folder(textures, tmp_path / "bare.zip")
    wrapped = zip_folder(textures, tmp_path / "wrapped.zip", inside="data/")
    expected, classes = find_pictures([textures])
    assert classes == CLASSES
    assert len(expected) == 3 * PICTURES_PER_CLASS
    stored = PictureStore(expected, classes, SIDE)
    for archive in (bare, wrapped):
        found, names = find_pictures([archive])
        assert names == classes
        assert [picture.name for picture in found] == [picture.name for picture in expected]
        unpacked = PictureStore(found, names, SIDE)
        assert torch.equal(all_pictures(unpacked), all_pictures(stored))


def test_classes_spread_over_a_folder_of_zip_files(textures: Path, tmp_path: Path) -> None:
    home = tmp_path / "zips"
    home.mkdir()
    for kind in CLASSES:
        zip_folder(textures / kind, home / f"{kind}.zip", inside=f"{kind}/")
    pictures, classes = find_pictures([home])
    assert classes == CLASSES
    assert len(pictures) == 3 * PICTURES_PER_CLASS


def test_a_split_holds_out_the_same_share_of_every_class(textures: Path) -> None:
    pictures, _ = find_pictures([textures])
    train, val = split_pictures(pictures, 0.2, seed=1)
    assert not set(train) & set(val)
    assert set(train) | set(val) == set(pictures)
    assert [sum(p.label == kind for p in val) for kind in CLASSES] == [2, 2, 2]
    assert split_pictures(reversed(pictures), 0.2, seed=1) == (train, val)
    assert split_pictures(pictures, 0.2, seed=2)[1] != val


def test_a_small_class_keeps_a_picture_on_either_side(textures: Path) -> None:
    pictures, _ = find_pictures([textures])
    for share in (0.01, 0.99):
        train, val = split_pictures(pictures, share, seed=0)
        assert {p.label for p in train} == {p.label for p in val} == set(CLASSES)


def test_lists_choose_the_pictures(textures: Path, tmp_path: Path) -> None:
    train_list, val_list = tmp_path / "train.txt", tmp_path / "val.txt"
    train_list.write_text("".join(f"{kind}/00{i}.png\n" for kind in CLASSES for i in (1, 2)))
    val_list.write_text("along\\007.png\r\n\r\n")
    chosen = choose_pictures([textures], train_list=train_list, val_list=val_list)
    assert [p.name for p in chosen.val] == ["along/007.png"]
    assert [p.name for p in chosen.train][:2] == ["across/001.png", "across/002.png"]
    rest = choose_pictures([textures], val_list=val_list)
    assert len(rest.train) == 3 * PICTURES_PER_CLASS - 1


def test_a_folder_of_its_own_for_validation(textures: Path, tmp_path: Path) -> None:
    other = write_textures(tmp_path / "val", count=2, seed=50)
    chosen = choose_pictures([textures], val=other)
    assert len(chosen.val) == 6
    assert len(chosen.train) == 3 * PICTURES_PER_CLASS


def broken_data(case: str, root: Path) -> dict[str, object]:
    """Return arguments for `choose_pictures` that a user could well give, and should not."""
    data = write_textures(root / "data")
    if case == "nothing there":
        return {"roots": [root / "no"]}
    if case == "no pictures":
        (root / "bare" / "a").mkdir(parents=True)
        return {"roots": [root / "bare"]}
    if case == "empty class":
        (data / "void").mkdir()
    if case == "one class":
        return {"roots": [zip_folder(data / "along", root / "one.zip", inside="along/")]}
    if case == "no zip":
        (root / "text.zip").write_text("hello")
        return {"roots": [root / "text.zip"]}
    listed = root / "list.txt"
    if case == "unknown in list":
        listed.write_text("along/000.png\nalong/01.png\n")
        return {"roots": [data], "val_list": listed}
    if case == "in both lists":
        listed.write_text("".join(f"{kind}/000.png\n" for kind in CLASSES))
        return {"roots": [data], "val_list": listed, "train_list": listed}
    if case == "untrained class":
        listed.write_text("along/000.png\n")
        return {"roots": [data], "train_list": listed, "val_split": 0}
    if case == "unknown class":
        return {"roots": [data], "val": write_textures(root / "v" / "w").parent}
    return {"roots": [data]}


@pytest.mark.parametrize(
    ("case", "error", "text"),
    [
        ("nothing there", MediaError, "does not exist"),
        ("no pictures", MediaError, "no pictures in"),
        ("empty class", MediaError, "class 'void'"),
        ("one class", MediaError, "only one class, 'along'"),
        ("no zip", MediaError, "cannot read"),
        ("unknown in list", MediaError, r"1 of the 2 .*'along/01.png'.*did you mean along/"),
        ("in both lists", SettingsError, "'across/000.png' is in"),
        ("untrained class", MediaError, "'across' has no training pictures"),
        ("unknown class", MediaError, "only one class"),
    ],
)
def test_errors_say_what_is_wrong_in_one_line(
    case: str, error: type[Exception], text: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=text) as caught:
        choose_pictures(**broken_data(case, tmp_path))  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_an_empty_class_in_a_zip_file_is_noticed(textures: Path, tmp_path: Path) -> None:
    import zipfile

    path = zip_folder(textures, tmp_path / "data.zip")
    with zipfile.ZipFile(path, "a") as archive:
        archive.mkdir("void")
    with pytest.raises(MediaError, match="class 'void'"):
        find_pictures([path])


def test_the_centered_square_is_kept() -> None:
    wide = np.zeros((20, 60, 3), np.uint8)
    wide[:, 20:40] = (255, 0, 0)  # BGR: blue
    encoded = cv2.imencode(".png", wide)[1].tobytes()
    square = decode_square(encoded, 20)
    assert square is not None
    assert square.shape == (20, 20, 3)
    assert (square == (0, 0, 255)).all()
    assert decode_square(encoded[:40], 20) is None
    assert decode_square(b"", 20) is None


def test_pictures_are_kept_no_larger_than_they_are(textures: Path) -> None:
    pictures, _ = find_pictures([textures])
    assert stored_side(pictures, 16) == 18
    assert stored_side(pictures, 30) == 32
    assert stored_side(pictures, 64) == 64


@pytest.mark.parametrize("memory_bytes", [0, 2**30])
def test_unreadable_pictures_are_skipped_and_counted(memory_bytes: int, textures: Path) -> None:
    (textures / "along" / "003.png").write_bytes(b"not a picture")
    (textures / "along" / "004.png").write_bytes(b"")
    pictures, classes = find_pictures([textures])
    store = PictureStore(pictures, classes, SIDE, memory_bytes=memory_bytes)
    batches = list(store.batches(torch.arange(len(store)), 7))
    labels = torch.cat([labels for _, labels in batches])
    assert len(store.skipped) == 2
    assert labels.bincount().tolist() == [10, 8, 10]
    assert sum(len(images) for images, _ in batches) == 28


def test_decoding_ahead_yields_what_memory_yields(textures: Path) -> None:
    pictures, classes = find_pictures([textures])
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
    kept, lazy = (PictureStore(pictures, classes, SIDE, memory_bytes=size) for size in (2**30, 0))
    for (a, a_labels), (b, b_labels) in zip(kept.batches(order, 4), lazy.batches(order, 4), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a_labels, b_labels)
    first = next(iter(lazy.batches(torch.tensor([11]), 4)))
    assert torch.equal(first[0][0].permute(1, 2, 0), torch.from_numpy(texture("along", 1001)[..., ::-1].copy()))
    assert first[1].tolist() == [1]


def all_pictures(store: PictureStore) -> torch.Tensor:
    return torch.cat([images for images, _ in store.batches(torch.arange(len(store)), 8)])
