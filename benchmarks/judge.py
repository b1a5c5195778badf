"""How much of a thing does a dream hold? An independent ImageNet network looks at it, and at a control.

    uv run python benchmarks/judge.py [--model efficientnet_lite0] [--layer block10] [--picture portrait.jpg]
    uv run python benchmarks/judge.py --pair source.jpg dream.png
    uv run python benchmarks/judge.py --classes ["school bus" "tabby" ...]

The control is the source plus the dream's own spectrum with random phases: as much of every frequency and color, and no
shapes. The judge sees crops of three sizes. What it is surer of in the dream than in the control the dream has drawn,
or has left of the source, which is judged for comparison. A judge may favor dreams of its own kin, so that it compares
settings of one network better than networks. With `--classes` each class is dreamed, and the judge ranks it.
"""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from timing import describe_machine
from torch import Tensor

from dreamvid.dream.noise import pink_noise
from dreamvid.errors import DreamvidError, MediaError, ModelError
from dreamvid.media import read_image, write_image
from dreamvid.models import class_label, load_network
from dreamvid.runtime.device import choose_machine
from dreamvid.runtime.frames import to_frame, to_tensor

SAMPLES = Path(__file__).parents[1] / "samples"
PICTURES = ("sky.jpg", "landscape.jpg", "portrait.jpg")
MODELS = ("efficientnet_lite0", "dreamnet")
CLASSES = (  # known to dreamnet, too
    "tabby", "golden retriever", "king penguin", "goldfish", "African elephant",
    "school bus", "teapot", "umbrella", "hourglass", "suspension bridge",
)  # fmt: skip
TRAINED_SIDES = {"efficientnet_lite1": 240, "efficientnet_lite2": 260}  # px; the other networks' is 224
WINDOWS = (0.6, 0.35)  # of the short side
SURE = 0.5
LIKELY = 0.2  # from here on a crop's class is named
FIRST = 5
BATCH = 16


class Judge:
    """A network that says what it sees in crops of a picture, in float32.

    Crops are scaled to the side the network was trained at, rounded up to a multiple of 32: EfficientNet-Lite's padding
    is exact for even sides only. With lite1 at 240 px the last map loses a row and a column, and photographs get 1.2 to
    1.7 times the confidence that the published network has in them; at 256 px it is the same within a tenth.
    """

    def __init__(self, name: str, side: int | None, device: torch.device) -> None:
        self.network = load_network(name)
        if self.network.class_names is None:
            raise ModelError(f"the classes of {name} have no names: it cannot judge")
        self.names = [class_label(text) for text in self.network.class_names]
        self.side = side or 32 * math.ceil(TRAINED_SIDES.get(name, 224) / 32)
        self.device = device
        self._module = self.network.module.to(device).eval()
        self._mean, self._std = (
            torch.tensor(triple, device=device).view(1, 3, 1, 1) for triple in (self.network.mean, self.network.std)
        )

    @torch.no_grad()
    def look(self, picture: Tensor) -> list[Tensor]:
        """Probabilities (crops, classes) of a picture (1, 3, H, W): of the whole, then of the windows of each size."""
        groups = [torch.split((crops - self._mean) / self._std, BATCH) for crops in self._crops(picture)]
        return [torch.cat([self._module(some).softmax(1) for some in group]) for group in groups]

    def _crops(self, picture: Tensor) -> list[Tensor]:
        height, width = picture.shape[-2:]
        groups = [self._scaled(picture)]
        for share in WINDOWS:
            side = round(share * min(height, width))
            corners = [(top, left) for top in places(height, side) for left in places(width, side)]
            windows = [picture[..., top : top + side, left : left + side] for top, left in corners]
            groups.append(self._scaled(torch.cat(windows)))
        return groups

    def _scaled(self, crops: Tensor) -> Tensor:
        side = (self.side, self.side)
        return F.interpolate(crops, side, mode="bicubic", align_corners=False, antialias=True).clamp(0, 1)


def places(length: int, side: int) -> list[int]:
    """Where windows begin that cover a length evenly and overlap by half or more."""
    last = math.ceil(2 * (length - side) / side)
    return [round(number * (length - side) / max(last, 1)) for number in range(last + 1)]


