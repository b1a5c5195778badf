from __future__ import annotations

import builtins
from typing import Any

import pytest

from dreamvid.cli.main import run
from dreamvid.config.settings import make_settings
from dreamvid.errors import SettingsError
from dreamvid.farm.cluster import FarmError, Share, choose_share, connected
from dreamvid.farm.settings import FarmSettings, make_farm_settings


def nodes(*resources: dict[str, float]) -> list[dict[str, Any]]:
    return [{"Alive": True, "Resources": each} for each in resources] + [{"Alive": False, "Resources": {"CPU": 999}}]


@pytest.mark.parametrize(
    ("farm", "settings", "cluster", "share"),
    [
        ({}, {}, [{"CPU": 8}], Share(2, 4, 0, 4)),
        ({}, {}, [{"CPU": 2}], Share(1, 2, 0, 2)),
        ({}, {}, [{"CPU": 2}, {"CPU": 2}, {"CPU": 6}], Share(1, 4, 0, 4)),
        ({"workers": 2}, {}, [{"CPU": 2}], Share(2, 1, 0, 1)),
        ({"workers": 4}, {}, [{"CPU": 2}], Share(4, 0.5, 0, 1)),
        ({}, {"threads": 1}, [{"CPU": 6}], Share(6, 1, 0, 1)),
        ({}, {}, [{"CPU": 16, "GPU": 4}, {"CPU": 16}], Share(4, 1, 1, None)),
        ({"workers": 8}, {}, [{"CPU": 16, "GPU": 4}], Share(8, 0.5, 0.5, None)),
        ({}, {"device": "cpu"}, [{"CPU": 16, "GPU": 4}], Share(4, 4, 0, 4)),
    ],
)
def test_what_each_worker_gets(
    farm: dict[str, Any], settings: dict[str, Any], cluster: list[dict[str, float]], share: Share
) -> None:
    assert choose_share(FarmSettings(**farm), make_settings(settings), nodes(*cluster)) == share


def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(SettingsError, match="Ray reports no GPU"):
        choose_share(FarmSettings(), make_settings({"device": "cuda"}), nodes({"CPU": 8}))


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    original = builtins.__import__

    def without_ray(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "ray":
            raise ImportError(name)
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    assert run(["farm", "clip.mp4"]) == 1
    assert capsys.readouterr().err == "dreamvid: the farm requires Ray; install it with: pip install 'dreamvid[farm]'\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["clip.mp4", "--chunk", "some"], "--chunk: 'some' is not auto, none or a number of frames"),
        (["clip.mp4", "--workers", "0"], "--workers: "),
        (["job.yaml", "--step", "2"], "--step: a list of clips contains its own settings"),
        (["job.yaml", "--fresh"], "--fresh: a list of clips contains its own settings"),
    ],
)
def test_wrong_settings_are_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["farm", *words]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"dreamvid: {message}")
    assert error.count("\n") == 1


def test_an_unknown_setting_of_the_farm() -> None:
    with pytest.raises(SettingsError, match="the farm has no setting 'worker'; did you mean workers"):
        make_farm_settings({"worker": 2})


def test_addresses_of_rays_client_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    refused = pytest.raises(FarmError, match=r"ray://head:10001 uses Ray's client protocol, .* with HOST:PORT")
    with refused, connected("ray://head:10001"):
        pass
