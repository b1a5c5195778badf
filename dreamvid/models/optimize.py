"""Rewriting a network so that the same numbers cost less: exact but for the order in which floats are added.

What is done, on the graph of a truncated network whose batch norms are folded into convolutions already:
- a batch norm behind an average that counts no padding is folded into the convolution before it: both are affine,
  and such an average keeps constants;
- convolutions of one pixel that read the same tensor become one;
- a stem of stride 2 becomes a convolution of stride 1 over blocks of 2 x 2 pixels: processors are slow at the
  gradient of strided convolutions of three channels;
- in networks with depthwise convolutions, these and the pointwise ones become `FrozenConv`s;
- a ReLU that nobody else waits for works in place.
"""

from __future__ import annotations

import operator
from collections import defaultdict
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from dreamvid.models.frozen_conv import FrozenConv

_FEW_CHANNELS = 4  # a convolution of at most so many is a stem: its inputs are colors


def optimize(body: fx.GraphModule) -> fx.GraphModule:
    """Rewrite `body` in place and return it. Its weights must be its own, in evaluation mode and frozen."""
    taps = set(_output(body.graph).all_input_nodes)
    _fold_norms_behind_averages(body, taps)
    _split_stems(body)
    _merge_siblings(body)
    _freeze_convolutions(body, taps)
    _work_in_place(body, taps)
    body.graph.eliminate_dead_code()
    body.delete_all_unused_submodules()
    body.recompile()
    return body