def with_random_phases(source: Tensor, dream: Tensor, seed: int) -> Tensor:
    """The control: the residual's amplitudes with phases of white noise added, the same ones to all three colors."""
    size = (source.shape[-2], source.shape[-1])
    noise = torch.fft.rfft2(torch.randn(size, generator=torch.Generator().manual_seed(seed)))
    turns = noise / noise.abs()
    turns[0, 0] = 1  # a change of the mean stays what it is
    spectrum = torch.fft.rfft2(dream - source) * turns.to(source.device)
    return in_levels(source + torch.fft.irfft2(spectrum, s=size))


def in_levels(picture: Tensor) -> Tensor:
    """In 8 bits, as the dreams are: half a level changes what the judge thinks of a smooth sky by a tenth."""
    return (255 * picture).round().clamp(0, 255) / 255


class Verdict(NamedTuple):
    """Mean top-1 probabilities, the dream's over the control's, and shares of crops that the judge is sure of."""

    source: float
    dream: float
    control: float
    ratio: float
    sure_dream: float
    sure_control: float


def judge_pair(judge: Judge, source: Tensor, dream: Tensor, seeds: int) -> tuple[Verdict, str]:
    """Compare a dream with its controls, one for each seed, and with its source; and the likely classes in it."""
    top, classes = torch.cat(judge.look(dream)).max(1)
    plain = torch.cat(judge.look(source)).amax(1)
    controls = [torch.cat(judge.look(with_random_phases(source, dream, seed))).amax(1) for seed in range(seeds)]
    means = [float(found.mean()) for found in (plain, top, torch.cat(controls))]
    sure = [float((found > SURE).float().mean()) for found in (top, torch.cat(controls))]
    likely = Counter(judge.names[number] for number in classes[top > LIKELY].tolist()).most_common(4)
    return Verdict(*means, means[1] / means[2], *sure), ", ".join(f"{name} ({count})" for name, count in likely)


def dream_still(picture: Path, target: Path, model: str, size: int, *words: str) -> None:
    """Dream a still as the command line does when nothing else is asked for."""
    command = [sys.executable, "-m", "dreamvid.cli.main", str(picture), "-o", str(target), "--overwrite"]
    command += ["--model", model, "--max-size", str(size), *words, "--no-sidecar", "--progress", "none"]
    done = subprocess.run(command, check=False)
    if done.returncode:  # it has said why
        raise SystemExit(done.returncode)


