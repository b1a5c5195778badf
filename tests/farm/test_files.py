from __future__ import annotations

from pathlib import Path

import pytest

from dreamvid.errors import MediaError
from dreamvid.farm import files
from dreamvid.farm.files import bring, files_of, is_here, read_piece, share
from dreamvid.farm.messages import SharedFile


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PIECE_BYTES", 1000)


class Elsewhere:
    """Files of a machine whose paths are not seen here."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.largest = self.pieces = 0

    def real(self, path: Path) -> Path:
        return self.folder / path.relative_to("/elsewhere")

    def list_files(self, path: Path) -> list[Path]:
        return [Path("/elsewhere") / file.relative_to(self.folder) for file in files_of(self.real(path))]

    def fetch(self, path: Path, offset: int) -> bytes:
        piece = read_piece(self.real(path), offset)
        self.largest, self.pieces = max(self.largest, len(piece)), self.pieces + 1
        return piece


def test_a_file_that_is_seen_is_used_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"film")
    assert bring(share(path), Path.iterdir, lambda *_: b"", tmp_path / "cache") == path  # type: ignore[arg-type]
    assert not (tmp_path / "cache").exists()


def test_another_file_under_the_same_path_is_not_taken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"film")
    shared = share(path)
    path.write_bytes(b"mlif")
    assert not is_here(shared)


def test_a_file_is_brought_once_in_bounded_pieces(tmp_path: Path) -> None:
    content = bytes(range(256)) * 17
    (tmp_path / "clip.mp4").write_bytes(content)
    elsewhere = Elsewhere(tmp_path)
    shared = SharedFile(Path("/elsewhere/clip.mp4"), share(tmp_path / "clip.mp4").fingerprint)
    brought = bring(shared, elsewhere.list_files, elsewhere.fetch, tmp_path / "cache")
    assert brought.read_bytes() == content
    assert (brought.name, elsewhere.largest) == ("clip.mp4", 1000)
    count = elsewhere.pieces
    assert bring(shared, elsewhere.list_files, elsewhere.fetch, tmp_path / "cache") == brought
    assert elsewhere.pieces == count


@pytest.mark.parametrize("name", ["frames", "frames/%03d.png"])
def test_a_sequence_is_brought_as_one(tmp_path: Path, name: str) -> None:
    (tmp_path / "frames").mkdir()
    for number in (1, 2, 3):
        (tmp_path / "frames" / f"{number:03}.png").write_bytes(bytes([number]) * 1500)
    elsewhere = Elsewhere(tmp_path)
    shared = SharedFile(Path("/elsewhere") / name, share(tmp_path / name).fingerprint)
    brought = bring(shared, elsewhere.list_files, elsewhere.fetch, tmp_path / "cache")
    assert [path.read_bytes()[:1] for path in files_of(brought)] == [b"\1", b"\2", b"\3"]


@pytest.mark.parametrize("name", ["50%d", f"{'x' * 250}.mp4", "clip%05d.mp4"])
def test_names_that_are_odd_or_long_are_brought(tmp_path: Path, name: str) -> None:
    if name.endswith(".mp4"):
        (tmp_path / name).write_bytes(b"film")
    else:
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(b"film")
    elsewhere = Elsewhere(tmp_path)
    shared = SharedFile(Path("/elsewhere") / name, share(tmp_path / name).fingerprint)
    brought = bring(shared, elsewhere.list_files, elsewhere.fetch, tmp_path / "cache")
    assert [path.read_bytes() for path in files_of(brought)] == [b"film"]


def test_what_was_cut_short_is_brought_again(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"x" * 2500)
    elsewhere = Elsewhere(tmp_path)
    shared = SharedFile(Path("/elsewhere/clip.mp4"), share(tmp_path / "clip.mp4").fingerprint)

    def broken(path: Path, offset: int) -> bytes:
        if offset:
            raise RuntimeError("the driver has gone")
        return elsewhere.fetch(path, offset)

    with pytest.raises(RuntimeError, match="gone"):
        bring(shared, elsewhere.list_files, broken, tmp_path / "cache")
    assert len(bring(shared, elsewhere.list_files, elsewhere.fetch, tmp_path / "cache").read_bytes()) == 2500


@pytest.mark.parametrize("kind", ["a link", "open to others", "a file"])
def test_a_folder_that_others_can_reach_into_is_not_used(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    if kind == "a link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    elif kind == "a file":
        folder.write_bytes(b"")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    elsewhere = Elsewhere(tmp_path)
    (tmp_path / "clip.mp4").write_bytes(b"film")
    shared = SharedFile(Path("/elsewhere/clip.mp4"), share(tmp_path / "clip.mp4").fingerprint)
    with pytest.raises(MediaError, match=r"cache: (is not accessible to this user alone|cannot be created)"):
        bring(shared, elsewhere.list_files, elsewhere.fetch, folder)
    assert not elsewhere.pieces
