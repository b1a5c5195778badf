"""Weights come whole, checked and without running anything, or not at all."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from dreamvid.errors import ModelError
from dreamvid.models import (
    MODELS,
    ModelSpec,
    describe_models,
    fetch_network,
    find_model,
    load_network,
)
from dreamvid.models.weights import build_skeleton, cache_path, is_at_hand, random_checkpoint
from dreamvid.runtime import downloads
from dreamvid.runtime.events import Downloading
from tests.told import Told

SMALL = "squeezenet1_1"


class Publisher:
    """A web server on this machine that publishes one file, in good and in bad ways."""

    def __init__(self, content: bytes) -> None:
        self.requests: list[str] = []
        self.release = Event()
        publisher = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                publisher.requests.append(self.path)
                manner = self.path.split("/")[1]
                if manner == "missing":
                    self.send_error(404)
                    return
                if manner == "silent":
                    publisher.release.wait(20)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if manner == "slow":
                    self.wfile.write(content[:1000])
                    publisher.release.wait(20)
                    self.wfile.write(content[1000:])
                elif manner == "stalling":
                    self.wfile.write(content[:1000])
                    publisher.release.wait(20)
                else:
                    self.wfile.write(content[: len(content) // 2] if manner == "truncated" else content)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # closing waits for the answers under way
        self.base = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return dict(random_checkpoint(MODELS[SMALL], seed=11).state)


@pytest.fixture(scope="module")
def content(state: dict[str, Tensor]) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture
def publisher(content: bytes) -> Iterator[Publisher]:
    server = Publisher(content)
    yield server
    server.close()


@pytest.fixture
def publish(publisher: Publisher, content: bytes, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModelSpec]:
    """Have a model's weights published by the local server, in some manner."""

    def published(manner: str, name: str = SMALL, digest: str | None = None) -> ModelSpec:
        digest = digest or hashlib.sha256(content).hexdigest()[:8]
        spec = replace(MODELS[SMALL], name=name, url=f"{publisher.base}/{manner}/{SMALL}-{digest}.pth")
        monkeypatch.setitem(MODELS._own, name, spec)
        return spec

    return published


def leftovers(spec: ModelSpec) -> list[Path]:
    path = cache_path(spec)
    assert path is not None
    return list(path.parent.glob("**/*")) if path.parent.exists() else []


def test_a_download_lands_in_torchs_cache_and_is_used_again(
    publish: Callable[..., ModelSpec], publisher: Publisher, state: dict[str, Tensor], tmp_path: Path
) -> None:
    spec = publish("good")
    lines = Told()
    loaded = load_network(SMALL, tell=lines)
    assert torch.equal(loaded.module.state_dict()["features.0.weight"], state["features.0.weight"])
    path = tmp_path / "torch" / "hub" / "checkpoints" / Path(str(spec.url)).name
    assert leftovers(spec) == [path]
    assert spec.url is not None
    assert spec.url in lines[0]
    assert str(path) in lines[-1]
    load_network(SMALL, allow_download=False)
    assert len(publisher.requests) == 1


def test_progress_is_reported_while_it_downloads(
    publish: Callable[..., ModelSpec], publisher: Publisher, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "TELL_EVERY_S", 0.0)
    spec = publish("slow")
    arrived = []
    for said in fetch_network(SMALL):
        if isinstance(said, Downloading):
            arrived.append(said.done)
            assert said.total == len(content)
            assert str(said) in (f"downloading the {SMALL} weights: {mb} of 5 MB" for mb in range(6))
        if len(arrived) > 1:  # so the first thousand bytes were told of before the rest was sent
            publisher.release.set()
    assert arrived[:2] == [0, 1000]
    assert arrived == sorted(arrived)
    assert arrived[-1] == len(content)
    assert is_at_hand(spec)


def test_a_download_that_is_broken_off_leaves_nothing(
    publish: Callable[..., ModelSpec], publisher: Publisher
) -> None:
    spec = publish("slow")
    loading = fetch_network(SMALL)
    while not isinstance(next(loading), Downloading):
        pass
    assert leftovers(spec)
    loading.close()
    assert leftovers(spec) == []
    publisher.release.set()


