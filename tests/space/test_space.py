"""Planes, tunnels and reliefs against what a camera would see of a texture that is known everywhere."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dreamvid.space.lens import Lens, pixel_grid
from dreamvid.space.relief import fill_holes, look_back, see_shape, sharpen_edges
from dreamvid.space.stand_ins import shift_strips, soften
from dreamvid.space.tunnel import tunnel_nearness, tunnel_places
from dreamvid.space.twist import Leg, Twist, plane_velocity, rigid_velocity, twist_between
from dreamvid.zoom.camera import fetch

SIZE = (108, 192)
LENS = Lens.of(60, SIZE)
X, Y = LENS.rays(*pixel_grid(SIZE))


def psnr(a: Tensor, b: Tensor, where: Tensor | None = None) -> float:
    error = (a.double() - b.double()).square().mean(0)
    return float(-10 * torch.log10((error if where is None else error[where]).mean() + 1e-20))


def texture(x: Tensor, y: Tensor) -> Tensor:
    """Of a wall, (3, H, W) in [0, 1]."""
    return 0.5 + 0.3 * torch.stack([torch.sin(12 * x + 5 * y), torch.cos(9 * y - 7 * x), torch.sin(10 * x)])


def moved(picture: Tensor, x: Tensor, y: Tensor) -> Tensor:
    return fetch(picture[None].float(), x, y)[0]


def plane_places(legs: list[Leg]) -> tuple[Tensor, Tensor]:
    motion = torch.eye(3, dtype=torch.float64)
    for twist, seconds in legs:
        motion = motion @ torch.matrix_exp(plane_velocity(twist) * seconds)
    across, down, ahead = (row[0] * X + row[1] * Y + row[2] for row in motion)
    return LENS.pixels(across / ahead, down / ahead)


def inside(x: Tensor, y: Tensor, margin: float = 0) -> Tensor:
    return (x > margin) & (x < SIZE[1] - 1 - margin) & (y > margin) & (y < SIZE[0] - 1 - margin)


def test_a_turn_before_a_plane_is_the_homography_of_the_rotation() -> None:
    """Yaw to the right by 5 degrees and pitch up by 2 at once, as a rotation of the rays."""
    yaw, pitch = math.radians(5), math.radians(2)
    x, y = plane_places([Leg(Twist(turn_x=pitch, turn_y=yaw), 1.0)])
    rotation = torch.matrix_exp(Twist(turn_x=pitch, turn_y=yaw).turn)
    rays = torch.einsum("rc,chw->rhw", rotation, torch.stack([X, Y, torch.ones_like(X)]))
    expected = texture(rays[0] / rays[2], rays[1] / rays[2])
    assert psnr(moved(texture(X, Y), x, y), expected, inside(x, y, 2)) > 60
    middle = SIZE[0] // 2, SIZE[1] // 2
    assert x[middle] > middle[1] + 10  # it shows what was to the right
    assert y[middle] < middle[0] - 4  # and above


def test_a_dolly_before_a_plane_is_a_zoom() -> None:
    x, y = plane_places([Leg(Twist(z=math.log(1.5)), 1.0)])
    center_x, center_y = LENS.x, LENS.y
    grid_x, grid_y = pixel_grid(SIZE)
    assert torch.allclose(x, center_x + (grid_x - center_x) / 1.5)
    assert torch.allclose(y, center_y + (grid_y - center_y) / 1.5)


def tunnel_texture(shift: float) -> Tensor:
    """A wall of waves along a tunnel that get flatter with distance, seen from `shift` units further on."""
    radius = math.tan(math.radians(30))
    angle, ring = torch.atan2(Y, X), torch.hypot(X, Y)
    along = radius / ring.clamp_min(1e-3) + shift
    flat = (1 - torch.exp(-((ring / radius / 0.35) ** 4))).double()
    waves = [torch.sin(3 * along), torch.cos(2 * angle - 2 * along), torch.sin(2 * angle)]
    return 0.5 + 0.2 * flat * torch.stack(waves)


@pytest.mark.parametrize(("seconds", "least"), [(1 / 24, 60), (0.5, 43), (1.0, 38)])
def test_a_tunnel_is_what_its_wall_looks_like_from_further_on(seconds: float, least: float) -> None:
    x, y = tunnel_places([Leg(Twist(z=0.4), seconds)], LENS, LENS, SIZE)
    ring = torch.hypot(X, Y) / math.tan(math.radians(30))
    expected = tunnel_texture(0.4 * seconds)
    flatness = ring > 0.45  # nearer the middle the waves are flatter at their new place than at the old one
    assert psnr(moved(tunnel_texture(0.0), x, y), expected, flatness) > least


def test_a_tunnel_has_a_closed_form_and_returns() -> None:
    x, y = tunnel_places([Leg(Twist(z=0.8), 0.5)], LENS, LENS, SIZE)
    half = SIZE[1] / 2
    grid_x, grid_y = pixel_grid(SIZE)
    ring = torch.hypot(grid_x - LENS.x, grid_y - LENS.y) / half
    found = torch.hypot(x - LENS.x, y - LENS.y) / half
    assert torch.allclose(found, 1 / (1 / ring + 0.4), atol=1e-6)
    there_and_back = [Leg(Twist(z=0.8, turn_y=0.3, x=0.2), 0.5), Leg(Twist(z=-0.8, turn_y=-0.3, x=-0.2), 0.5)]
    x, y = tunnel_places(there_and_back, LENS, LENS, SIZE)
    assert float(torch.hypot(x - grid_x, y - grid_y).max()) < 0.01
    assert float(tunnel_nearness(SIZE)[SIZE[0] // 2, -1]) == pytest.approx(1, abs=0.01)


def test_a_turn_moves_a_tunnel_as_it_moves_a_plane() -> None:
    """What a turn does to a picture does not depend on depth."""
    leg = Leg(Twist(turn_x=0.1, turn_y=-0.2, turn_z=0.3), 1.0)
    for tunnel, plane in zip(tunnel_places([leg], LENS, LENS, SIZE), plane_places([leg]), strict=True):
        assert torch.allclose(tunnel, plane, atol=1e-3)


def test_a_motion_is_found_again_between_its_poses() -> None:
    for twist in (Twist(0.3, -0.2, 1.1, 0.4, -0.5, 0.2), Twist(1, 2, 3), Twist(turn_y=1e-6, z=1)):
        velocity = torch.zeros(4, 4, dtype=torch.float64)
        velocity[:3, :3], velocity[:3, 3] = twist.turn, twist.velocity
        pose = torch.matrix_exp(velocity * 0.7)
        assert twist_between(torch.eye(4, dtype=torch.float64), pose, 0.7) == pytest.approx(twist, abs=1e-9)
        assert torch.allclose(torch.matrix_exp(rigid_velocity(twist, 0.0) * 0.7), torch.linalg.inv(pose))


CARD = (X.abs() < 0.2) & (Y.abs() < 0.15)
KEY = torch.where(CARD, 2.0, 0.5).double()  # half a unit away, before a wall at two
SCENE = torch.where(CARD, 1 - texture(3 * X, 3 * Y), texture(X, Y))


def seen(twist: Twist, farthest: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """The scene after a second: the picture, the shape, and what is new in it."""
    motion = torch.matrix_exp(rigid_velocity(twist, farthest))
    shape = see_shape(KEY, motion, LENS, LENS)
    sight = look_back(shape.nearness, KEY, motion, LENS, LENS)
    picture = moved(SCENE, sight.x, sight.y)
    source = fill_holes(shape.nearness, ~sight.hidden).source
    new = sight.hidden | ~inside(sight.x, sight.y, 1)
    return picture.flatten(1)[:, source.flatten()].view_as(picture), shape.nearness, new


def edges(mask: Tensor) -> Tensor:
    grown = torch.nn.functional.max_pool2d(mask[None].double(), 7, 1, 3)[0] > 0
    shrunk = torch.nn.functional.max_pool2d((~mask)[None].double(), 7, 1, 3)[0] > 0
    return grown & shrunk


@pytest.mark.parametrize(
    "twist", [Twist(x=0.08), Twist(x=-0.05, y=0.04, z=0.06), Twist(z=0.1), Twist(z=-0.15)], ids=str
)
def test_a_relief_is_what_a_camera_sees_of_the_scene(twist: Twist) -> None:
    picture, nearness, new = seen(twist)

    def at(distance: float) -> tuple[Tensor, Tensor]:
        """Where on a plane at its first distance the rays now meet it, as rays of the first picture."""
        left = distance - twist.z
        return (X * left + twist.x) / distance, (Y * left + twist.y) / distance

    x, y = at(0.5)
    on_card = (x.abs() < 0.2) & (y.abs() < 0.15)
    expected = torch.where(on_card, 1 - texture(3 * x, 3 * y), texture(*at(2.0)))
    assert psnr(picture, expected, ~new & ~edges(on_card)) > 55
    depth = torch.where(on_card, 1 / (0.5 - twist.z), 1 / (2 - twist.z))
    assert float(((nearness - depth).abs() > 0.01)[~edges(on_card)].double().mean()) < 0.002
    assert float(new.double().mean()) < 0.25


def test_what_comes_out_from_behind_something_is_background_and_never_stretched() -> None:
    """The card is black: nothing of it may be left where it was."""
    global SCENE
    before, black = SCENE, torch.where(CARD, 0.0, 0.5).double().expand(3, -1, -1)
    try:
        SCENE = black
        picture, nearness, new = seen(Twist(x=0.08))
    finally:
        SCENE = before
    assert float(new.double().mean()) > 0.03
    assert float((picture[:, nearness < 1] - 0.5).abs().max()) < 0.03  # overshoot


def test_there_and_back_a_relief_is_where_it_was() -> None:
    for twist in (Twist(x=0.05, z=0.05, turn_y=0.03), Twist(z=-0.1, turn_z=0.2)):
        motion = torch.matrix_exp(rigid_velocity(twist, 0.5))
        there = see_shape(KEY, motion, LENS, LENS)
        back = torch.linalg.inv(motion)
        sight = look_back(KEY, there.nearness, back, LENS, LENS)
        again = see_shape(there.nearness, back, LENS, LENS)
        both = again.known & ~sight.hidden & ~edges(CARD) & inside(sight.x, sight.y, 1)
        assert float(both.double().mean()) > 0.6
        assert float((again.nearness - KEY)[both].abs().max()) < 0.02
        first = look_back(there.nearness, KEY, motion, LENS, LENS)
        picture = moved(moved(SCENE, first.x, first.y), sight.x, sight.y)
        assert psnr(picture, SCENE, both) > 45


def test_nothing_moves_without_a_motion() -> None:
    still = torch.eye(4, dtype=torch.float64)
    shape = see_shape(KEY, still, LENS, LENS)
    assert torch.allclose(shape.nearness, KEY)
    sight = look_back(shape.nearness, KEY, still, LENS, LENS)
    assert not sight.hidden.any()
    assert psnr(moved(SCENE, sight.x, sight.y), SCENE) > 120


def test_the_background_stays_where_it_is_while_what_is_near_goes_by() -> None:
    """The wall swells as a plane two units away does, for ever; the card gets past the camera."""
    motion = torch.matrix_exp(rigid_velocity(Twist(z=0.5), 0.5) * 6)
    shape = see_shape(KEY, motion, LENS, LENS)
    assert torch.allclose(shape.nearness, torch.full_like(KEY, 0.5))
    assert float(motion[0, 0]) == pytest.approx(math.exp(6 * 0.5 / 2))


def test_blurred_edges_of_depth_get_sharp_and_slopes_stay() -> None:
    edge = torch.ones(20, 30, dtype=torch.float64)
    edge[:, 15:], edge[:, 14], edge[:, 15] = 3, 1.6, 2.4
    assert sharpen_edges(edge).unique().tolist() == [1, 3]
    slope = torch.linspace(1, 3, 30, dtype=torch.float64).expand(20, -1).contiguous()
    assert torch.equal(sharpen_edges(slope)[:, 4:-4], slope[:, 4:-4])


def test_behind_the_camera_there_is_nothing_and_nothing_breaks() -> None:
    for twist in (Twist(z=5), Twist(turn_y=3.0), Twist(x=100)):
        motion = torch.matrix_exp(rigid_velocity(twist, 0.0))
        shape = see_shape(KEY, motion, LENS, LENS)
        sight = look_back(shape.nearness, KEY, motion, LENS, LENS)
        assert shape.nearness.isfinite().all()
        assert sight.x.isfinite().all()
        assert sight.y.isfinite().all()


def strip(first: int, settled: int, nearness: Tensor) -> Tensor:
    """From how far away, (H, columns) in pixels to the left, columns from `first` on come in a picture that is settled
    up to column `settled`."""
    new, known = torch.zeros(2, *nearness.shape, dtype=torch.bool)
    new[:, first:], known[:, :settled] = True, True
    source, scattered = shift_strips(fill_holes(nearness, known), nearness, new)
    assert not scattered[~new].any()
    columns = torch.arange(nearness.shape[1])
    assert torch.equal(source[known], torch.arange(nearness.numel()).view_as(source)[known])
    return (columns - source % nearness.shape[1])[:, first:]


def test_a_strip_goes_on_where_the_one_before_it_ended_and_the_first_one_is_a_mirror() -> None:
    flat = torch.ones(40, 80, dtype=torch.float64)
    later = strip(74, 60, flat)
    assert len(later.unique()) == 1  # as far for all its pixels: nothing is turned round
    assert later[0, 0] >= 20
    assert torch.equal(strip(74, 60, flat), strip(74, 59, flat))  # and so for the next one
    first = strip(60, 60, flat)
    assert torch.equal(first - first[:, :1], 2 * torch.arange(20).expand(40, -1))


def test_a_strip_of_background_is_not_filled_with_what_is_near() -> None:
    nearness = torch.ones(40, 80, dtype=torch.float64)
    nearness[10:20, :58] = 3.0
    away = strip(74, 60, nearness)
    columns = torch.arange(74, 80)
    assert (columns - away[10:20] >= 58).all()
    assert len(away[25:].unique()) == 1


def test_what_stands_in_is_blurred_and_nothing_near_gets_in() -> None:
    generator = torch.Generator().manual_seed(1)
    picture = torch.rand(1, 3, 40, 60, generator=generator)
    nearness, new = torch.ones(40, 60, dtype=torch.float64), torch.zeros(40, 60, dtype=torch.bool)
    nearness[:, :20], picture[:, 0], picture[:, 0, :, :20] = 3.0, 0.0, 1.0
    new[:, 20:30] = True
    soft = soften(picture, nearness, new)
    assert torch.equal(soft[..., ~new], picture[..., ~new])
    assert float(soft[:, 0][:, new].max()) == 0
    assert float(soft[:, 1][:, new].std()) < 0.5 * float(picture[:, 1][:, new].std())
    assert torch.allclose(soften(torch.full_like(picture, 0.3), nearness, new), torch.tensor(0.3))
