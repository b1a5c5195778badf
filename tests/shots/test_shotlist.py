from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dreamvid.errors import MediaError
from dreamvid.shots.shotlist import read_shots, write_shots
from dreamvid.shots.shots import Shot, shots_between

FILM, VIDEO, FAST, PAL = Fraction(24_000, 1001), Fraction(30_000, 1001), Fraction(60_000, 1001), Fraction(25)
RATES = (FILM, VIDEO, FAST, PAL, *map(Fraction, (12, 24, 50, 60)), Fraction(25, 2))
property_test = settings(deadline=None, database=None, max_examples=50)


def starts(shots: list[Shot]) -> list[int]:
    return [shot.first for shot in shots]


def read(tmp_path: Path, text: str, name: str = "list.csv", rate: Fraction = FILM, frames: int = 1000) -> list[int]:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return starts(read_shots(path, rate, frames))


# Round trips.


@property_test
@given(cuts=st.sets(st.integers(1, 299_999), max_size=12), rate=st.sampled_from(RATES))
@pytest.mark.parametrize("suffix", [".csv", ".edl", ".EDL"])
def test_what_is_written_is_read(
    suffix: str, cuts: set[int], rate: Fraction, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("list") / f"shots{suffix}"
    shots = shots_between(cuts, 300_000)
    write_shots(path, shots, rate, clip="clip.mp4")
    assert read_shots(path, rate, 300_000) == shots


@property_test
@given(cuts=st.sets(st.integers(1, 99_999), max_size=12), rate=st.sampled_from(RATES))
@pytest.mark.parametrize("kept", [("start_seconds",), ("start_timecode", "end_timecode"), ("end_frame", "first_frame")])
def test_each_column_alone_says_where_shots_begin(
    kept: tuple[str, ...], cuts: set[int], rate: Fraction, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("list") / "shots.csv"
    shots = shots_between(cuts, 100_000)
    write_shots(path, shots, rate, clip="clip.mp4")
    rows = [line.split(",") for line in path.read_text().splitlines()]
    columns = [rows[0].index(name) for name in kept]
    path.write_text("\n".join(",".join(row[column] for column in columns) for row in rows))
    assert read_shots(path, rate, 100_000) == shots


SHOTS = shots_between([52, 1800], 2000)


def test_a_table_looks_like_this(tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    write_shots(path, SHOTS, VIDEO, clip="clip.mp4")
    assert path.read_text() == (
        "shot,first_frame,end_frame,frames,start_seconds,end_seconds,start_timecode,end_timecode\n"
        "1,0,52,52,0.000000,1.735067,00:00:00;00,00:00:01;22\n"
        "2,52,1800,1748,1.735067,60.060000,00:00:01;22,00:01:00;02\n"
        "3,1800,2000,200,60.060000,66.733333,00:01:00;02,00:01:06;22\n"
    )


@pytest.mark.parametrize(
    ("rate", "mode", "last"),
    [(VIDEO, "DROP FRAME", "00:01:00;02 00:01:06;22"), (PAL, "NON-DROP FRAME", "00:01:12:00 00:01:20:00")],
)
def test_an_edl_looks_like_this(tmp_path: Path, rate: Fraction, mode: str, last: str) -> None:
    path = tmp_path / "shots.edl"
    write_shots(path, SHOTS, rate, clip="my\nclip.mp4")
    lines = path.read_text().splitlines()
    assert lines[:3] == ["TITLE: my clip", f"FCM: {mode}", ""]
    assert lines[-2:] == [f"003  AX       V     C        {last} {last}", "* FROM CLIP NAME: my clip.mp4"]
    assert len(lines) == 3 + 2 * 3


def test_nothing_is_overwritten_unless_asked(tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    path.write_text("somebody's work")
    with pytest.raises(MediaError, match=r"shots\.csv"):
        write_shots(path, SHOTS, PAL, clip="clip.mp4")
    assert path.read_text() == "somebody's work"
    write_shots(path, SHOTS, PAL, clip="clip.mp4", overwrite=True)
    assert read_shots(path, PAL, 2000) == SHOTS
    assert [entry.name for entry in tmp_path.iterdir()] == ["shots.csv"]


@pytest.mark.parametrize("name", ["shots.txt", "shots", "missing/shots.csv"])
def test_what_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaError, match="shots"):
        write_shots(tmp_path / name, SHOTS, PAL, clip="clip.mp4")
    assert list(tmp_path.iterdir()) == []


def test_a_clip_whose_name_is_no_text(tmp_path: Path) -> None:
    write_shots(tmp_path / "shots.edl", SHOTS, PAL, clip="caf\udce9.mp4")
    assert read_shots(tmp_path / "shots.edl", PAL, 2000) == SHOTS


# Other people's tables.

SCENES = """\
Timecode List:,00:00:02.169,00:00:41.667
Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode,End Time (seconds),Length (frames)
1,1,00:00:00.000,0.000,52,00:00:02.169,2.169,52
2,53,00:00:02.169,2.169,999,00:00:41.667,41.667,947
3,1000,00:00:41.667,41.667,1000,00:00:41.708,41.708,1
"""


def without_times(table: str) -> str:
    return "\n".join(",".join(line.split(",")[i] for i in (0, 1, 4)) for line in table.splitlines()[1:])


def test_scenes_counted_from_one(tmp_path: Path) -> None:
    assert read(tmp_path, SCENES) == [0, 52, 999]
    assert read(tmp_path, SCENES.partition("\n")[2]) == [0, 52, 999]
    assert read(tmp_path, without_times(SCENES)) == [0, 52, 999]


def test_scenes_counted_from_nought(tmp_path: Path) -> None:
    old = SCENES.replace("1,1,", "1,0,").replace("2,53,", "2,52,").replace("3,1000,", "3,999,")
    assert read(tmp_path, old) == [0, 52, 999]
    assert read(tmp_path, without_times(old)) == [0, 52, 999]


def test_scenes_of_a_part_of_a_clip(tmp_path: Path) -> None:
    lines = SCENES.splitlines(keepends=True)
    assert read(tmp_path, lines[1] + "".join(lines[3:])) == [0, 52, 999]


@pytest.mark.parametrize("rate", [PAL, Fraction(12), VIDEO])
def test_scenes_of_a_clip_of_another_rate(tmp_path: Path, rate: Fraction) -> None:
    with pytest.raises(MediaError, match=r"list.csv, line [45]: .*another frame rate"):
        read(tmp_path, SCENES, rate=rate)


@pytest.mark.parametrize(
    "text",
    [
        "first_frame\n0\n52\n999\n",
        "Shot;First frame\n1;0\n2;52\n3;999\n",
        "shot\tstart seconds\n1\t0\n2\t2,17\n3\t41.667\n",
        "Shot;Start time;Remark\n1;0,0;a;b\n2;2,17;\n3;41,667\n",
        'remark,first_frame\n"hills, far",0\n"a ""face""",52.0\n,999\n,\n\n',
        "start_timecode\n00:00:02:04\n00:00:41:15\n",
        "frame,end_frame\n52,60\n999,\n",
    ],
)
def test_tables_of_many_kinds(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == [0, 52, 999]
    assert read(tmp_path, text.replace("\n", "\r\n")) == [0, 52, 999]
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "wide.csv").write_text(text, encoding=encoding)
        assert starts(read_shots(tmp_path / "wide.csv", FILM, 1000)) == [0, 52, 999]


def test_a_frame_number_says_more_than_the_time_beside_it(tmp_path: Path) -> None:
    assert read(tmp_path, "shot,first_frame,start_seconds\n1,0,0\n2,54,2.169\n") == [0, 54]


def test_a_deleted_line_joins_its_shot_to_the_one_before(tmp_path: Path) -> None:
    for name in ("shots.csv", "shots.edl"):
        write_shots(tmp_path / name, SHOTS, PAL, clip="clip.mp4")
        lines = (tmp_path / name).read_text().splitlines()
        kept = [line for line in lines if not line.startswith(("2,", "002"))]
        assert len(kept) == len(lines) - 1
        (tmp_path / name).write_text("\n".join(kept))
        assert read_shots(tmp_path / name, PAL, 2000) == [Shot(1, 0, 1800), Shot(2, 1800, 2000)]


# One cut a line.


@pytest.mark.parametrize(
    "text",
    [
        "52\n999\n",
        "0\n52\n999",
        "# cuts\n\n 52 \n   # more\n999\n",
        "2.17\n41.667\n",
        "2.17 s\n41.667s\n",
        "0:02.17\n00:00:41.667\n",
        "00:00:02:04\n00:00:41:15\n",
        "52\n41.667\n",
        "\ufeff52\r\n999\r\n",
    ],
)
def test_one_cut_a_line(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text, name="cuts.txt") == [0, 52, 999]


def test_minutes_and_hours(tmp_path: Path) -> None:
    assert read(tmp_path, "1:02.5\n1:00:01\n", rate=PAL, frames=100_000) == [0, 1563, 90_025]


# Other people's EDLs.

DROPS = """\
TITLE: programme
FCM: DROP FRAME

001  TAPE01   V     C        04:10:00;00 04:10:02;00 01:00:00;00 01:00:02;00
* FROM CLIP NAME: 00:00:09:00
001  TAPE01   A     C        04:10:00;00 04:10:02;00 01:00:00;00 01:00:03;00
002  TAPE01   AA/V  C        04:10:02;00 04:10:02;00 01:00:02;00 01:00:02;00
002  MY REEL  B     D    015 11:00:00;00 11:00:58;00 01:00:02;00 01:01:00;02
EFFECTS NAME IS CROSS DISSOLVE
M2   TAPE02       048.0                02:00:00;00
003  TAPE02   V     KB (F)   02:00:00:00 02:00:05:00 01:01:00:02 01:01:05:02
003  TAPE03   V     K    000 02:00:00:00 02:00:04:00 01:01:00:02 01:01:04:02
004  TITLES   V2    C        00:00:00;00 00:00:01;00 01:00:01;00 01:00:02;00
005  BL       V     C        00:00:00;00 00:00:01;00 01:01:05;02 01:01:06;02
"""


def test_record_times_count_from_the_hour_of_the_first_event(tmp_path: Path) -> None:
    assert read(tmp_path, DROPS, "cut.edl", VIDEO, 3000) == [0, 60, 1800, 1950]


def test_an_edl_is_known_by_its_title_too(tmp_path: Path) -> None:
    edl = "TITLE: a\n001 AX V C 00:00:05:00 00:00:07:04 00:00:00:00 00:00:02:04\n"
    assert read(tmp_path, edl + "2 AX V W001 012 00:00:00:00 00:00:01:00 00:00:02:04 00:00:03:04\n", "a.txt") == [0, 52]


def test_a_programme_may_begin_before_its_first_event(tmp_path: Path) -> None:
    assert read(tmp_path, "1 AX V C 00:00:00:00 00:00:01:00 10:00:02:04 10:00:03:04", "a.edl") == [0, 52]


def test_colons_are_drop_frame_where_the_edl_says_so(tmp_path: Path) -> None:
    event = "FCM: {}DROP FRAME\n1 A V C 00:00:00:00 00:00:01:00 01:01:00:02 01:01:01:02"
    assert read(tmp_path, event.format(""), "a.edl", VIDEO, 9000) == [0, 1800]
    assert read(tmp_path, event.format("NON-"), "a.edl", VIDEO, 9000) == [0, 1802]


# Lists that make no sense.


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.txt", "52\n\n1000\n", "line 3: the clip has no frame 1000: its 1000 frames are 0 to 999"),
        ("a.txt", "60\n52\n", "line 2: .*frame 52, not after .*60"),
        ("a.txt", "52\n52\n", "line 2: .*frame 52, not after"),
        ("a.txt", "52\nhello\n", "line 2: 'hello' is not a time .*; a table starts with"),
        ("a.txt", "52,999\n", "line 1: '52,999' is not a time"),
        ("a.txt", "-5\n", "line 1: '-5' is not a time"),
        ("a.txt", "9" * 5000, "line 1: '9{39}…' is not a frame number"),
        ("a.txt", "1e999999999\n", "line 1: '1e999999999' is not a time"),
        ("a.txt", "5\n00:00:01:24\n", "line 2: .*the last frame number is 23"),
        ("a.txt", "00:00:01;00\n", "line 1: .*drop-frame"),
        ("a.txt", "\n# nothing\n", "lists no shots"),
        ("a.csv", "first_frame,end_frame\n", "lists no shots"),
        ("a.csv", "first_frame,end_frame\n0,1001\n", "line 2: the clip has no frame 1000"),
        ("a.csv", "first_frame,end_frame\n0,20\n\n19,30\n", "line 4: .*frame 19, before the one in line 2 .*20"),
        ("a.csv", "first_frame,end_frame\n0,20\n20,20\n", "line 3: the shot ends at frame 20, but starts at frame 20"),
        ("a.csv", "first_frame,end_frame\n0,20\nx,30\n", "line 3: 'x' is not a frame number"),
        ("a.csv", "first_frame,end_frame\n0,20\n20,x\n", "line 3: 'x' is not a frame number"),
        ("a.csv", "shot,first_frame\n1,0\n2\n", "line 3: it does not say"),
        ("a.csv", "shot,start_timecode\n1,00:00:00:99\n", "line 2: .*the last frame number is 23"),
        ("a.csv", "shot,from,to\n1,0,20\n", "line 1: .*names of its columns"),
        ("a.csv", "first_frame\n" + "1" * 200_000, "line 2|not a table"),
        ("a.edl", "TITLE: a\n", "lists no shots"),
        ("a.edl", "1 A V C 00:00:00:00 00:00:01:00 00:00:00:00\n", "line 1: .*not an EDL event"),
        (
            "a.edl",
            "\n1 A V C 00:00:00:00 00:00:01:00 00:00:00:00 00:00:01:24\n",
            "line 2: .*the last frame number is 23",
        ),
        ("a.edl", "1 A V C 00:00:00:00 00:00:01:00 00:00:00:00 00:00:01\n", "line 1: .*not a timecode"),
        ("a.edl", "FCM: DROP FRAME\n1 A V C 0:0:0:0 0:0:0:0 00:00:00:00 00:00:01:00\n", "line 2: .*drop-frame"),
        (
            "a.edl",
            "1 A V C 00:00:00:00 00:00:01:00 00:00:05:00 00:00:06:00\n"
            "2 A V C 00:00:00:00 00:00:01:00 00:00:01:00 00:00:02:00",
            "line 2: .*frame 24, not after .*120",
        ),
        (
            "a.edl",
            "1 A V C 00:00:00:00 00:00:01:00 02:00:00:00 02:00:01:00\n"
            "2 A V C 00:00:00:00 00:00:01:00 01:59:59:00 02:00:00:00",
            "line 2: .*not after",
        ),
    ],
)
def test_lists_that_make_no_sense(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    with pytest.raises(MediaError, match=complaint) as caught:
        read(tmp_path, text, name)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_lists(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "film.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(100))
    (tmp_path / "long.csv").write_bytes(b"1\n" * 5_000_000)
    for name, complaint in (
        ("missing.csv", "no such file"),
        ("", "folder"),
        ("empty.csv", "empty"),
        ("film.mp4", "not a list"),
        ("long.csv", "large"),
    ):
        with pytest.raises(MediaError, match=complaint):
            read_shots(tmp_path / name, FILM, 1000)