@pytest.mark.parametrize(
    ("manner", "reason"),
    [
        ("missing", "404 Not Found"),
        ("silent", "no response within 0.3 s"),
        ("stalling", "no response within 0.3 s"),
        ("truncated", "the connection was lost after 2.5 of 5.0 MB"),
        ("wrong", "the downloaded file is not the published one"),
    ],
)
def test_a_failed_download_is_one_line_and_leaves_nothing(
    manner: str, reason: str, publish: Callable[..., ModelSpec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downloads, "SILENCE_S", 0.3)
    spec = publish(manner, digest="0123abcd" if manner == "wrong" else None)
    started = time.monotonic()
    with pytest.raises(ModelError) as caught:
        load_network(SMALL)
    assert time.monotonic() - started < 5
    message = str(caught.value)
    assert "\n" not in message
    for part in (reason, str(spec.url), "--model efficientnet_lite0", str(cache_path(spec)), "--weights FILE"):
        assert part in message
    assert leftovers(spec) == []


def test_no_server_at_all(publish: Callable[..., ModelSpec], publisher: Publisher) -> None:
    publish("good")
    publisher.close()
    with pytest.raises(ModelError, match=r"could not be downloaded .*refused.*--model efficientnet_lite0"):
        load_network(SMALL)


def test_a_damaged_cached_file_is_replaced(publish: Callable[..., ModelSpec], content: bytes) -> None:
    spec = publish("good")
    path = cache_path(spec)
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(content[:-1])
    with pytest.raises(ModelError, match="weights are damaged"):
        load_network(SMALL, allow_download=False)
    load_network(SMALL)
    assert path.read_bytes() == content


def test_auto_takes_googlenet_where_it_can_be_had(
    publish: Callable[..., ModelSpec], publisher: Publisher
) -> None:
    publish("good", name="googlenet")  # squeezenet's file in googlenet's place: small, and just as good here
    assert load_network("auto").spec.name == "googlenet"
    assert load_network("auto", allow_download=False).spec.name == "googlenet"
    assert len(publisher.requests) == 1


@pytest.mark.parametrize("manner", ["missing", "truncated"])
def test_auto_falls_back_with_one_line_and_a_named_model_does_not(
    manner: str, publish: Callable[..., ModelSpec]
) -> None:
    publish(manner, name="googlenet")
    lines = Told()
    assert load_network("auto", tell=lines).spec.name == "efficientnet_lite0"
    assert len([line for line in lines if "efficientnet_lite0, which is available offline" in line]) == 1
    with pytest.raises(ModelError, match="could not be downloaded"):
        load_network("googlenet")


def test_auto_never_loads_a_damaged_file_that_cannot_be_replaced(
    publish: Callable[..., ModelSpec], content: bytes
) -> None:
    path = cache_path(publish("missing", name="googlenet"))
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(content[:-1])
    assert load_network("auto").spec.name == "efficientnet_lite0"


def test_auto_without_the_internet(publish: Callable[..., ModelSpec], publisher: Publisher) -> None:
    publish("good", name="googlenet")
    lines = Told()
    assert load_network(allow_download=False, tell=lines).spec.name == "efficientnet_lite0"
    assert (len(lines), publisher.requests) == (1, [])
    with pytest.raises(ModelError, match="weights are missing"):
        load_network("googlenet", allow_download=False)


class Bomb:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("how", ["torch.save", "pickle", "inside a state dict"])
def test_code_in_a_weights_file_never_runs(how: str, tmp_path: Path, state: dict[str, Tensor]) -> None:
    file, target = tmp_path / "evil.pth", tmp_path / "it-ran"
    bomb = Bomb(target)
    if how == "pickle":
        file.write_bytes(pickle.dumps(bomb))
    else:
        torch.save({**state, "extra": bomb} if how == "inside a state dict" else bomb, file)
    with pytest.raises(ModelError, match=r"evil\.pth cannot be read as weights"):
        load_network(SMALL, weights=file)
    assert not target.exists()


def write_garbage(path: Path) -> None:
    path.write_bytes(b"\x00garbage" * 50)


def write_empty(path: Path) -> None:
    path.write_bytes(b"")


def write_module(path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), path)


