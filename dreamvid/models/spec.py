"""What is known about a network, as data: what it needs, where its weights come from, what to dream with."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dreamvid.models.layer_aliases import LayerAliases

if TYPE_CHECKING:
    from torch import Tensor, nn

Triple = tuple[float, float, float]
Builder = Callable[["Mapping[str, Tensor] | None", Mapping[str, str]], "nn.Module"]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)
IMAGENET = "ImageNet-1k"
_GOOGLENET_LAYER = re.compile(r"(?:(?:inception|mixed)[-_]?(?P<block>[345][a-e])|(?P<conv>conv[123]))(?:$|[^0-9a-z])")


@dataclass(frozen=True)
class PackageFile:
    """A weights file that comes with another Python package, of which nothing is imported.

    Attributes:
        package: the package's import name.
        path: the file's path inside of it.
        sha256: of the file, in hexadecimal digits.
        requirement: what to install where it is missing.
    """

    package: str
    path: str
    sha256: str
    requirement: str


@dataclass(frozen=True)
class ModelSpec:
    """Everything that sets one network apart from the others.

    Attributes:
        name: what `--model` takes.
        family: networks of one family share their layer names.
        builder: makes the module: from the state dict it is to hold (the number of classes and the width are
            read off its shapes) and the file's metadata; or, without a state dict, in its usual size.
        imports: a package that the builder imports, which is imported before tensors are made without numbers.
        head: the path of the last layer, the one that makes the scores.
        parameters: how many numbers are learned (without auxiliary heads).
        classes: whose classes the weights tell apart.
        license: of code and weights, as far as their publishers say.
        minimum_side: the smallest picture that passes through the whole network, in pixels.
        default_layer: the layer that shows best what the network knows.
        default_layers: what to dream on together when nobody says, and how much each counts; {}: the default layer
            alone.
        description: one line for people.
        url: where the weights are; the end of the file name is the start of their SHA-256.
        resource: the weights' file inside this package, for a network that needs no download.
        package: the weights' file inside another package.
        adapt: turns published tensors into those of our module, where names or shapes differ.
        megabytes: size of the weights' file.
        mean, std: of the pictures the network was trained on, RGB in [0, 1].
        ignored: weights beginning with these belong to parts that dreams do not need (auxiliary heads).
        layer_names: what people call its layers.
        dreams_of: what the dreams on its layers show, in a few words.
        googlenet_layers: the layer as deep as each of GoogLeNet's (`4d`, `conv2`), for `auto`.
        look: settings of the look that suit this network better than the general defaults.
    """

    name: str
    family: str
    builder: Builder
    head: str
    parameters: int
    classes: str
    license: str
    minimum_side: int
    default_layer: str
    description: str
    imports: str | None = None
    default_layers: Mapping[str, float] = field(default_factory=dict)
    url: str | None = None
    resource: str | None = None
    package: PackageFile | None = None
    adapt: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] | None = None
    megabytes: float = 0.0
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    ignored: tuple[str, ...] = ()
    layer_names: LayerAliases = field(default_factory=dict, repr=False)
    dreams_of: Mapping[str, str] = field(default_factory=dict, repr=False)
    googlenet_layers: Mapping[str, str] = field(default_factory=dict, repr=False)
    look: Mapping[str, Any] = field(default_factory=dict)

    def counterpart(self, layer: str) -> str | None:
        """The layer as deep as one of GoogLeNet's, named in any of its aliases; None where there is none.

        A branch of a block, and what goes into its ReLUs, mean the block.
        """
        found = _GOOGLENET_LAYER.match(layer.strip().lower())
        return None if found is None else self.googlenet_layers.get(found["block"] or found["conv"])
