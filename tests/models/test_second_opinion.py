"""A dream holds what it is of, not one network's noise: another network, trained on its own, sees it too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from dreamvid.dream import DreamCore, Look, Target
from dreamvid.dream.objective import Score
from dreamvid.media import read_image
from dreamvid.models import load_network

SAMPLES = Path(__file__).parents[2] / "samples"
WITNESS = Path(__file__).parent / "witness.safetensors"  # 33 % top-1; its recipe is in witness.yaml
LOOK = Look(octaves=2, iterations=(12, 4), spectrum=0.7, jitter=16)


def windows(picture: Tensor) -> Tensor:
    """Overlapping views of 64 px, the size that the witness was trained on."""
    height, width = picture.shape[-2:]
    views = [picture[..., y : y + 64, x : x + 64] for y in range(0, height - 63, 32) for x in range(0, width - 63, 32)]
    return torch.cat(views)


def shuffled_phases(picture: Tensor, dreamed: Tensor) -> Tensor:
    """As much change with the same spectrum, but of nothing: the control."""
    size = picture.shape[-2:]
    noise = torch.randn(1, 1, *size, generator=torch.Generator().manual_seed(3))
    phases = torch.fft.rfft2(noise)
    changed = torch.fft.irfft2(torch.fft.rfft2(dreamed - picture) * phases / phases.abs(), s=size)
    return (picture + changed).clamp(0, 1)


@pytest.fixture(scope="module")
def pictures() -> list[Tensor]:
    arrays = [read_image(SAMPLES / f"{name}.jpg", size=(160, 128)) for name in ("sky", "landscape")]
    return [torch.from_numpy(array).permute(2, 0, 1)[None] for array in arrays]


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "name",
    ["school bus", "monarch", pytest.param("golden retriever", marks=SLOW), pytest.param("brain coral", marks=SLOW)],
)
def test_dreaming_of_a_class_raises_the_confidence_of_another_network(name: str, pictures: list[Tensor]) -> None:
    maker = load_network("dreamnet")
    witness = load_network("dreamnet", weights=WITNESS)
    number = witness.class_number(name)
    scores = witness.extractor(["logits"])
    target = Target(channels=(maker.class_number(name),), objective=Score())
    dreamer = DreamCore(maker.extractor(["logits"]), Look(**{**vars(LOOK), "targets": (target,)}))

    def confidence(picture: Tensor) -> float:
        return float(scores(windows(picture))[0].softmax(1)[:, number].mean())

    before, after, control = 0.0, 0.0, 0.0
    for picture in pictures:
        dreamed = dreamer.dream(picture)
        before += confidence(picture)
        after += confidence(dreamed)
        control += confidence(shuffled_phases(picture, dreamed))
    print(f"{name}: {before / 2:.4f} before, {after / 2:.4f} after, {control / 2:.4f} for the same spectrum")
    assert after > 4 * before
    assert after > 2 * control
