from __future__ import annotations

import pytest

from dreamvid.errors import ModelError
from dreamvid.models import class_label, describe_classes, load_network
from dreamvid.models.classes import find_class

NAMES = ("n04146614_school_bus", "Persian cat", "Egyptian cat", "go-kart", "cat")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("school bus", 0),
        ("School_Bus", 0),
        ("n04146614_school_bus", 0),
        ("bus", 0),  # a part that only one name has
        ("egyptian", 2),
        ("go kart", 3),
        ("cat", 4),  # the whole name goes before parts of others
        ("3", 3),
        (" 0 ", 0),
    ],
)
def test_a_class_is_found_by_what_people_call_it(text: str, number: int) -> None:
    assert find_class(NAMES, len(NAMES), text, "net") == number


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scool bus", r"net has no class 'scool bus'; did you mean school bus\?"),
        ("5", r"net has 5 classes, numbered from 0; there is no class 5"),
        ("ian cat", r"several classes that match 'ian cat': Persian cat \(1\), Egyptian cat \(2\)"),
        ("", r"has no class ''"),
    ],
)
def test_a_class_that_is_not_there_is_one_clear_line(text: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        find_class(NAMES, len(NAMES), text, "net")


def test_classes_without_names_have_numbers() -> None:
    assert find_class(None, 7, "6", "net") == 6
    with pytest.raises(ModelError, match=r"have no names; give a number from 0 to 6"):
        find_class(None, 7, "cat", "net")


def test_the_networks_know_their_classes() -> None:
    assert class_label(describe_classes("vgg16")[779]) == "school bus"
    names = describe_classes("dreamnet")
    assert len(names) == 126
    network = load_network("dreamnet")
    assert class_label(names[network.class_number("School Bus")]) == "school bus"