class BlockConv(nn.Module):
    """A convolution of stride 2 as one of stride 1 over blocks of 2 x 2 pixels.

    With kernel k, padding p: tap u of the kernel lies at pixel 2 i + u - p. Blocks are counted from pixel -p; a zero
    behind an odd kernel makes its length even; pixel 2 a + b - p of either direction then is entry b of block a.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        kernel = F.pad(conv.weight.detach(), (0, conv.kernel_size[0] % 2) * 2)  # square, see `_is_stem`
        outputs, inputs, length, _ = kernel.shape
        blocks = length // 2
        kernel = kernel.reshape(outputs, inputs, blocks, 2, blocks, 2).permute(0, 1, 3, 5, 2, 4)
        self.conv = nn.Conv2d(inputs * 4, outputs, blocks)
        self.conv.weight = nn.Parameter(kernel.reshape(outputs, inputs * 4, blocks, blocks), requires_grad=False)
        self.conv.bias = conv.bias
        # Of the convolution that it stands for: which pixels a position sees.
        self.kernel_size, self.stride, self.padding, self.dilation = (
            conv.kernel_size, conv.stride, conv.padding, conv.dilation,
        )  # fmt: skip
        self._lead = int(conv.padding[0])
        self._reach = (conv.kernel_size[0], int(conv.padding[0]))

    def forward(self, x: Tensor) -> Tensor:
        blocks = self.conv.kernel_size[0]
        pads = []
        for side in (x.shape[-1], x.shape[-2]):
            kernel, padding = self._reach
            outputs = (side + 2 * padding - kernel) // 2 + 1
            pads += [self._lead, 2 * (outputs + blocks - 1) - side - self._lead]
        stacked = F.pixel_unshuffle(F.pad(x, pads), 2).contiguous(memory_format=torch.channels_last)
        return cast(Tensor, self.conv(stacked))


def _fold_norms_behind_averages(body: fx.GraphModule, taps: set[fx.Node]) -> None:
    for node in list(body.graph.nodes):
        norm = _module(body, node, nn.BatchNorm2d)
        pool = node.args[0] if norm is not None else None
        if not isinstance(pool, fx.Node) or not _is_plain_average(pool) or not _is_private(pool, taps):
            continue
        before = pool.args[0]
        conv = _module(body, before, nn.Conv2d) if isinstance(before, fx.Node) else None
        if conv is None or norm is None or not _is_private(cast(fx.Node, before), taps):
            continue
        _replace_module(body, cast(fx.Node, before), nn.utils.fusion.fuse_conv_bn_eval(conv, norm))
        node.replace_all_uses_with(pool)
        if node in taps:
            taps.add(pool)
        body.graph.erase_node(node)


def _split_stems(body: fx.GraphModule) -> None:
    for node in body.graph.nodes:
        conv = _module(body, node, nn.Conv2d)
        if conv is not None and _is_stem(conv):
            _replace_module(body, node, BlockConv(conv))


def _is_stem(conv: nn.Conv2d) -> bool:
    return (
        conv.in_channels <= _FEW_CHANNELS
        and conv.stride == (2, 2)
        and conv.dilation == (1, 1)
        and conv.groups == 1
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and conv.padding[0] == conv.padding[1]
        and conv.kernel_size[0] == conv.kernel_size[1]
    )


def _merge_siblings(body: fx.GraphModule) -> None:
    families: dict[fx.Node, list[fx.Node]] = defaultdict(list)
    for node in body.graph.nodes:
        conv = _module(body, node, nn.Conv2d)
        if conv is not None and _is_pointwise(conv):
            families[node.args[0]].append(node)
    for source, family in families.items():
        if len(family) > 1:
            _merge(body, source, family)


def _is_pointwise(conv: nn.Conv2d) -> bool:
    return conv.kernel_size == conv.stride == (1, 1) and conv.padding == (0, 0) and conv.groups == 1


def _merge(body: fx.GraphModule, source: fx.Node, family: list[fx.Node]) -> None:
    convs = [cast(nn.Conv2d, _module(body, node, nn.Conv2d)) for node in family]
    merged = nn.Conv2d(source_channels := convs[0].in_channels, sum(conv.out_channels for conv in convs), 1)
    assert all(conv.in_channels == source_channels for conv in convs)  # noqa: S101 - they read the same tensor
    biases = [torch.zeros(conv.out_channels) if conv.bias is None else conv.bias for conv in convs]
    merged.weight = nn.Parameter(torch.cat([conv.weight for conv in convs]).detach(), requires_grad=False)
    merged.bias = nn.Parameter(torch.cat(biases).detach(), requires_grad=False)
    name = f"{family[0].name}_and_siblings"
    body.add_submodule(name, merged)
    with body.graph.inserting_before(family[0]):
        whole = body.graph.call_module(name, (source,))
        # `split` rather than slices: its gradient is one concatenation.
        parts = body.graph.call_function(torch.split, (whole, [conv.out_channels for conv in convs], 1))
        pieces = [body.graph.call_function(operator.getitem, (parts, number)) for number in range(len(convs))]
    for node, piece in zip(family, pieces, strict=True):
        node.replace_all_uses_with(piece)
        body.graph.erase_node(node)


def _freeze_convolutions(body: fx.GraphModule, taps: set[fx.Node]) -> None:
    """Depthwise convolutions and what stands around them become `FrozenConv`s, with the ReLU behind where one is."""
    convs = {node: conv for node in body.graph.nodes if (conv := _module(body, node, nn.Conv2d)) is not None}
    if not any(conv.groups == conv.in_channels > 1 for conv in convs.values()):
        return
    for node, conv in convs.items():
        if not FrozenConv.fits(conv):
            continue
        ceiling, end = None, node
        if _is_private(node, taps):
            follower = next(iter(node.users))
            relu = _module(body, follower, (nn.ReLU, nn.ReLU6))
            if relu is not None:
                ceiling, end = 6.0 if isinstance(relu, nn.ReLU6) else torch.inf, follower
        # What a convolution hands back is its own; what an addition hands back goes to two.
        exclusive = _is_private(end, taps) and next(iter(end.users)) in convs
        _replace_module(body, node, FrozenConv(conv, ceiling, exclusive=exclusive))
        if end is not node:
            end.replace_all_uses_with(node)
            if end in taps:
                taps.add(node)
            body.graph.erase_node(end)


def _work_in_place(body: fx.GraphModule, taps: set[fx.Node]) -> None:
    for node in body.graph.nodes:
        if node.op == "call_function" and node.target in (F.relu, torch.relu):
            before = node.args[0]
            if _module(body, before, (nn.Conv2d, BlockConv)) is not None and _is_private(before, taps):
                node.target, node.args, node.kwargs = F.relu, (before,), {"inplace": True}
        elif (relu := _module(body, node, nn.ReLU)) is not None:
            before = node.args[0]
            relu.inplace = (
                _module(body, before, (nn.Conv2d, BlockConv)) is not None and _is_private(before, taps)
            )


def _output(graph: fx.Graph) -> fx.Node:
    return cast(fx.Node, next(node for node in graph.nodes if node.op == "output"))


def _module(body: fx.GraphModule, node: Any, kinds: Any) -> Any:
    """The module that a node calls, if it is one of `kinds`; else None."""
    if not isinstance(node, fx.Node) or node.op != "call_module":
        return None
    module = body.get_submodule(str(node.target))
    return module if isinstance(module, kinds) else None


def _is_private(node: fx.Node, taps: set[fx.Node]) -> bool:
    """Whether one operation alone reads the node's result, and nobody outside."""
    return len(node.users) == 1 and node not in taps


def _is_plain_average(node: fx.Node) -> bool:
    return node.op == "call_function" and node.target is F.avg_pool2d and node.kwargs.get("count_include_pad") is False


def _replace_module(body: fx.GraphModule, node: fx.Node, module: nn.Module) -> None:
    body.add_submodule(f"{node.name}_lean", module)
    node.target = f"{node.name}_lean"