def find_picture(word: str, folder: Path, size: int) -> Path:
    """A sample by its name, `noise` or `gray`, or any file."""
    if word in ("noise", "gray"):
        blank = pink_noise((size * 5 // 8, size))
        path = folder / f"{word}.png"
        write_image(path, to_frame(blank if word == "noise" else torch.full_like(blank, 0.5)))
        return path
    return SAMPLES / word if word in PICTURES else Path(word)


def read_pair(source: Path, dream: Path, device: torch.device) -> tuple[Tensor, Tensor]:
    """A dream and its source, scaled to the dream's size."""
    original, dreamed = read_image(source), read_image(dream)
    height, width = dreamed.shape[:2]
    if abs(original.shape[1] / original.shape[0] * height / width - 1) > 0.02:
        raise MediaError(f"{dream} is not as wide for its height as {source}")
    scaled = to_tensor(read_image(source, size=(width, height)), device)
    return in_levels(scaled), in_levels(to_tensor(dreamed, device))


def row(model: str, picture: str, verdicts: list[Verdict], classes: str) -> str:
    """A line of the first table: the means of some verdicts."""
    mean = Verdict(*(sum(values) / len(verdicts) for values in zip(*verdicts, strict=True)))
    of_means = f" ({mean.dream / mean.control:.2f} of the means)" if len(verdicts) > 1 else ""
    return (f"| {model} | {picture} | {mean.source:.3f} | {mean.dream:.3f} | {mean.control:.3f} | "
            f"{mean.ratio:.2f}{of_means} | {mean.sure_dream:.0%} | {mean.sure_control:.0%} | {classes} |")  # fmt: skip


def compare(judge: Judge, options: argparse.Namespace, folder: Path) -> None:
    """Print how much surer the judge is of dreams than of their controls."""
    print("| model | picture | source | dream | control | ratio | sure in dream | sure in control | what it sees |\n"
          "|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for model in ["pair"] if options.pair else options.model:
        verdicts = []
        pairs = options.pair or [(find_picture(word, folder, options.size), None) for word in options.picture]
        for picture, dream in pairs:
            if dream is None:
                dream = folder / f"{picture.stem}.dream.png"
                dream_still(picture, dream, model, options.size, *options.words)
            verdict, classes = judge_pair(judge, *read_pair(picture, dream, judge.device), options.seeds)
            verdicts.append(verdict)
            print(row(model, dream.name if options.pair else picture.name, [verdict], classes), flush=True)
        print(row(model, "**mean**", verdicts, ""), flush=True)


def rank_classes(judge: Judge, options: argparse.Namespace, folder: Path) -> None:
    """Print where the judge ranks classes in dreams of them, and in the sources: 1 is what it sees first."""
    numbers = {name: judge.network.class_number(name) for name in options.classes}
    print("| model | picture | class | best crop: dream | source | mean of the larger crops: dream | source |\n"
          "|---|---|---|---|---|---|---|")  # fmt: skip
    for model in options.model:
        network = load_network(model)
        for picture in (find_picture(word, folder, options.size) for word in options.picture):
            found: list[list[int]] = []
            for name, number in numbers.items():
                try:
                    network.class_number(name)
                except ModelError:
                    print(f"| {model} | {picture.name} | {name} | it does not know it | | | |", flush=True)
                    continue
                target = folder / f"{picture.stem}.dream.png"
                dream_still(picture, target, model, options.size, "--class", name, *options.words)
                source, dream = (judge.look(seen) for seen in read_pair(picture, target, judge.device))
                best = [rank_of(number, torch.cat(looks)) for looks in (dream, source)]
                mean = [rank_of(number, torch.cat(looks[:2]).mean(0, keepdim=True)) for looks in (dream, source)]
                found.append(best + mean)
                print(f"| {model} | {picture.name} | {name} | {' | '.join(map(str, found[-1]))} |", flush=True)
            counts = [f"{sum(ranks[at] <= FIRST for ranks in found)} of {len(found)}" for at in range(4)]
            print(f"| {model} | {picture.name} | **first {FIRST}** | {' | '.join(counts)} |", flush=True)


def rank_of(number: int, probabilities: Tensor) -> int:
    """The best rank of a class in some rows of probabilities, from 1."""
    return int((probabilities > probabilities[:, number, None]).sum(1).min()) + 1


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", default="efficientnet_lite1", metavar="NAME")
    parser.add_argument("--input", type=int, metavar="PX", help="side at which the judge looks at a crop")
    parser.add_argument("--model", action="append", metavar="NAME", help="network that dreams; repeat for several")
    parser.add_argument("--layer", help="its layer, in place of the default one")
    parser.add_argument("--picture", action="append", metavar="FILE", help="source, `noise` or `gray`; repeatable")
    parser.add_argument("--size", type=int, default=480, help="longer side of the dreams, at most")
    parser.add_argument("--seeds", type=int, default=3, help="how many controls")
    parser.add_argument("--pair", action="append", nargs=2, type=Path, metavar=("SOURCE", "DREAM"),
                        help="judge this finished dream, and dream nothing; repeat for several")  # fmt: skip
    parser.add_argument("--classes", nargs="*", metavar="CLASS", help="dream these classes; ten if none is named")
    options = parser.parse_args()
    ranking = options.classes is not None
    if ranking and options.pair:
        parser.error("--pair and --classes: one of them")
    options.classes = options.classes or list(CLASSES)
    options.model = options.model or list(MODELS)
    options.picture = options.picture or list(("landscape.jpg",) if ranking else PICTURES)
    options.words = ["--layer", options.layer] if options.layer else []
    try:
        judge = Judge(options.judge, options.input, choose_machine().device)
        print(f"{describe_machine(judge.device)}; judge: {options.judge} at {judge.side} px\n")
        with tempfile.TemporaryDirectory() as folder:
            (rank_classes if ranking else compare)(judge, options, Path(folder))
    except DreamvidError as error:
        raise SystemExit(f"judge: {error}") from None


if __name__ == "__main__":
    main()