def write_list(path: Path) -> None:
    torch.save([torch.zeros(1)], path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("write", [write_garbage, write_empty, write_module, write_list])
def test_unreadable_files_are_one_line(write: Callable[[Path], None], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"own{suffix}"
    write(path)
    with pytest.raises(ModelError, match="cannot be read as weights") as caught:
        load_network(SMALL, weights=path)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_weights_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no weights file .*own\.pth"):
        load_network(SMALL, weights=tmp_path / "own.pth")


@pytest.mark.parametrize(
    ("model", "change", "complaint"),
    [
        ("resnet18", None, "does not fit resnet18"),
        (SMALL, "drop", "1 of its 52 tensors are missing"),
        (SMALL, "reshape", r"of the wrong shape \(first: features.0.weight\)"),
        (SMALL, "add", r"unknown .*first: stranger"),
    ],
)
def test_weights_of_another_network(
    model: str, change: str | None, complaint: str, state: dict[str, Tensor], tmp_path: Path
) -> None:
    own = dict(state)
    if change == "drop":
        del own["features.3.squeeze.bias"]
    elif change == "reshape":
        own["features.0.weight"] = torch.zeros(64, 3, 5, 5)
    elif change == "add":
        own["stranger"] = torch.zeros(1)
    torch.save(own, tmp_path / "own.pth")
    with pytest.raises(ModelError, match=complaint) as caught:
        load_network(model, weights=tmp_path / "own.pth")
    assert "--model" in str(caught.value)


@pytest.mark.parametrize("wrapped", [None, "state_dict", "model", "parallel"])
@pytest.mark.parametrize("zipped", [True, False])
def test_usual_ways_to_save_a_state_dict(
    wrapped: str | None, zipped: bool, state: dict[str, Tensor], tmp_path: Path
) -> None:
    content = {f"module.{k}": v for k, v in state.items()} if wrapped == "parallel" else state
    content = {wrapped: content, "epoch": 3} if wrapped in ("state_dict", "model") else content
    torch.save(content, tmp_path / "own.pt", _use_new_zipfile_serialization=zipped)
    loaded = load_network(SMALL, weights=tmp_path / "own.pt")
    assert torch.equal(loaded.module.state_dict()["features.0.weight"], state["features.0.weight"])


def test_a_file_tells_its_classes_and_normalization(state: dict[str, Tensor], tmp_path: Path) -> None:
    """Three classes, half precision, another mean: the head is built to fit and the network stays float32."""
    own = {name: tensor.half() for name, tensor in state.items()}
    own["classifier.1.weight"] = own["classifier.1.weight"][:3].clone()
    own["classifier.1.bias"] = own["classifier.1.bias"][:3].clone()
    path = tmp_path / "own.safetensors"
    metadata = {
        "architecture": SMALL,
        "classes": json.dumps(["fern", "moss", "ivy"]),
        "mean": "0.1, 0.2, 0.3",
        "std": "[0.5, 0.5, 0.5]",
    }
    save_file(own, path, metadata)
    loaded = load_network("auto", weights=path)
    assert loaded.spec.name == SMALL
    assert loaded.class_names == ("fern", "moss", "ivy")
    assert (loaded.mean, loaded.std) == ((0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
    assert loaded.layer("logits").channels == 3
    assert {p.dtype for p in loaded.module.parameters()} == {torch.float32}
    flat = torch.tensor(loaded.mean).view(1, 3, 1, 1).expand(1, 3, 40, 40)
    with torch.no_grad():
        (activation,) = loaded.extractor(["conv1"])(flat)
    assert torch.allclose(activation, own["features.0.bias"].float().view(1, -1, 1, 1).expand_as(activation), atol=1e-5)


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({"architecture": "resnet18"}, "contains resnet18 weights, not squeezenet1_1; use --model resnet18"),
        ({"classes": "fern"}, "'classes' must be a JSON list"),
        ({"classes": '["fern"]'}, "names 1 classes but has outputs for 1000"),
        ({"mean": "0.5"}, "'mean' must be three numbers"),
    ],
)
def test_metadata_that_cannot_be_true(
    metadata: dict[str, str], complaint: str, state: dict[str, Tensor], tmp_path: Path
) -> None:
    save_file(state, tmp_path / "own.safetensors", metadata)
    with pytest.raises(ModelError, match=complaint):
        load_network(SMALL, weights=tmp_path / "own.safetensors")


def test_own_weights_need_a_name_from_somewhere(state: dict[str, Tensor], tmp_path: Path) -> None:
    torch.save(state, tmp_path / "own.pth")
    with pytest.raises(ModelError, match="specify it with --model NAME"):
        load_network("auto", weights=tmp_path / "own.pth")


def test_published_googlenet_files_hold_auxiliary_heads_which_are_left_out(tmp_path: Path) -> None:
    random = random_checkpoint(MODELS["googlenet"], seed=1)
    aux = {"aux1.fc1.weight": torch.zeros(2, 2), "aux2.conv.bn.bias": torch.zeros(2)}
    state = {k: v for k, v in random.state.items() if not k.endswith("num_batches_tracked")}
    torch.save(state | aux, tmp_path / "own.pth")
    loaded = load_network("googlenet", weights=tmp_path / "own.pth")
    assert not any(name.startswith("aux") for name in loaded.module.state_dict())
    assert loaded.class_names is not None
    assert loaded.class_names[235] == "German shepherd"


def test_the_embedded_network_classifies() -> None:
    loaded = load_network("dreamnet")
    assert loaded.class_names is not None
    extractor = loaded.extractor(["logits", loaded.spec.default_layer])
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(2, 3, 64, 64, generator=generator)
    with torch.no_grad():
        scores, activation = extractor(x)
        assert torch.equal(extractor(x)[0], scores)
    assert scores.shape == (2, len(loaded.class_names))
    assert activation.shape[-2:] == (8, 8)
    assert scores.isfinite().all()
    assert scores.std() > 0.1
    assert all(tensor.isfinite().all() for tensor in loaded.module.state_dict().values())


def test_random_weights_are_the_same_for_the_same_seed_and_leave_torchs_generator_alone() -> None:
    torch.manual_seed(5)
    one, same, other = (random_checkpoint(MODELS[SMALL], seed) for seed in (1, 1, 2))
    drawn = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(drawn, torch.rand(1))
    assert all(torch.equal(one.state[name], same.state[name]) for name in one.state)
    assert not torch.equal(one.state["features.0.weight"], other.state["features.0.weight"])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vgg17", r"there is no model 'vgg17'; did you mean vgg"),
        ("zzz", r"there is no model 'zzz'; `dreamvid models` lists them"),
    ],
)
def test_unknown_models(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load_network(name)


@pytest.mark.parametrize("spelling", ["resnet-50", "ResNet50", "RESNET_50"])
def test_model_names_forgive(spelling: str) -> None:
    assert find_model(spelling).name == "resnet50"


@pytest.mark.parametrize("name", [name for name, spec in MODELS.items() if spec.url])
def test_published_data_agree_with_torchvision(name: str) -> None:
    from torchvision.models import get_model_weights

    spec = MODELS[name]
    published = get_model_weights(name)["IMAGENET1K_V1"]
    assert spec.url is not None
    assert spec.url == published.url
    assert re.search(r"-[0-9a-f]{8}\.pth$", spec.url), "its name tells its digest"
    assert spec.minimum_side == published.meta["min_size"][0]
    assert spec.megabytes == pytest.approx(published.meta["_file_size"], abs=0.06)


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_counted_right(name: str) -> None:
    skeleton = load_network(name).module if MODELS[name].resource else build_skeleton(MODELS[name])
    # Of a strided kernel one row and one column are padding: the published ones have 9 or 25 numbers.
    padding = {16: 9, 36: 25} if name.startswith("efficientnet") else {}
    sizes = (p[0, 0].numel() if p.ndim == 4 else 1 for p in skeleton.parameters())
    counts = [p.numel() // size * padding.get(size, size) for p, size in zip(skeleton.parameters(), sizes, strict=True)]
    assert MODELS[name].parameters == sum(counts)


def test_describe_models_sees_the_cache(content: bytes) -> None:
    packaged = {name for name, spec in MODELS.items() if spec.package}
    assert {row.name for row in describe_models() if row.at_hand} == {"dreamnet", *packaged}
    path = cache_path(MODELS["googlenet"])
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    rows = {row.name: row for row in describe_models()}
    assert rows["googlenet"].at_hand
    assert rows["googlenet"].parameters == 6_624_904
    assert list(rows) == list(MODELS)
