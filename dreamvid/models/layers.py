"""The layers of a network: their names, shapes, and the part of the network that leads to some of them.

A layer may be called by
- its module path: `inception4d`, `inception4d.branch2`, `layer3.5`, `layer3.5.conv2`, `features.22`;
- a name from a paper, Caffe, Keras or Lucid: `inception_4d/3x3`, `mixed4d`, `relu4_3`, `conv4_block6_out`;
- the path of an operation inside a module: `layer3.5.relu_2`, `layer3.5.add`, or its torch.fx name `cat_4`;
- `logits`: the scores of the classes, before any softmax.

Letter case, `_` and `-` do not matter, `/` and `.` are the same, and a trailing `/output` is ignored.

A layer's name followed by `/pre` (or `:pre`, `.pre`) means what goes into its last ReLU, where activations
may be negative: `relu4_3/pre` equals `conv4_3`, and `inception4d/pre` is the stack of its four branches'
responses before their ReLUs.
"""

from __future__ import annotations

import copy
import operator
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from dreamvid.errors import ModelError, did_you_mean, shown
from dreamvid.models.spec import ModelSpec
from dreamvid.runtime.process_wide import ALONE

LOGITS = "logits"
_PRE = "/pre"
_PRE_SUFFIX = re.compile(r"[./:]pre$")
_RELU_FUNCTIONS = (F.relu, torch.relu, "relu")

_KINDS: dict[str, str] = {
    "Conv2d": "conv",
    "BatchNorm2d": "norm",
    "ReLU": "relu",
    "ReLU6": "relu",
    "Linear": "linear",
    "MaxPool2d": "pool",
    "AvgPool2d": "pool",
    "AdaptiveAvgPool2d": "pool",
    "max_pool2d": "pool",
    "avg_pool2d": "pool",
    "adaptive_avg_pool2d": "pool",
    "mean": "pool",
}


@dataclass(frozen=True)
class LayerInfo:
    """One place in a network that can be dreamed on.

    Attributes:
        name: the canonical name.
        kind: `block` (a module of several operations), `conv`, `norm`, `relu`, `pool`, `linear`, `cat`,
            `add`, `pre` (before the ReLUs) or `logits`.
        channels: feature maps, or classes.
        stride: pixels of the picture from one position to the next; `None` where no positions are left.
        aliases: other aliases of the same place.
        dreams_of: what its dreams show, in a few words; "" where nobody has written that down.
    """

    name: str
    kind: str
    channels: int
    stride: int | None
    aliases: tuple[str, ...]
    dreams_of: str = ""


