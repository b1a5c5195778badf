"""The Ray cluster: joining or starting it, and what share of it each worker gets."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dreamvid.errors import DreamvidError, SettingsError

if TYPE_CHECKING:
    from dreamvid.config.settings import Settings
    from dreamvid.farm.settings import FarmSettings

_CORES_PER_WORKER = 4  # decoding, flow and encoding go on beside the network; more cores help one worker little
_STORE_BYTES = 160 * 2**20  # of a cluster on this machine alone: messages are small, and few
_RAY_OFF = (
    "RAY_USAGE_STATS_ENABLED",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV",  # would start each worker by `uv run`, in a copy of the folder that we are in
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO",  # its old setting warns
)
"""What Ray reads when it is loaded, and is to leave alone."""


class FarmError(DreamvidError):
    """The farm cannot go on: there is no cluster, no worker, or some shots failed on every try."""


@dataclass(frozen=True)
class Share:
    """What each worker gets: so many workers, each with processor cores and GPUs (or parts of them)."""

    workers: int
    cpus: float
    gpus: float
    threads: int | None
    """For the network; None where it runs on a GPU."""

    def __str__(self) -> str:
        whole = f"{self.gpus:g} GPU and {self.cpus:g} core{'s' * (self.cpus != 1)}"
        return whole if self.gpus else whole.partition(" and ")[2]


def import_ray() -> Any:
    """Ray, if the extra is installed. Raises `FarmError` with how to install it."""
    for name in _RAY_OFF:
        os.environ.setdefault(name, "0")
    try:
        import ray
    except ImportError:
        raise FarmError("the farm requires Ray; install it with: pip install 'dreamvid[farm]'") from None
    return ray


@contextlib.contextmanager
def connected(address: str) -> Iterator[Any]:
    """Ray, connected to a cluster; one that was started here ends here, too.

    A program that has connected Ray already keeps its connection. Raises `FarmError`.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    if "://" in address:
        raise FarmError(
            f"--address: {address} uses Ray's client protocol, which is not supported; run dreamvid on a machine of "
            "the cluster, with HOST:PORT"
        )
    # Ray answers a polite kill by leaving at once, in the middle of whatever is done.
    handler = signal.getsignal(signal.SIGTERM)
    try:
        _connect(ray, address)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
        yield ray
    finally:
        ray.shutdown()


def _connect(ray: Any, address: str) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    # Standard output belongs to our events; Ray writes there what the farm tells of in its own words.
    ray._private.worker.print_to_stdstream = lambda *_, **__: None
    if address != "local":
        try:
            ray.init(address=address, **quiet)
            return
        except ConnectionError as error:
            if address != "auto":
                reason = str(error).splitlines()[0]
                raise FarmError(f"--address: there is no Ray cluster at {address} ({reason})") from error
        except (RuntimeError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise FarmError(f"--address: cannot join the Ray cluster at {address} ({reason})") from error
    try:
        with _loopback_only(ray):
            ray.init(address="local", include_dashboard=False, object_store_memory=_STORE_BYTES, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise FarmError(f"Ray cannot be started here ({str(error).splitlines()[0]})") from error


@contextlib.contextmanager
def _loopback_only(ray: Any) -> Iterator[None]:
    """Let what is started listen to this machine alone, as Ray does by itself on macOS and Windows: whoever reaches
    one of its ports may run anything."""
    constants = ray._private.ray_constants
    variable, before = constants.ENABLE_RAY_CLUSTERS_ENV_VAR, constants.ENABLE_RAY_CLUSTER
    kept = os.environ.get(variable)
    os.environ[variable] = "0"  # for the processes
    constants.ENABLE_RAY_CLUSTER = False
    try:
        yield
    finally:
        constants.ENABLE_RAY_CLUSTER = before
        os.environ.pop(variable)
        if kept is not None:
            os.environ[variable] = kept


def choose_share(farm: FarmSettings, settings: Settings, nodes: Sequence[dict[str, Any]]) -> Share:
    """What each worker gets of a cluster with these `ray.nodes()`.

    GPUs where there are some and `--device` does not say otherwise; else shares of four cores, or `--threads`.
    Raises `SettingsError` where the cluster has no such device.
    """
    alive = [node["Resources"] for node in nodes if node["Alive"]]
    gpus = sum(int(resources.get("GPU", 0)) for resources in alive)
    cores = [int(resources.get("CPU", 0)) for resources in alive]
    wanted = settings.device.partition(":")[0]
    if wanted == "cuda" and not gpus:
        raise SettingsError("--device: Ray reports no GPU in this cluster; use auto or cpu")
    if gpus and wanted in ("auto", "cuda"):
        workers = farm.workers or gpus
        each = -(-workers // gpus)  # on one GPU
        return Share(workers, 1 / each, 1 / each, None)
    per_worker = settings.threads or _CORES_PER_WORKER
    workers = farm.workers or max(1, sum(count // per_worker for count in cores))
    threads = settings.threads or max(1, min(_CORES_PER_WORKER, sum(cores) // workers))
    # A worker of four threads fits nowhere if all nodes have two cores; and more workers than cores still work.
    cpus = min(float(threads), max(cores, default=1), max(0.01, sum(cores) / workers))
    return Share(workers, cpus, 0.0, threads)
