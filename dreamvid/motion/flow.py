"""Dense optical flow between two frames.

Convention: flow is (H, W, 2) float32, (dx, dy) in pixels of the frames given, x to the right and y down.
The pixel centre p of the first frame shows what the second frame shows at p + flow(p). So the flow from
the current frame to the previous one is the *backward* flow, the one that `warp_backward` wants.

The figures for the default, DIS, are end-point errors in pixels and milliseconds on one core, 8 px
of border left out, on samples/known_flow.mp4 (320x180) and samples/journey.mp4 (480x270; its sky is
nearly flat, which is where the error lives):

    preset, finest scale, refinements     known_flow       journey: hills   journey: portrait
    ULTRAFAST, 2, 0                       .123   0.5 ms    .33    1.5 ms    .30    1.6 ms
    FAST, 2, 5                            .110   1.1 ms    .25    2.9 ms    .20    2.9 ms
    FAST, 1, 5                            .044   4.0 ms    .36    9.2 ms    .14   10.0 ms
    FAST, 1, 5, smoothness 40 (used)      .035   3.9 ms    .34    9.1 ms    .12    9.3 ms
    FAST, 0, 5                            .047  16.3 ms    .48   37.9 ms    .15   38.0 ms
    MEDIUM, 1, 5                          .044   5.6 ms    .37   12.9 ms    .13   13.1 ms
    Farneback (window 15)                 .050   9.1 ms    .73   24.8 ms    .70   25.6 ms

Local histogram equalisation changed nothing (.043, .37, .13 with MEDIUM). Stretching dark frames to the full
8 bits did: at 8 % brightness .046 instead of .050, .45 instead of .53, .18 instead of .25.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from dreamvid.downloads import DownloadError, cached_path, fetch
from dreamvid.errors import ModelError, SettingsError, did_you_mean
from dreamvid.notices import Progress, run_to_end

if TYPE_CHECKING:
    import torch

Frame = npt.NDArray[np.float32]
FlowField = npt.NDArray[np.float32]

DIS_MIN_SIDE_PX = 32  # below this the coarsest scale of the pyramid has no room for an 8 px patch
RAFT_MIN_SIDE_PX = 128
RAFT_MULTIPLE_PX = 8


class FlowMethod(StrEnum):
    """How motion is measured; `NONE` takes the picture to stand still."""

    DIS = "dis"
    FARNEBACK = "farneback"
    RAFT = "raft"
    NONE = "none"


class FlowEstimator(Protocol):
    """Measures flow in two steps, so that what is derived from one frame can serve two pairs.

    An instance keeps scratch memory: use it from one thread at a time.
    """

    def prepare(self, frame: Frame) -> Any:
        """Derive from a frame, (H, W, 3) float32 RGB in [0, 1], what the measurement needs of it."""

    def between(self, first: Any, second: Any) -> FlowField:
        """Return the flow from `first` to `second`, both as `prepare` returned them."""


def measure_flow(estimator: FlowEstimator, first: Frame, second: Frame) -> FlowField:
    """Return the flow (H, W, 2) float32 in pixels from `first` to `second`, frames (H, W, 3) RGB in [0, 1]."""
    if first.shape != second.shape or first.ndim != 3 or first.shape[2] != 3:
        raise ValueError(f"two (H, W, 3) frames of the same size are required, not {first.shape} and {second.shape}")
    return estimator.between(estimator.prepare(first), estimator.prepare(second))


def make_flow_estimator(method: FlowMethod | str, device: str = "cpu") -> FlowEstimator:
    """Return an estimator by name; raises SettingsError for an unknown name, ModelError for missing weights.

    `device` matters to RAFT only.
    """
    try:
        method = FlowMethod(method)
    except ValueError:
        names = [m.value for m in FlowMethod]
        hint = did_you_mean(str(method), names)
        raise SettingsError(f"unknown optical flow method {str(method)!r}; use {', '.join(names)}{hint}") from None
    if method is FlowMethod.DIS:
        return DisFlow()
    if method is FlowMethod.FARNEBACK:
        return FarnebackFlow()
    if method is FlowMethod.RAFT:
        return RaftFlow(device=device)
    return NoFlow()


class NoFlow:
    """Takes everything to stand still."""

    def prepare(self, frame: Frame) -> Frame:
        return frame

    def between(self, first: Frame, second: Frame) -> FlowField:  # noqa: ARG002
        return np.zeros((*first.shape[:2], 2), np.float32)


class DisFlow:
    """Dense inverse search (Kroeger et al. 2016, arXiv:1603.03590) with variational refinement; the default.

    See the module's docstring for why these settings. Frames under 32 px a side are padded with their edge.
    """

    def __init__(self) -> None:
        self._dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
        self._dis.setFinestScale(1)
        self._dis.setVariationalRefinementIterations(5)
        self._dis.setVariationalRefinementAlpha(40.0)

    def prepare(self, frame: Frame) -> Any:
        return _grey(_pad(frame, DIS_MIN_SIDE_PX)), frame.shape[:2]

    def between(self, first: Any, second: Any) -> FlowField:
        (a, (height, width)), (b, _) = first, second
        a, b = _to_8_bits(a, b)
        flow = self._dis.calc(a, b, None)  # a field given here would be taken as a first guess
        return np.ascontiguousarray(flow[:height, :width])


class FarnebackFlow:
    """Polynomial expansion (Farnebäck 2003): smooth, forgiving of noise, slower and coarser than DIS."""

    def prepare(self, frame: Frame) -> Frame:
        return _grey(frame)

    def between(self, first: Frame, second: Frame) -> FlowField:
        a, b = _to_8_bits(first, second)
        flow = np.zeros((*a.shape, 2), np.float32)
        cv2.calcOpticalFlowFarneback(
            a,
            b,
            flow,
            pyr_scale=0.5,
            levels=5,
            winsize=15,
            iterations=3,
            poly_n=5,
            poly_sigma=1.2,
            flags=0,
        )
        return flow


class RaftFlow:
    """RAFT (Teed and Deng 2020, arXiv:2003.12039) from torchvision: the best at large and fine motion.

    Worth it on a GPU; on a CPU it takes seconds a frame. Frames are padded with their edge to a
    multiple of 8 px, at least 128 px a side. `weights=False` leaves the network random, for tests.
    Raises ModelError where the weights are neither cached nor to be had.
    """

    def __init__(self, device: str = "cpu", *, small: bool = False, weights: bool = True) -> None:
        import torch

        net = _raft(small)[0](weights=None, progress=False)
        if weights:
            run_to_end(fetch_raft(small=small))
            path = cached_path(_raft(small)[1].url)
            net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._device = device
        self._net = net.eval().requires_grad_(False).to(device)

    def prepare(self, frame: Frame) -> Any:
        import torch

        padded = _pad(frame, RAFT_MIN_SIDE_PX, RAFT_MULTIPLE_PX)
        tensor = torch.from_numpy(padded).permute(2, 0, 1)[None].to(self._device)
        return tensor * 2 - 1, frame.shape[:2]

    def between(self, first: Any, second: Any) -> FlowField:
        import torch

        (a, (height, width)), (b, _) = first, second
        with torch.inference_mode():
            flow: torch.Tensor = self._net(a, b)[-1][0].float()
        return np.ascontiguousarray(flow.permute(1, 2, 0).cpu().numpy()[:height, :width])


def _grey(frame: Frame) -> Frame:
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(frame, np.float32), cv2.COLOR_RGB2GRAY), np.float32)


def _to_8_bits(first: Frame, second: Frame) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Quantise two greys with one common gain, so that dark frames use all 256 levels."""
    white = max(float(np.percentile(grey[::4, ::4], 99.5)) for grey in (first, second))
    gain = 255 / min(max(white, 1 / 16), 1.0)  # at most x16: below that there is only noise to see
    a, b = (np.clip(grey * gain + 0.5, 0, 255).astype(np.uint8) for grey in (first, second))
    return a, b


def _pad(frame: Frame, min_side: int, multiple: int = 1) -> Frame:
    """Pad a frame to the right and below with its edge pixels."""
    height, width = frame.shape[:2]
    down, right = (-(-max(side, min_side) // multiple) * multiple - side for side in (height, width))
    if not down and not right:
        return frame
    return np.pad(frame, ((0, down), (0, right), (0, 0)), mode="edge")


def fetch_raft(*, small: bool = False) -> Iterator[Progress]:
    """Download RAFT's weights if they are not cached, yielding how far that is. Raises `ModelError`."""
    url = _raft(small)[1].url
    try:
        yield from fetch(url, "RAFT's weights")
    except DownloadError as error:
        raise ModelError(
            f"RAFT's weights could not be downloaded from {url}: {error}; use --flow dis, or put the file at "
            f"{cached_path(url)}"
        ) from error


def _raft(small: bool) -> tuple[Any, Any]:
    """What builds the network, and where its weights are."""
    from torchvision.models import optical_flow

    if small:
        return optical_flow.raft_small, optical_flow.Raft_Small_Weights.DEFAULT
    return optical_flow.raft_large, optical_flow.Raft_Large_Weights.DEFAULT