class LayerTable:
    """The layers of one architecture, found by tracing it symbolically (torch.fx) once.

    Args:
        skeleton: the network on the meta device, in evaluation mode: shapes without numbers.
        spec: whose aliases apply.
    """

    def __init__(self, skeleton: nn.Module, spec: ModelSpec) -> None:
        self.skeleton = skeleton
        self._model = spec.name
        self._dreams_of = spec.dreams_of
        self._counterpart = spec.counterpart
        self.graph = _trace(skeleton)
        self._paths = _operation_paths(self.graph)
        self._modules = _module_outputs(self.graph)
        self._names, self._aliases = self._name_nodes(spec)
        self._exact, self._loose = self._index()

    def resolve(self, text: str) -> str:
        """Return the canonical name of the layer that `text` means. ModelError if there is none."""
        return self._find(text)[0]

    def info(self, text: str) -> LayerInfo:
        """Return what is known about the layer that `text` means. ModelError if there is none."""
        name, node = self._find(text)
        info = self._info(node)
        return replace(info, name=name, kind="pre", aliases=()) if name.endswith(_PRE) else info

    def infos(self, *, detail: bool = False) -> list[LayerInfo]:
        """List the layers in order of depth: those people call by name; with `detail` every operation."""
        return [
            self._info(node)
            for node, name in self._names.items()
            if detail or node in self._prominent or ("." not in name and name != "flatten")
        ]

    def subgraph(self, taps: Sequence[str]) -> fx.Graph:
        """Return the part of the network that leads to `taps` (as `resolve` returns them), and no more.

        The graph takes the normalized picture and returns the tuple of the taps' activations.
        """
        graph = copy.deepcopy(self.graph)
        nodes = {node.name: node for node in graph.nodes}
        output = next(node for node in graph.nodes if node.op == "output")
        with graph.inserting_before(output):
            tapped = []
            for tap in taps:
                name, node = self._find(tap)
                node = nodes[node.name]
                tapped.append(_before_relu(node) if name.endswith(_PRE) else node)
        graph.erase_node(output)
        graph.output(tuple(tapped))
        graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        graph.lint()
        return graph

    def total_stride(self, graph: fx.Graph) -> int:
        """Return the largest stride in a subgraph, in pixels."""
        strides = (self._shapes[node.name][1] for node in graph.nodes if node.name in self._shapes)
        return max((stride for stride in strides if stride is not None), default=1)

    def _find(self, text: str) -> tuple[str, fx.Node]:
        word = text.strip().lower().replace("/", ".")
        stem = _PRE_SUFFIX.sub("", word).removesuffix(".output")
        node = self._exact.get(stem) or self._loose.get(_squash(stem))
        if node is None:
            as_deep = self._counterpart(stem)
            hint = f"; its layer at the same depth is {as_deep}" if as_deep else did_you_mean(stem, self._exact)
            raise ModelError(
                f"{self._model} has no layer '{shown(text)}'{hint}; `dreamvid layers {self._model}` lists them"
            )
        name = self._names[node]
        if word == stem or not _PRE_SUFFIX.search(word):
            return name, node
        if not _has_relu(node):
            raise ModelError(
                f"{self._model} has no '{shown(text)}', because {name} does not end in a ReLU; use {name!r} itself"
            )
        return name + _PRE, node

    def _name_nodes(self, spec: ModelSpec) -> tuple[dict[fx.Node, str], dict[fx.Node, tuple[str, ...]]]:
        """Find every node's canonical name, and all further names for it, in order of depth.

        The canonical name is the first of: `logits`, the family's own name, the outermost module that ends
        here, the operation's path.
        """
        spoken: dict[fx.Node, list[str]] = {node: [] for node in self._paths}
        spoken[_returned(self.graph)].append(LOGITS)
        self._prominent = set()
        places = {path: node for node, path in self._paths.items()} | self._modules
        for path, aliases in spec.layer_names.items():
            spoken[places[path]] += aliases
            self._prominent.add(places[path])
        for path, node in self._modules.items():
            spoken[node].append(path)
        for node, path in self._paths.items():
            spoken[node].append(path)
        names = {node: names[0] for node, names in spoken.items()}
        self._blocks = {
            node
            for path, node in self._modules.items()
            if path in spec.layer_names or path == names[node]  # but not VGG's nameless `features`
        }
        return names, {node: tuple(dict.fromkeys(all_))[1:] for node, all_ in spoken.items()}

    def _index(self) -> tuple[dict[str, fx.Node], dict[str, fx.Node]]:
        """Tables from spelling to node, as written and with `_` and `-` squashed; canonical names first."""
        exact: dict[str, fx.Node] = {}
        for node, name in self._names.items():
            exact.setdefault(_key(name), node)
        for node, aliases in self._aliases.items():
            for alias in aliases:
                exact.setdefault(_key(alias), node)
        loose: dict[str, fx.Node] = {}
        for spelling, node in exact.items():
            loose.setdefault(_squash(spelling), node)
        for node in self._names:
            exact.setdefault(node.name.lower(), node)
        return exact, loose

    def _info(self, node: fx.Node) -> LayerInfo:
        channels, stride = self._shapes[node.name]
        name = self._names[node]
        aliases = tuple(alias for alias in self._aliases[node] if alias != self._paths[node])
        return LayerInfo(name, self._kind(node), channels, stride, aliases, self._dreams_of.get(name, ""))

    def _kind(self, node: fx.Node) -> str:
        if self._names[node] == LOGITS:
            return LOGITS
        if node in self._blocks:
            return "block"
        operation = operation_name(node, self.skeleton)
        return _KINDS.get(operation, operation)

    @cached_property
    def _shapes(self) -> dict[str, tuple[int, int | None]]:
        """Channels and stride of every node, from two dry runs on the meta device.

        Adding a multiple of a layer's stride to the picture adds exactly that many positions, whatever the
        padding, so the stride is the ratio of the two growths.
        """
        small, large = (_run_shapes(self.skeleton, self.graph, side) for side in (512, 1024))
        shapes: dict[str, tuple[int, int | None]] = {}
        for name, shape in small.items():
            growth = large[name][2] - shape[2] if len(shape) == 4 else 0
            shapes[name] = (shape[1], 512 // growth if growth else None)
        return shapes


def smallest_side(skeleton: nn.Module, graph: fx.Graph, upper: int) -> int:
    """Return the smallest picture, in pixels a side, for which every tap of `graph` has 1 x 1 positions.

    Args:
        skeleton: the network on the meta device.
        graph: a subgraph of it.
        upper: a side known to be large enough.
    """
    module = fx.GraphModule(skeleton, graph)

    def fits(side: int) -> bool:
        try:
            taps = _DryRun(module).run(torch.empty(1, 3, side, side, device="meta"))
        except RuntimeError:  # what torch raises when a kernel is larger than its padded input
            return False
        return all(tap.numel() for tap in taps)

    lower = 1
    while lower < upper:
        middle = (lower + upper) // 2
        lower, upper = (lower, middle) if fits(middle) else (middle + 1, upper)
    return upper


def _trace(skeleton: nn.Module) -> fx.Graph:
    """Trace the network, without dropout and with no function working in place (as `build_skeleton`'s modules)."""
    with ALONE:
        graph = _Tracer().trace(skeleton)
    for node in list(graph.nodes):
        if node.op == "call_module" and isinstance(skeleton.get_submodule(str(node.target)), nn.Dropout):
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.op == "call_function" and node.kwargs.get("inplace"):
            node.kwargs = {**node.kwargs, "inplace": False}
    return graph


class _Tracer(fx.Tracer):
    """Traces without getting into the way of other threads.

    While it traces, torch.fx puts functions of its own in the place of `nn.Module.__call__` and `__getattr__`, and so
    for the modules of every thread. What other threads call goes straight through; two that trace at once would leave
    each other's functions behind, hence the lock around it.
    """

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.get_ident()

    @property
    def _is_called(self) -> bool:
        """Whether it is the thread that traces which has come here."""
        return threading.get_ident() == self._thread

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        """A module is called."""
        return super().call_module(m, forward, args, kwargs) if self._is_called else forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        """A module's parameter or submodule is asked for."""
        return super().getattr(attr, attr_val, parameter_proxy_cache) if self._is_called else attr_val


def _operations(graph: fx.Graph) -> Iterator[fx.Node]:
    return (node for node in graph.nodes if node.op.startswith("call_"))


def _operation_paths(graph: fx.Graph) -> dict[fx.Node, str]:
    """Name every operation by its module's path: `layer3.5.relu_2` is the third ReLU of that block."""
    seen: Counter[str] = Counter()
    paths: dict[fx.Node, str] = {}
    for node in _operations(graph):
        stack = [str(path) for path, _ in node.meta.get("nn_module_stack", {}).values()]
        path = stack[-1] if node.op == "call_module" else ".".join([*stack[-1:], _function_name(node)])
        paths[node] = f"{path}_{seen[path]}" if seen[path] else path
        seen[path] += 1
    return paths


def _module_outputs(graph: fx.Graph) -> dict[str, fx.Node]:
    """Find the node that carries each compound module's output, outermost module first."""
    outputs: dict[str, fx.Node] = {}
    for node in _operations(graph):
        stack = [str(path) for path, _ in node.meta.get("nn_module_stack", {}).values()]
        outputs |= dict.fromkeys(stack[:-1] if node.op == "call_module" else stack, node)
    return outputs


def _returned(graph: fx.Graph) -> fx.Node:
    output: fx.Node = next(node for node in graph.nodes if node.op == "output")
    return output.all_input_nodes[0]


def _function_name(node: fx.Node) -> str:
    return node.target if isinstance(node.target, str) else str(getattr(node.target, "__name__", node.target))


def operation_name(node: fx.Node, module: nn.Module) -> str:
    """Return what a node of a traced `module` does: `Conv2d`, `relu`, `cat`."""
    if node.op == "call_module":
        return type(module.get_submodule(str(node.target))).__name__
    return _function_name(node)


def _is_relu(node: fx.Node) -> bool:
    if node.op == "call_module":
        return node.meta["nn_module_stack"][next(reversed(node.meta["nn_module_stack"]))][1] in (nn.ReLU, nn.ReLU6)
    return node.target in _RELU_FUNCTIONS


def _has_relu(node: fx.Node) -> bool:
    """Whether all that a node carries has just come out of ReLUs."""
    if node.target is torch.cat:
        return all(_has_relu(part) for part in node.all_input_nodes)
    return _is_relu(node)


def _before_relu(node: fx.Node) -> fx.Node:
    """Return the node before a ReLU; for a stack of ReLUs add a new node that stacks what went into them."""
    if _is_relu(node):
        return node.all_input_nodes[0]
    parts, *rest = node.args
    assert isinstance(parts, (list, tuple))  # noqa: S101 (torch.cat takes nothing else)
    before = [_before_relu(part) for part in parts if isinstance(part, fx.Node)]
    return node.graph.call_function(torch.cat, (before, *rest), dict(node.kwargs))


def _run_shapes(skeleton: nn.Module, graph: fx.Graph, side: int) -> dict[str, torch.Size]:
    run = _DryRun(fx.GraphModule(skeleton, graph))
    run.run(torch.empty(1, 3, side, side, device="meta"))
    names = {node.name for node in _operations(graph)}
    return {name: shape for name, shape in run.shapes.items() if name in names}


class _DryRun(fx.Interpreter):
    """Runs a network on the meta device for the shapes of its operations.

    What can be is only reckoned: for convolutions torch would load sympy on the meta device, for others its compiler;
    that is one to five seconds at every start.
    """

    def __init__(self, module: fx.GraphModule) -> None:
        super().__init__(module)
        self.extra_traceback = False  # a picture that is too small is no news
        self.shapes: dict[str, torch.Size] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        if isinstance(result, Tensor):
            self.shapes[n.name] = result.shape
        return result

    def call_function(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if target in (*_RELU_FUNCTIONS, operator.add):
            return args[0]
        if target is torch.cat and len({part.shape[2:] for part in args[0]}) == 1:
            channels = sum(part.shape[1] for part in args[0])
            return torch.empty(args[0][0].shape[0], channels, *args[0][0].shape[2:], device="meta")
        return super().call_function(target, args, kwargs)

    def call_method(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if target == "mean" and tuple(args[1:]) == ((2, 3),) and not kwargs:
            return torch.empty(args[0].shape[:2], device="meta")
        return super().call_method(target, args, kwargs)

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        module = self.fetch_attr(target)
        if isinstance(module, (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Identity)):
            return args[0]
        if isinstance(module, nn.Linear):
            return torch.empty(*args[0].shape[:-1], module.out_features, device="meta")
        if isinstance(module, nn.Conv2d) and not isinstance(module.padding, str):
            return _convolved(args[0], module)
        return super().call_module(target, args, kwargs)


def _convolved(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """A tensor shaped as a convolution's result. Raises `RuntimeError` where its kernel does not fit, as torch does."""
    paddings = cast(tuple[int, ...], conv.padding)
    sides = [
        (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for side, padding, dilation, kernel, stride in zip(
            x.shape[2:], paddings, conv.dilation, conv.kernel_size, conv.stride, strict=True
        )
    ]
    if min(sides) < 1:
        raise RuntimeError("the kernel is larger than the padded picture")
    return torch.empty(x.shape[0], conv.out_channels, *sides, device="meta")


def _key(spelling: str) -> str:
    return spelling.lower().replace("/", ".")


def _squash(spelling: str) -> str:
    return re.sub("[-_ ]", "", spelling)
