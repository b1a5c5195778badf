"""What a training run leaves on disk: checkpoints to go on from, the curve, and the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from dreamvid.config.fields import fields_of
from dreamvid.errors import SettingsError
from dreamvid.runtime.documents import parse_json
from dreamvid.train.networks import Interface
from dreamvid.train.settings import TrainSettings


class RunFolder:
    """The folder `NAME.train` beside `NAME.safetensors`: checkpoint.pt and, if kept, each epoch's weights."""

    def __init__(self, settings: TrainSettings) -> None:
        self.path = settings.output.with_suffix(".train")
        self._settings = settings
        self._checkpoint = self.path / "checkpoint.pt"
        self.path.mkdir(parents=True, exist_ok=True)

    @property
    def has_checkpoint(self) -> bool:
        """Whether a run was begun here."""
        return self._checkpoint.exists()

    def epoch_path(self, epoch: int) -> Path:
        """Where the weights of an epoch, counted from 1, are kept."""
        return self.path / f"epoch-{epoch:03d}.safetensors"

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the checkpoint in one move: a kill at any moment leaves the old one or the new one."""
        temporary = self._checkpoint.with_suffix(".tmp")
        torch.save({**state, "settings": self._settings.model_dump_json()}, temporary)
        temporary.replace(self._checkpoint)

    def load(self, device: torch.device) -> dict[str, Any] | None:
        """Return the last checkpoint's state, or `None` where there is nothing to resume.

        Raises:
            SettingsError: the checkpoint belongs to a run with other settings, or is damaged.
        """
        if self._settings.fresh or not self.has_checkpoint:
            return None
        try:
            state: dict[str, Any] = torch.load(self._checkpoint, map_location=device, weights_only=True)
            old = dict(parse_json(state["settings"]))
        except Exception as error:  # what is no checkpoint makes its reader raise anything
            raise SettingsError(f"{self._checkpoint}: is damaged; start over with --fresh") from error
        new = json.loads(self._settings.model_dump_json())
        free = _free_to_change()
        for field in sorted(set(old) | set(new)):
            if field not in free and old.get(field) != new.get(field):
                raise SettingsError(
                    f"{self.path} contains a run with {field} = {old.get(field)}, not {new.get(field)}; continue with "
                    "that, choose another output, or start over with --fresh"
                )
        return state


def export_weights(
    path: Path,
    weights: Mapping[str, Tensor],
    settings: TrainSettings,
    interface: Interface,
    top1: float,
    epoch: int,
) -> None:
    """Write weights as safetensors, dreamnet's in fp16, with metadata that says what they are.

    Metadata values are strings: architecture, width and middle (dreamnet), classes (JSON list), mean and std
    (three numbers, comma between), resolution (pixels), dataset, top1 (validation accuracy, 0 to 1, "nan"
    without validation), epoch, and recipe (the settings as JSON).
    """
    small = settings.model == "dreamnet"
    tensors = {
        name: tensor.detach().to("cpu", torch.float16 if small and tensor.is_floating_point() else None).contiguous()
        for name, tensor in weights.items()
        if not name.endswith("num_batches_tracked")
    }
    pictures = {name for name, _, facts in fields_of(TrainSettings) if facts.is_input_file} - {"finetune"}
    recipe = settings.model_dump(mode="json", exclude=_free_to_change() | pictures)
    if settings.finetune is not None:
        recipe["finetune"] = settings.finetune.name
    metadata = {
        "architecture": settings.model,
        "classes": json.dumps(interface.classes),
        "mean": ",".join(map(str, interface.mean)),
        "std": ",".join(map(str, interface.std)),
        "resolution": str(settings.resolution),
        "dataset": settings.name or "",
        "top1": f"{top1:.4f}",
        "epoch": str(epoch),
        "recipe": json.dumps(recipe),
    }
    if small:
        metadata |= {"width": str(settings.width), "middle": str(settings.middle or settings.width)}
    temporary = path.with_suffix(".tmp")
    temporary.write_bytes(save(tensors, metadata))  # `save_file` would let nobody else read it
    temporary.replace(path)


def _free_to_change() -> set[str]:
    """What may differ between a kill and its resumption: the weights do not depend on it."""
    return {name for name, _, facts in fields_of(TrainSettings) if not facts.affects_frames}
