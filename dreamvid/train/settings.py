"""What can be chosen about a training run: the one place of its defaults, bounds and help texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from dreamvid.config.checked import Checked
from dreamvid.errors import shown

TrainableModel = Literal[
    "dreamnet", "efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2", "googlenet",
    "resnet50", "resnet101", "resnet152", "vgg11", "vgg16", "vgg19",
]  # fmt: skip


class ModelDefaults(NamedTuple):
    """What suits a network where the user does not say: for a batch of 128, from random weights."""

    optimizer: Literal["sgd", "adam"]
    lr: float
    resolution: int


MODEL_DEFAULTS: dict[str, ModelDefaults] = {
    "dreamnet": ModelDefaults("sgd", 0.25, 64),
    "efficientnet_lite0": ModelDefaults("sgd", 0.1, 128),
    "efficientnet_lite1": ModelDefaults("sgd", 0.1, 128),
    "efficientnet_lite2": ModelDefaults("sgd", 0.1, 128),
    "googlenet": ModelDefaults("sgd", 0.1, 224),
    # Without batch normalization, VGG diverges at larger rates (Simonyan & Zisserman 2015 start at 0.01).
    "vgg11": ModelDefaults("sgd", 0.01, 224),
    "vgg16": ModelDefaults("sgd", 0.01, 224),
    "vgg19": ModelDefaults("sgd", 0.01, 224),
    "resnet50": ModelDefaults("adam", 0.001, 224),
    "resnet101": ModelDefaults("adam", 0.001, 224),
    "resnet152": ModelDefaults("adam", 0.001, 224),
}


PRETRAINED = Path("pretrained")
"""In place of a file to begin from: the weights published for the network."""

# Of the rate that suits random weights. High, as the network is to forget: dreamnet, with 6,300 pictures of buildings,
# went on dreaming of dogs at 0.1 (71 % top-1), and dreams of barns and arches at 0.6 (75 %).
_FINETUNING_RATE = 0.6


_SAME_WEIGHTS: JsonDict = {"affects_frames": False}
"""Facts of a field: it says where, when and how fast the weights are made, and may change when a run is resumed."""
_INPUT_FILE: JsonDict = {"is_input_file": True}


class TrainSettings(Checked):
    """A training run. The fields' descriptions are the help texts of `dreamvid train`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    data: list[Path] = Field(
        min_length=1,
        description="Pictures to train on: folders or zip files with one subfolder per class, or a folder of "
        "such zip files",
        json_schema_extra=_INPUT_FILE,
    )
    output: Path = Field(
        Path("network.safetensors"),
        description="Weights file to write; the run's folder goes next to it",
        json_schema_extra=_SAME_WEIGHTS,
    )
    overwrite: bool = Field(False, description="Replace the output if it exists", json_schema_extra=_SAME_WEIGHTS)
    name: str | None = Field(
        None,
        description="Name of the data set, for the metadata; default: the name of its folder",
        json_schema_extra=_SAME_WEIGHTS,
    )

    model: TrainableModel = Field("dreamnet", description="Network to train, from random weights")
    finetune: Path | None = Field(
        None,
        description="Start from existing weights instead: a file for that network, or `pretrained` for its "
        "published ones; takes thousands of pictures and minutes",
        json_schema_extra=_INPUT_FILE,
    )
    width: float = Field(
        0.5, ge=0.125, le=2, description="dreamnet only: number of channels, as a fraction of GoogLeNet's"
    )
    middle: float | None = Field(
        0.75, ge=0.125, le=2, description="dreamnet only: the same fraction for inception4a to 4e"
    )
    resolution: int | None = Field(
        None,
        ge=16,
        le=1024,
        description="Side of the training pictures in pixels; default: 64, 128 or 224, depending on the model",
    )

    val_split: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="Fraction of each class held out for validation, unless --val or --val-list is given",
    )
    val: Path | None = Field(
        None,
        description="Folder or zip file of validation pictures, with the same classes",
        json_schema_extra=_INPUT_FILE,
    )
    train_list: Path | None = Field(
        None,
        description="Text file with the relative paths (class/picture.jpg) of the pictures to train on",
        json_schema_extra=_INPUT_FILE,
    )
    val_list: Path | None = Field(
        None, description="Text file with the relative paths of the validation pictures", json_schema_extra=_INPUT_FILE
    )

    epochs: int = Field(20, ge=0, le=10_000, description="Number of epochs, before the robust ones")
    batch_size: int = Field(128, ge=2, le=8192, description="Number of pictures per step")
    optimizer: Literal["sgd", "adam"] | None = Field(
        None, description="SGD with Nesterov momentum, or Adam; default: Adam for ResNet, SGD for the others"
    )
    lr: float | None = Field(
        None, gt=0, le=10, description="Peak learning rate; default: depends on the model, 0.6 of that with --finetune"
    )
    schedule: Literal["onecycle", "cosine"] = Field(
        "onecycle", description="Learning rate schedule: up and down again, or down along a cosine"
    )
    weight_decay: float = Field(2e-4, ge=0, le=1, description="Weight decay of the convolutions")
    label_smoothing: float = Field(0.1, ge=0, lt=1, description="Share of the target that is spread over all classes")
    ema: float = Field(
        0.998,
        ge=0,
        lt=1,
        description="Decay of the moving average of the weights, which is what is saved; it spans about "
        "1 / (1 - EMA) steps; 0: off",
    )
    growth: dict[float, Annotated[int, Field(ge=16)]] = Field(
        default_factory=dict,
        description="Start with smaller pictures: fraction of the epochs up to which a size in pixels is "
        "used, such as 0.25:32,0.65:48",
    )
    auxiliary: str | None = Field(
        None, description="Layer at which an auxiliary head also learns the classes (GoogLeNet: inception4d)"
    )
    auxiliary_weight: float = Field(0.3, ge=0, le=1, description="Weight of the auxiliary head's loss")

    crop_area: float = Field(0.5, gt=0, le=1, description="Smallest fraction of a picture that a random crop keeps")
    flip: bool = Field(True, description="Mirror half of the pictures")
    color: float = Field(
        1.0, ge=0, le=2, description="Strength of the color augmentation: hue, saturation, brightness, contrast"
    )

    robust: float = Field(
        0, ge=0, le=32, description="Adversarial training at the end: maximum change per pixel in 8-bit levels; 0: none"
    )
    robust_epochs: int = Field(2, ge=0, le=1000, description="Number of adversarial epochs after the plain ones")
    robust_lr: float | None = Field(
        None, gt=0, le=10, description="Peak learning rate of the adversarial phase; default: one eighth of --lr"
    )

    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the split, weights, order and augmentation")
    device: str = Field(
        "auto", description="Device to train on: auto, cpu, cuda, cuda:1 or mps", json_schema_extra=_SAME_WEIGHTS
    )
    precision: Literal["auto", "fp32", "bf16"] = Field(
        "auto", description="Arithmetic precision; auto uses bf16 where it is fast"
    )
    threads: int | None = Field(
        None, ge=1, le=1024, description="Number of CPU threads; default: all cores", json_schema_extra=_SAME_WEIGHTS
    )
    checkpoint_minutes: float = Field(
        5,
        ge=0,
        description="Interval at which the run is saved, in addition to the end of each epoch",
        json_schema_extra=_SAME_WEIGHTS,
    )
    keep_epochs: bool = Field(
        False, description="Keep the weights of every epoch in the run's folder", json_schema_extra=_SAME_WEIGHTS
    )
    fresh: bool = Field(
        False, description="Start over, even if an interrupted run could be resumed", json_schema_extra=_SAME_WEIGHTS
    )

    @field_validator("growth", mode="before")
    @classmethod
    def _parse_growth(cls, value: object) -> object:
        """Take "0.25:32,0.65:48", as typed, for the mapping."""
        if not isinstance(value, str):
            return value
        pairs = [pair.split(":") for pair in value.split(",") if pair.strip()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"'{shown(value)}' is not a list of FRACTION:PIXELS such as 0.25:32,0.65:48")
        return {share.strip(): size.strip() for share, size in pairs}

    @field_validator("output")
    @classmethod
    def _check_output(cls, value: Path) -> Path:
        if value.suffix != ".safetensors":
            raise ValueError(f"weights are written as .safetensors; use the name {value.with_suffix('.safetensors')}")
        return value

    @model_validator(mode="after")
    def _check(self) -> TrainSettings:
        if self.val is not None and self.val_list is not None:
            raise ValueError("val and val_list both provide the validation pictures; give only one")
        if self.train_list is not None and self.val_list is None and self.val is None and self.val_split == 0:
            raise ValueError("train_list requires validation pictures; give val_list, val or val_split")
        if any(not 0 < share < 1 for share in self.growth):
            raise ValueError("the fractions in growth must be between 0 and 1")
        if self.epochs + (self.robust_epochs if self.robust else 0) == 0:
            raise ValueError("nothing to do: epochs is 0 and there is no robust phase")
        return self

    def resolved(self) -> TrainSettings:
        """Return the settings with the model's own defaults filled in."""
        defaults = MODEL_DEFAULTS[self.model]
        lr = self.lr or (defaults.lr if self.finetune is None else defaults.lr * _FINETUNING_RATE)
        return self.model_copy(
            update={
                "optimizer": self.optimizer or defaults.optimizer,
                "lr": lr,
                "robust_lr": self.robust_lr or lr / 8,
                "resolution": self.resolution or defaults.resolution,
                "name": self.name or self.data[0].resolve().stem,
            }
        )
