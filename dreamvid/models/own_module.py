"""A module of one's own as a network: any `nn.Module` that torch.fx can trace."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from dreamvid.errors import ModelError, shown
from dreamvid.models.layers import LOGITS, LayerTable
from dreamvid.models.network import Network
from dreamvid.models.spec import IMAGENET_MEAN, IMAGENET_STD, ModelSpec, Triple

_LARGE_ENOUGH = 512  # px a side, for the network to run on; how little is enough is found out
_ORDINARY = (1, 3, 224, 256)  # a picture that is not square


class ModuleNetwork(Network):
    """A network around somebody's module, of which it keeps a copy: evaluation mode, frozen, float32, on the CPU."""

    def __init__(
        self, module: nn.Module, *, mean: Sequence[float] = IMAGENET_MEAN, std: Sequence[float] = IMAGENET_STD
    ) -> None:
        """Make one.

        Args:
            module: takes (N, 3, H, W) pictures of any size that are normalized with `mean` and `std`, and returns a
                tensor. Its layers are called by their paths, `blocks.3.conv`, and what it returns `logits`.
            mean, std: of the pictures that it was trained on, RGB in [0, 1].

        Raises:
            ModelError: torch.fx cannot trace it, or the numbers are not finite.
        """
        name = type(module).__name__.lower()
        self.module = _frozen(module)
        self.spec = ModelSpec(
            name=name,
            family=name,
            builder=self._build,
            head="",
            parameters=sum(parameter.numel() for parameter in module.parameters()),
            classes="its own",
            license="its own",
            minimum_side=_LARGE_ENOUGH,
            default_layer=LOGITS,
            description="a module of your own",
        )
        self.weights = None
        self.mean, self.std = _triple("mean", mean), _triple("std", std)
        self._own_classes = None
        try:
            self._table = LayerTable(self._build(None, {}), self.spec)
            self._table.infos()  # finds the shapes
            with torch.no_grad():
                self.module(torch.zeros(_ORDINARY))
        except Exception as error:  # what tracing runs is somebody's code, and raises anything
            raise ModelError(
                f"{name} cannot be used: torch.fx cannot trace it, or it does not take pictures of any size "
                f"({shown(error, 200)})"
            ) from error

    @property
    def _classes(self) -> int:
        return self.layer(LOGITS).channels

    def _build(self, state: Mapping[str, Tensor] | None, metadata: Mapping[str, str]) -> nn.Module:  # noqa: ARG002
        """A copy without numbers."""
        tensors = itertools.chain(self.module.parameters(), self.module.buffers())
        return copy.deepcopy(self.module, {id(tensor): tensor.to("meta") for tensor in tensors})


def _frozen(module: nn.Module) -> nn.Module:
    """A copy that computes in float32 on the CPU, with no ReLU in place, which would overwrite what is tapped."""
    module = copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
    for part in module.modules():
        if isinstance(part, (nn.ReLU, nn.ReLU6)):
            part.inplace = False
    return module


def _triple(name: str, values: Sequence[float]) -> Triple:
    try:
        red, green, blue = map(float, values)
    except (TypeError, ValueError):
        raise ModelError(f"{name} must be three numbers, not {shown(values)}") from None
    lowest = 1e-3 if name == "std" else -1e3
    if not all(lowest <= value <= 1e3 for value in (red, green, blue)):
        raise ModelError(f"{name} must be three numbers between {lowest:g} and 1000, not {shown(values)}")
    return red, green, blue
