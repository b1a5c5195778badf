"""Which pixels a position of a feature map sees, and where in a network positions end.

Up to some place a network is local: a position of a map depends on a square of pixels around it, so the map of a large
picture can be made tile by tile. Behind a pooling of all positions, as before the scores, it is not; what lies there is
a network of its own, a head, which takes the local map of the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import fx

from dreamvid.models.layers import operation_name


class Field(NamedTuple):
    """Position i of a map sees the pixels from  i * stride + first  to  i * stride + last,  in both directions."""

    stride: int = 1
    first: int = 0
    last: int = 0


class Local(NamedTuple):
    """A tap as seen from its map: the map's field, and what leads from the map to the tap (None: it is the map)."""

    field: Field
    head: fx.GraphModule | None


def reach(fields: Sequence[Field]) -> tuple[int, int]:
    """How many pixels before and after its own `stride` pixels a position of any of the maps sees, at most."""
    before = max(-field.first for field in fields)
    after = max(field.last - (field.stride - 1) for field in fields)
    return max(0, before), max(0, after)


_POINTWISE = {
    "BatchNorm2d", "ReLU", "ReLU6", "Identity", "Dropout", "relu", "add", "iadd", "mul", "sub", "truediv", "sigmoid",
    "tanh", "getitem",
}  # fmt: skip
_WINDOWS = {"Conv2d", "BlockConv", "FrozenConv", "MaxPool2d", "AvgPool2d", "max_pool2d", "avg_pool2d"}


def split_local(body: fx.GraphModule) -> tuple[fx.GraphModule, list[Local]]:
    """Split a network that returns a tuple of taps: into the local part, which returns a map for each tap, and heads.

    Operations that are not known to be local belong to a head. A head takes one map; where several would be needed it
    takes the picture. Modules are shared with `body`.
    """
    fields = _trace_fields(body)
    output = next(node for node in body.graph.nodes if node.op == "output")
    taps: Sequence[fx.Node] = output.args[0]
    maps = [_last_local(tap, fields) for tap in taps]
    trunk = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    needed = _ancestors(maps)
    for node in body.graph.nodes:
        if node in needed or node.op == "placeholder":
            copies[node] = trunk.node_copy(node, copies.__getitem__)
    trunk.output(tuple(copies[node] for node in maps))
    locals_ = [
        Local(fields[place], None if place is tap else _head(body, place, tap))
        for place, tap in zip(maps, taps, strict=True)
    ]
    return fx.GraphModule(body, trunk), locals_


def gates(trunk: fx.GraphModule) -> tuple[frozenset[int], ...]:
    """For each map that a local part returns, the numbers of those that all of it passes through, but for itself.

    Of maps that are one and the same, the first is a gate of the others.
    """
    output = next(node for node in trunk.graph.nodes if node.op == "output")
    maps: Sequence[fx.Node] = output.args[0]
    picture = next(node for node in trunk.graph.nodes if node.op == "placeholder")

    def is_gate(first: int, second: int) -> bool:
        if maps[first] is maps[second]:
            return first < second
        return picture not in _ancestors([maps[second]], maps[first]) and maps[first] is not picture

    numbers = range(len(maps))
    return tuple(frozenset(first for first in numbers if is_gate(first, second)) for second in numbers)


def _last_local(tap: fx.Node, fields: dict[fx.Node, Field]) -> fx.Node:
    """The local node that all of `tap` is made of."""
    if tap in fields:
        return tap
    behind = [node for node in _ancestors([tap]) if node not in fields]
    before = {source for node in behind for source in node.all_input_nodes if source in fields}
    if len(before) == 1:
        return before.pop()
    picture: fx.Node = next(node for node in tap.graph.nodes if node.op == "placeholder")
    return picture


def _head(body: fx.GraphModule, start: fx.Node, end: fx.Node) -> fx.GraphModule:
    graph = fx.Graph()
    copies = {start: graph.placeholder("map")}
    needed = _ancestors([end], start)
    for node in body.graph.nodes:
        if node in needed and node not in copies:
            copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(copies[end])
    return fx.GraphModule(body, graph)


def _ancestors(nodes: Sequence[fx.Node], start: fx.Node | None = None) -> set[fx.Node]:
    """The nodes and all that they are made of, back to `start`."""
    found: set[fx.Node] = set()
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting += [] if node is start else node.all_input_nodes
    return found


def _trace_fields(body: fx.GraphModule) -> dict[fx.Node, Field]:
    """The field of every local node."""
    fields: dict[fx.Node, Field] = {}
    for node in body.graph.nodes:
        if node.op == "placeholder":
            fields[node] = Field()
        elif node.op.startswith("call_") and all(source in fields for source in node.all_input_nodes):
            field = _field_of(node, body, [fields[source] for source in node.all_input_nodes])
            if field is not None:
                fields[node] = field
    return fields


def _field_of(node: fx.Node, body: fx.GraphModule, sources: Sequence[Field]) -> Field | None:
    """The field of a node from those of what goes into it; None if it is not known to be local."""
    name = operation_name(node, body)
    if len({source.stride for source in sources}) != 1:
        return None
    field = Field(
        sources[0].stride, min(source.first for source in sources), max(source.last for source in sources)
    )
    if name in _POINTWISE or (name in ("cat", "split") and _concerns_channels(node)):
        return field
    return _through_window(field, *_window(node, body)) if name in _WINDOWS else None


def _through_window(
    field: Field, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int], dilation: tuple[int, int]
) -> Field | None:
    """Of both directions the larger; None where their strides differ."""
    if stride[0] != stride[1]:
        return None
    reach = [(size - 1) * apart - pad for size, apart, pad in zip(kernel, dilation, padding, strict=True)]
    return Field(
        field.stride * stride[0], field.first - max(padding) * field.stride, field.last + max(reach) * field.stride
    )


def _window(node: fx.Node, body: fx.GraphModule) -> tuple[tuple[int, int], ...]:
    """Kernel, stride, padding and dilation of a convolution or pooling."""
    if node.op == "call_module":
        module: Any = body.get_submodule(str(node.target))
        names = ("kernel_size", "stride", "padding", "dilation")
        given = {name: getattr(module, name) for name in names if hasattr(module, name)}
    else:
        order = ("kernel_size", "stride", "padding")
        given = {**dict(zip(order, node.args[1:], strict=False)), **node.kwargs}
    kernel = _pair(given["kernel_size"])
    stride = given.get("stride") or kernel  # a pooling's stride is its size
    return kernel, _pair(stride), _pair(given.get("padding", 0)), _pair(given.get("dilation", 1))


def _concerns_channels(node: fx.Node) -> bool:
    """Whether a stack or its contrary is along the channels."""
    return 1 in (*node.args[1:], node.kwargs.get("dim"))


def _pair(value: Any) -> tuple[int, int]:
    return (value[0], value[1]) if isinstance(value, (tuple, list)) else (value, value)
