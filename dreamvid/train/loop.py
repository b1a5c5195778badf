"""The training loop: steps, validation, checkpoints; events instead of printing."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamvid.errors import MediaError, ModelError, SettingsError
from dreamvid.media.target import check_target
from dreamvid.models import Network
from dreamvid.models.dreamnet import DreamNet
from dreamvid.runtime.device import choose_machine
from dreamvid.train.augment import random_colors, random_crops
from dreamvid.train.checkpoint import RunFolder, export_weights
from dreamvid.train.curve import write_curve
from dreamvid.train.data import PictureStore, stored_side
from dreamvid.train.events import EpochDone, Event, StepDone, TrainingFinished, TrainingStarted
from dreamvid.train.networks import Interface, Normalized, fetch_start, load_start, new_network
from dreamvid.train.pictures import PictureSet, choose_pictures
from dreamvid.train.plan import Plan, Step, generator_for
from dreamvid.train.settings import TrainSettings

_EVAL_BATCH = 256
_SECONDS_PER_MINUTE = 60


def train(settings: TrainSettings, report: Callable[[Event], None] = lambda _: None) -> TrainingFinished:
    """Train a network and write its weights to `settings.output`; `report` gets each event.

    A run that was killed goes on from its last checkpoint in the folder beside the output, and ends with the
    weights that an unbroken run would have had (on the CPU bit for bit).

    Raises:
        MediaError: the pictures cannot be had, see `find_pictures`.
        ModelError: the loss is no longer a number, or the auxiliary layer does not exist.
        SettingsError: the folder holds a run with other settings.
    """
    for event in training_events(settings):
        report(event)
        if isinstance(event, TrainingFinished):
            return event
    raise AssertionError("a training run ends with TrainingFinished")


def training_events(settings: TrainSettings) -> Generator[Event, None, None]:
    """Train as `train` does, but yield the events; closing the iterator saves the run and stops it."""
    settings = settings.resolved()
    pictures = choose_pictures(
        settings.data,
        val_split=settings.val_split,
        val=settings.val,
        train_list=settings.train_list,
        val_list=settings.val_list,
        seed=settings.seed,
    )
    yield from fetch_start(settings)
    run = _Run(settings, pictures, load_start(settings))
    yield run.started()
    try:
        yield from run.steps()
    except GeneratorExit:  # only here, between two steps, is the state whole
        run.save()
        raise
    yield TrainingFinished(settings.output, run.val_top1, run.skipped)


class _Run:
    """The state of one training run."""

    def __init__(self, settings: TrainSettings, pictures: PictureSet, start: Network | None) -> None:
        if start is not None and isinstance(start.module, DreamNet):
            settings = settings.model_copy(update={"width": start.module.width, "middle": start.module.middle})
        self.settings = settings
        machine = choose_machine(settings.device, settings.precision, settings.threads)
        self.device = machine.device
        self.bf16 = machine.precision == "bf16"
        self.folder = RunFolder(settings)
        self.classes = pictures.classes
        self.interface = Interface(self.classes)
        if start is not None:
            self.interface = Interface(self.classes, start.mean, start.std)
        side = stored_side(pictures.train, settings.resolution or 0)
        self.data = PictureStore(pictures.train, self.classes, side)
        self.val = PictureStore(pictures.val, self.classes, side)
        readable = set(self.data.labels.tolist())
        for number, label in enumerate(self.classes):
            if number not in readable:
                raise MediaError(f"no picture of class {label!r} in {settings.data[0]} can be read; replace them")
        self.plan = Plan.of(settings, len(self.data))
        self._build(start)
        self.done = 0
        self.epoch_loss = self.epoch_correct = 0.0
        self.epoch_pictures = 0
        self.val_top1 = math.nan
        self.seconds = 0.0
        self.curve: list[dict[str, float]] = []
        self._restore()
        self.resumed = self.done
        if not self.resumed:
            self._claim_output()

    def _claim_output(self) -> None:
        """See that the output may be written, and make it this run's own by a checkpoint."""
        settings = self.settings
        given = (*settings.data, settings.val, settings.train_list, settings.val_list, settings.finetune)
        inputs = [path for path in given if path is not None and path.is_file()]
        is_ours = not settings.fresh and self.folder.has_checkpoint
        check_target(settings.output, None, overwrite=settings.overwrite or is_ours, protected=inputs)
        self.save()

    def _build(self, start: Network | None) -> None:
        settings = self.settings
        with torch.random.fork_rng():
            torch.manual_seed(settings.seed)
            network = new_network(settings, self.classes, start)
            learner = Normalized(network, self.interface, settings.auxiliary)
        self.learner = learner.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        # Biases and batch norm's scales are no directions to shrink (He et al. 2019, "Bag of tricks").
        decayed = [p for p in self.learner.parameters() if p.ndim > 1]
        others = [p for p in self.learner.parameters() if p.ndim <= 1]
        groups = [
            {"params": decayed, "weight_decay": settings.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        lr = settings.lr or 0.0
        self.optimizer: torch.optim.Optimizer = (
            torch.optim.Adam(groups, lr, decoupled_weight_decay=True)
            if settings.optimizer == "adam"
            else torch.optim.SGD(groups, lr, momentum=0.9, nesterov=True)
        )
        self.mean_weights = {
            name: tensor.detach().clone() for name, tensor in self.learner.network.state_dict().items()
        }

    @property
    def skipped(self) -> int:
        return len(self.data.skipped | self.val.skipped)

    def started(self) -> TrainingStarted:
        return TrainingStarted(
            len(self.classes),
            len(self.data),
            len(self.val),
            sum(p.numel() for p in self.learner.network.parameters()),
            self.plan.total_epochs,
            self.plan.total_steps,
            self.resumed,
            self.skipped,
            self.folder.path,
        )

    def steps(self) -> Iterator[Event]:
        saved_at = started = time.monotonic()
        before = self.seconds
        while self.done < self.plan.total_steps:
            step = self.plan.step(self.done)
            for pictures, labels in self._epoch_batches(step):
                begun = time.monotonic()
                step = self.plan.step(self.done)
                if len(labels) > 1:  # fewer are left where nearly all of a batch is unreadable
                    self._learn(step, pictures, labels)
                self.done += 1
                now = time.monotonic()
                self.seconds = before + now - started
                yield self._step_done(step, len(labels) / (now - begun), now - started)
                if now - saved_at >= self.settings.checkpoint_minutes * _SECONDS_PER_MINUTE:
                    self.save()
                    saved_at = now
            yield self._end_epoch(step)
            saved_at = time.monotonic()

    def _epoch_batches(self, step: Step) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield what is left of the epoch: the order is the epoch's own, so it can be entered anywhere."""
        batch, per_epoch = self.settings.batch_size, self.plan.steps_per_epoch
        order = torch.randperm(len(self.data), generator=generator_for(self.settings.seed, "order", step.epoch))
        left = order[step.place * batch : per_epoch * batch]
        yield from self.data.batches(left, batch)

    def _learn(self, step: Step, pictures: Tensor, labels: Tensor) -> None:
        settings = self.settings
        self.learner.train()
        for group in self.optimizer.param_groups:
            group["lr"] = step.lr
        generator = generator_for(settings.seed, "augment", step.index)
        x = random_crops(
            self._on_device(pictures), step.size, generator, area=settings.crop_area, flip=settings.flip
        )
        x = random_colors(x, generator, strength=settings.color)
        labels = labels.to(self.device)
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(generator_for(settings.seed, "dropout", step.index).initial_seed())
            if step.robust:
                x = self._attacked(x, labels, settings.robust / 255, generator)
            scores, loss = self._loss(x.contiguous(memory_format=torch.channels_last), labels)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        value = loss.item()
        if not math.isfinite(value):
            raise ModelError(
                f"the loss became {value} at step {step.index + 1}; start over with --fresh and a smaller --lr"
            )
        self.optimizer.step()
        self._average()
        self.epoch_loss += value * len(labels)
        self.epoch_correct += (scores.argmax(1) == labels).sum().item()
        self.epoch_pictures += len(labels)

    def _loss(self, x: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        smoothing = self.settings.label_smoothing
        with self._precision():
            scores, inner = self.learner(x)
        loss = F.cross_entropy(scores.float(), labels, label_smoothing=smoothing)
        if inner is not None:
            inner_loss = F.cross_entropy(inner.float(), labels, label_smoothing=smoothing)
            loss = loss + self.settings.auxiliary_weight * inner_loss
        return scores.detach(), loss

    def _attacked(self, x: Tensor, labels: Tensor, budget: float, generator: torch.Generator) -> Tensor:
        """One signed-gradient step from a random start (Wong et al. 2020, "Fast is better than free").

        Gradients of networks that withstand it look like the things they recognize (Engstrom et al. 2019).
        """
        noise = (torch.rand(x.shape, generator=generator) * 2 - 1).to(x.device) * budget
        noise.requires_grad_(True)
        _, loss = self._loss((x + noise).contiguous(memory_format=torch.channels_last), labels)
        (gradient,) = torch.autograd.grad(loss, noise)
        step = noise.detach() + 1.25 * budget * gradient.sign()
        return (x + step.clamp(-budget, budget)).clamp(0, 1)

    def _average(self) -> None:
        """Let the mean weights follow; they start with a short memory, as the first weights are of no use."""
        decay = min(self.settings.ema, (1 + self.done) / (10 + self.done))
        state = self.learner.network.state_dict()
        floats = [name for name, tensor in state.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([self.mean_weights[n] for n in floats], [state[n] for n in floats], 1 - decay)

    def _end_epoch(self, step: Step) -> EpochDone:
        val_loss, self.val_top1 = self._validate()
        count = max(self.epoch_pictures, 1)
        event = EpochDone(
            step.epoch + 1,
            self.plan.total_epochs,
            step.robust,
            step.size,
            step.lr,
            self.epoch_loss / count,
            self.epoch_correct / count,
            val_loss,
            self.val_top1,
            self.seconds,
            self.skipped,
        )
        self.epoch_loss = self.epoch_correct = 0.0
        self.epoch_pictures = 0
        self.curve.append(asdict(event))
        paths = [self.settings.output]
        if self.settings.keep_epochs:
            paths.append(self.folder.epoch_path(event.epoch))
        for path in paths:
            export_weights(path, self.mean_weights, self.settings, self.interface, event.val_top1, event.epoch)
        write_curve(self.folder.path, self.curve)
        self.save()
        return event

    def _validate(self) -> tuple[float, float]:
        """Return the mean weights' loss and accuracy on the validation pictures, at full resolution."""
        if not len(self.val):
            return math.nan, math.nan
        size = self.settings.resolution or 0
        learned = {name: tensor.clone() for name, tensor in self.learner.network.state_dict().items()}
        self.learner.network.load_state_dict(self.mean_weights)
        self.learner.eval()
        loss = correct = count = 0.0
        margin = (self.val.side - size) // 2
        with torch.no_grad(), self._precision():
            for pictures, labels in self.val.batches(torch.arange(len(self.val)), _EVAL_BATCH):
                x = self._on_device(pictures)[..., margin : margin + size, margin : margin + size]
                scores = self.learner(x.contiguous(memory_format=torch.channels_last))[0].float().cpu()
                loss += F.cross_entropy(scores, labels, reduction="sum").item()
                correct += (scores.argmax(1) == labels).sum().item()
                count += len(labels)
        self.learner.network.load_state_dict(learned)
        return (loss / count, correct / count) if count else (math.nan, math.nan)

    def _step_done(self, step: Step, rate: float, seconds: float) -> StepDone:
        count = max(self.epoch_pictures, 1)
        left = seconds / (self.done - self.resumed) * (self.plan.total_steps - self.done)
        return StepDone(
            self.done,
            self.plan.total_steps,
            step.epoch + 1,
            self.epoch_loss / count,
            self.epoch_correct / count,
            step.lr,
            rate,
            left,
        )

    def _on_device(self, pictures: Tensor) -> Tensor:
        return pictures.to(self.device, non_blocking=True).float() / 255

    def _precision(self) -> contextlib.AbstractContextManager[object]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16)

    def save(self) -> None:
        """Write the checkpoint: all that the next step depends on."""
        self.folder.save(
            {
                "learner": self.learner.state_dict(),
                "mean_weights": self.mean_weights,
                "optimizer": self.optimizer.state_dict(),
                "done": self.done,
                "epoch_loss": self.epoch_loss,
                "epoch_correct": self.epoch_correct,
                "epoch_pictures": self.epoch_pictures,
                "val_top1": self.val_top1,
                "seconds": self.seconds,
                "curve": self.curve,
                "classes": list(self.classes),
                "pictures": len(self.data),
            }
        )

    def _restore(self) -> None:
        state = self.folder.load(self.device)
        if state is None:
            return
        if state.get("classes") != list(self.classes) or state.get("pictures") != len(self.data):
            raise SettingsError(
                f"the pictures have changed since the run in {self.folder.path} started; start over with --fresh"
            )
        try:
            self.learner.load_state_dict(state["learner"])
            self.mean_weights = state["mean_weights"]
            self.optimizer.load_state_dict(state["optimizer"])
            self.done = state["done"]
            self.epoch_loss, self.epoch_correct = state["epoch_loss"], state["epoch_correct"]
            self.epoch_pictures = state["epoch_pictures"]
            self.val_top1, self.seconds = state["val_top1"], state["seconds"]
            self.curve = state["curve"]
        except (KeyError, RuntimeError, TypeError, ValueError) as error:
            raise SettingsError(f"{self.folder.path}: its checkpoint is damaged; start over with --fresh") from error
