"""The classes of a network, by the names that people use for them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dreamvid.errors import ModelError, did_you_mean, shown

_WORDNET_ID = re.compile(r"^n\d{8}[_ ]")


def class_label(name: str) -> str:
    """The name as people write it: `n04146614_school_bus` is "school bus"."""
    return _WORDNET_ID.sub("", name).replace("_", " ").strip()


def find_class(names: Sequence[str] | None, count: int, text: str, model: str) -> int:
    """Return the number of the class that `text` means: a number, a name, or a part that only one name has.

    Args:
        names: the classes in the order of the scores, as their data set spells them; None: they have no names.
        count: how many classes there are.
        text: letter case, `_` and `-` do not matter.
        model: the network's name, for the message.

    Raises:
        ModelError: there is no such class, or there are several.
    """
    if re.fullmatch(r"\d{1,9}", text.strip(), re.ASCII):
        number = int(text)
        if number >= count:
            raise ModelError(f"{model} has {count} classes, numbered from 0; there is no class {number}")
        return number
    if names is None:
        raise ModelError(f"the classes of these weights for {model} have no names; give a number from 0 to {count - 1}")
    labels = [class_label(name) for name in names]
    keys = [_key(label) for label in labels]
    wanted = _key(class_label(text))
    found = [number for number, key in enumerate(keys) if key == wanted]
    if not found and wanted:
        found = [number for number, key in enumerate(keys) if wanted in key]
    if len(found) == 1:
        return found[0]
    if found:
        some = ", ".join(f"{labels[number]} ({number})" for number in found[:6])
        raise ModelError(
            f"{model} has several classes that match '{shown(text)}': {some}; give one of these names or numbers"
        )
    raise ModelError(
        f"{model} has no class '{shown(text)}'{did_you_mean(text, labels)}; `dreamvid layers {model} --classes` lists "
        "them"
    )


def _key(label: str) -> str:
    return re.sub(r"[\s_-]+", " ", label).strip().lower()
