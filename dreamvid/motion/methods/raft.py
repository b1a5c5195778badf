"""RAFT, a network: for a GPU."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from dreamvid.errors import ModelError
from dreamvid.motion.flow import FlowField, FlowMethod, Frame, pad_edge
from dreamvid.runtime.downloads import DownloadError, cached_path, fetch
from dreamvid.runtime.events import Progress, run_to_end
from dreamvid.runtime.registers import FLOWS

_MIN_SIDE_PX = 128
_MULTIPLE_PX = 8


@FLOWS.register("raft")
class RaftFlow(FlowMethod):
    """RAFT (Teed and Deng 2020, arXiv:2003.12039) from torchvision: the best at large and fine motion.

    Worth it on a GPU; on a CPU it takes seconds a frame. Frames are padded with their edge to a
    multiple of 8 px, at least 128 px a side. `weights=False` leaves the network random, for tests.
    Raises ModelError where the weights are neither cached nor to be had.
    """

    uses_device = True

    def __init__(self, device: str = "cpu", *, small: bool = False, weights: bool = True) -> None:
        super().__init__(device)
        net = _raft(small)[0](weights=None, progress=False)
        if weights:
            run_to_end(_fetch(small=small))
            path = cached_path(_raft(small)[1].url)
            net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self._net = net.eval().requires_grad_(False).to(device)

    def prepare(self, frame: Frame) -> Any:
        padded = pad_edge(frame, _MIN_SIDE_PX, _MULTIPLE_PX)
        tensor = torch.from_numpy(padded).permute(2, 0, 1)[None].to(self.device)
        return tensor * 2 - 1, frame.shape[:2]

    def between(self, first: Any, second: Any) -> FlowField:
        (a, (height, width)), (b, _) = first, second
        with torch.inference_mode():
            flow: torch.Tensor = self._net(a, b)[-1][0].float()
        return np.ascontiguousarray(flow.permute(1, 2, 0).cpu().numpy()[:height, :width])

    @classmethod
    def fetch(cls) -> Iterator[Progress]:
        """Download the weights if need be; yield how far that is. Raises `ModelError`."""
        yield from _fetch()


def _fetch(*, small: bool = False) -> Iterator[Progress]:
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
