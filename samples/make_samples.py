"""Make the sample clips and pictures, and know the truth about their motion.

    python samples/make_samples.py            # rewrites every sample beside this file

The clips are camera moves over larger still pictures. A camera is a similarity transform for every
frame, so the optical flow between two frames is known in closed form (`true_flow`), and so is the cut
(`CUT_FRAME`). Only NumPy is needed to ask for the truth; making the files needs SciPy, scikit-image,
OpenCV and imageio-ffmpeg. The same versions of those give the same bytes.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.float32]  # (H, W, 3) RGB in [0, 1]

HERE = Path(__file__).resolve().parent
CUT_FRAME = 52  # journey.mp4: the first frame of the second shot
BEAT_PERIOD_S = 0.5  # journey.mp4: a kick at 0.0, 0.5, 1.0 … s


@dataclass(frozen=True)
class Camera:
    """Where a frame looks: source position = centre + scale * rotate(angle) (pixel - middle of frame)."""

    x: float  # source px, of the frame's middle
    y: float
    scale: float  # source px per frame px; below 1 the picture is enlarged
    angle: float  # radians

    def matrix(self, width: int, height: int) -> npt.NDArray[np.float64]:
        """Return the 3x3 matrix from frame pixel centres (x, y, 1) to source pixel centres."""
        c, s = self.scale * math.cos(self.angle), self.scale * math.sin(self.angle)
        mx, my = (width - 1) / 2, (height - 1) / 2
        return np.array([[c, -s, self.x - c * mx + s * my], [s, c, self.y - s * mx - c * my], [0, 0, 1]])


@dataclass(frozen=True)
class Shot:
    """A camera move over one still picture; `camera` takes the frame counted from the shot's start."""

    picture: Callable[[], Picture]
    frames: int
    camera: Callable[[int], Camera]


@dataclass(frozen=True)
class Clip:
    """What a sample clip is made of; frames are counted from 0 through all shots."""

    width: int
    height: int
    rate: Fraction
    shots: tuple[Shot, ...]
    sound: bool = False

    @property
    def frames(self) -> int:
        return sum(shot.frames for shot in self.shots)

    def locate(self, frame: int) -> tuple[Shot, int]:
        """Return the shot that holds `frame`, and the frame's number within it."""
        start = 0
        for shot in self.shots:
            if frame < start + shot.frames:
                return shot, frame - start
            start += shot.frames
        raise IndexError(f"frame {frame} is past the clip's {self.frames} frames")


def true_flow(clip_name: str, frame: int) -> npt.NDArray[np.float32] | None:
    """Return the exact backward flow of a sample clip, or None where there is none (a shot's first frame).

    Convention: (H, W, 2) float32, (dx, dy) in pixels; the pixel centre p of `frame` shows what the
    previous frame shows at p + flow(p), which may lie outside the picture.
    """
    clip = CLIPS[clip_name.removesuffix(".mp4")]
    shot, local = clip.locate(frame)
    if local == 0:
        return None
    now = shot.camera(local).matrix(clip.width, clip.height)
    before = shot.camera(local - 1).matrix(clip.width, clip.height)
    back = np.linalg.inv(before) @ now
    y, x = np.mgrid[: clip.height, : clip.width].astype(np.float64)
    dx = back[0, 0] * x + back[0, 1] * y + back[0, 2] - x
    dy = back[1, 0] * x + back[1, 1] * y + back[1, 2] - y
    return np.stack([dx, dy], axis=-1).astype(np.float32)


def frames_of(clip: Clip) -> Iterator[Picture]:
    """Yield a clip's frames, unencoded, sampled with an exact cubic spline."""
    from scipy.ndimage import map_coordinates, spline_filter

    y, x = np.mgrid[: clip.height, : clip.width].astype(np.float64)
    for shot in clip.shots:
        planes = [spline_filter(plane, mode="mirror") for plane in np.moveaxis(shot.picture(), -1, 0)]
        height, width = planes[0].shape
        for local in range(shot.frames):
            m = shot.camera(local).matrix(clip.width, clip.height)
            sx, sy = m[0, 0] * x + m[0, 1] * y + m[0, 2], m[1, 0] * x + m[1, 1] * y + m[1, 2]
            if min(sx.min(), sy.min()) < 0 or sx.max() > width - 1 or sy.max() > height - 1:
                raise ValueError(f"the camera leaves its {width}x{height} picture at frame {local}")
            layers = [map_coordinates(p, [sy, sx], order=3, mode="mirror", prefilter=False) for p in planes]
            yield np.clip(np.stack(layers, axis=-1), 0, 1).astype(np.float32)


def still_frames(width: int = 320, height: int = 180, count: int = 30) -> Iterator[Picture]:
    """Yield the same picture again and again: a shot in which nothing moves."""
    shot = Shot(ground, 1, lambda _: Camera(320, 240, 1, 0))
    frame = next(frames_of(Clip(width, height, Fraction(24), (shot,))))
    for _ in range(count):
        yield frame


# ---------------------------------------------------------------------------------------- pictures


def noise(height: int, width: int, slope: float, seed: int) -> npt.NDArray[np.float32]:
    """Return fractal noise (H, W), zero mean and unit variance, amplitude spectrum ~ 1 / f ** slope."""
    spectrum = np.fft.rfft2(np.random.default_rng(seed).standard_normal((height, width)))
    f = np.hypot(np.fft.fftfreq(height)[:, None] * height, np.fft.rfftfreq(width)[None] * width)
    f[0, 0] = np.inf
    field = np.fft.irfft2(spectrum / f**slope, s=(height, width))
    return ((field - field.mean()) / field.std()).astype(np.float32)


def smoothstep(low: float, high: float, value: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def mix(first: npt.ArrayLike, second: npt.ArrayLike, weight: npt.NDArray[np.float32]) -> Picture:
    w = weight[..., None]
    return (np.asarray(first, np.float32) * (1 - w) + np.asarray(second, np.float32) * w).astype(np.float32)


def sky(height: int, width: int, horizon: float = 1.1, seed: int = 5) -> Picture:
    """Paint clouds on a plane overhead that runs away to the horizon (a fraction of the height)."""
    from scipy.ndimage import gaussian_filter, map_coordinates

    y, x = np.mgrid[:height, :width].astype(np.float32)
    up = np.clip(horizon - y / height, 0.02, None)  # 0 at the horizon
    far = 1 / (up + 0.16)
    u, v = (x / width - 0.5) * far * 170 + 700, far * 260
    field = noise(1024, 1024, 1.6, seed)
    field -= gaussian_filter(field, 90, mode="wrap")  # no half of the sky without a cloud
    field /= field.std()
    bend = 14 * noise(1024, 1024, 2.2, seed + 1)

    def sample(picture: npt.NDArray[np.float32], du: float = 0, dv: float = 0) -> npt.NDArray[np.float32]:
        return map_coordinates(picture, [v + dv, u + du], order=1, mode="wrap").astype(np.float32)

    warp_u, warp_v = sample(bend), sample(np.roll(bend, 300, axis=0))
    u, v = u + warp_u, v + warp_v
    density = sample(field)
    thick = smoothstep(0.0, 1.9, density)
    cover = smoothstep(-0.25, 0.6, density)
    sunwards = sample(gaussian_filter(field, 2, mode="wrap"), 9, -14)
    lit = density - sunwards  # less cloud on the way to the sun: brighter
    light = np.clip(0.72 + 0.3 * lit - 0.38 * thick, 0, 1)
    high = np.clip(up / horizon, 0, 1) ** 0.8
    blue = mix([0.72, 0.80, 0.88], [0.10, 0.29, 0.62], high)
    warm = np.exp(-(((x / width - 0.72) / 0.5) ** 2 + ((y / height - 0.92 * horizon) / 0.35) ** 2))
    blue = mix(blue, [1.0, 0.84, 0.62], (0.75 * warm).astype(np.float32))
    cloud = mix([0.40, 0.46, 0.58], [1.0, 0.985, 0.95], light)
    cloud = mix(cloud, [1.0, 0.90, 0.74], (0.45 * warm).astype(np.float32))
    haze = smoothstep(0.0, 0.3, up)
    return np.clip(mix(blue, cloud, cover * (0.35 + 0.65 * haze)), 0, 1)


def landscape(height: int, width: int, seed: int = 11) -> Picture:
    """Paint hills behind hills under a cloudy sky, and a meadow in front."""
    picture = sky(height, width, horizon=0.62, seed=seed)
    y = np.arange(height, dtype=np.float32)[:, None]
    # ridge height, roughness, colour in light, colour in shade; far to near
    ranges = [
        (0.50, 0.060, 1.35, [0.60, 0.70, 0.80], [0.47, 0.58, 0.72]),
        (0.57, 0.045, 1.35, [0.49, 0.61, 0.66], [0.33, 0.46, 0.57]),
        (0.64, 0.040, 1.25, [0.42, 0.56, 0.43], [0.18, 0.31, 0.34]),
        (0.73, 0.040, 1.25, [0.42, 0.55, 0.25], [0.10, 0.22, 0.16]),
        (0.84, 0.030, 1.60, [0.62, 0.64, 0.26], [0.16, 0.27, 0.09]),
    ]
    for number, (level, swing, rough, lit, shade) in enumerate(ranges):
        near = number / (len(ranges) - 1)
        ridge = noise(1, 2 * width, rough, seed + 20 + number)[0, :width]
        jag = 0.0035 if number in (2, 3) else 0.0008  # of the height: the wooded ranges
        trees = jag * noise(1, 2 * width, 0.35, seed + 40 + number)[0, :width]
        top = (level + swing * ridge + trees)[None] * height
        inside = smoothstep(-0.7, 0.7, y - top)
        depth = np.clip((y - top) / (0.2 * height), 0, 1)
        slope = np.gradient(noise(1, 2 * width, rough + 0.6, seed + 20 + number)[0, :width])
        relief = noise(height, width, 1.15 - 0.35 * near, seed + 60 + number)
        light = 0.62 - 9 * slope[None] + (0.13 + 0.13 * near) * relief - 0.35 * depth * (1 - near)
        light = np.clip(light, 0, 1)
        picture = mix(picture, mix(shade, lit, light.astype(np.float32)), inside)
        mist = np.exp(-(((y - top) / height - 0.13) ** 2) / 0.004) * (1 - near) * 0.35
        picture = mix(picture, [0.80, 0.84, 0.87], (mist * inside).astype(np.float32))
    flowers = smoothstep(2.3, 2.9, noise(height, width, 0.55, seed + 90)) * smoothstep(0.86, 1.0, y / height)
    return np.clip(mix(picture, [0.96, 0.93, 0.82], 0.8 * flowers), 0, 1)


def ground() -> Picture:
    """Lay grass over gravel: texture everywhere, for measuring flow (640x480)."""
    from scipy.ndimage import zoom
    from skimage import data

    grass = zoom(data.grass().astype(np.float32) / 255, 1.25, order=3)[:480, :640]
    gravel = zoom(data.gravel().astype(np.float32) / 255, 1.25, order=3)[:480, :640]
    meadow = mix([0.05, 0.13, 0.03], [0.78, 0.90, 0.42], np.clip(1.5 * grass - 0.15, 0, 1))
    stones = mix([0.10, 0.08, 0.09], [0.98, 0.88, 0.78], np.clip(1.5 * gravel - 0.2, 0, 1))
    where = noise(480, 640, 1.9, 3) + 0.35 * (grass - grass.mean()) / grass.std()
    tint = noise(480, 640, 1.8, 4)[..., None] * np.array([0.05, 0.02, -0.04], np.float32)
    return np.clip(mix(stones, meadow, smoothstep(-0.2, 0.3, where)) + tint, 0, 1)


def astronaut() -> Picture:
    from skimage import data

    return data.astronaut().astype(np.float32) / 255


def ease(t: float) -> float:
    """0 to 1, a little slower at both ends."""
    return t - 0.02 * math.sin(2 * math.pi * t)


def fly_over(local: int) -> Camera:
    t = ease(local / CUT_FRAME)
    return Camera(300 + 120 * t, 222 + 12 * t, 1.0 * 0.86**t, math.radians(-2.5 + 4.5 * t))


def push_in(local: int) -> Camera:
    t = ease(local / 44)
    return Camera(250 - 22 * t, 150 - 20 * t, 0.92 * 0.66**t, math.radians(2 - 5 * t))


def drift(local: int) -> Camera:
    return Camera(240 + 2.3 * local, 200 + 1.1 * local, 1.0 * 0.996**local, math.radians(0.15 * local))


CLIPS = {
    "journey": Clip(
        480,
        270,
        Fraction(24000, 1001),
        (Shot(lambda: landscape(460, 760, seed=31), CUT_FRAME, fly_over), Shot(astronaut, 44, push_in)),
        sound=True,
    ),
    "known_flow": Clip(320, 180, Fraction(24), (Shot(ground, 30, drift),)),
}

# ------------------------------------------------------------------------------------------- files


def song(seconds: float, rate_hz: int = 48000) -> npt.NDArray[np.int16]:
    """Return stereo sound (samples, 2): a slow pad of four chords, a plucked line, a kick on every beat."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    out = np.zeros((len(t), 2))
    chords = [(57, 60, 64, 69), (53, 57, 60, 65), (48, 55, 60, 64), (55, 59, 62, 67)]  # Am F C G
    bar = 2 * BEAT_PERIOD_S
    for number in range(math.ceil(seconds / bar)):
        chord = chords[number % 4]
        into = t - number * bar
        swell = np.clip(into / 0.12, 0, 1) * np.clip((bar + 0.25 - into) / 0.35, 0, 1)
        for voice, note in enumerate(chord):
            hz = 440 * 2 ** ((note - 69) / 12)
            for side, cents in enumerate((-4, 4)):
                phase = 2 * np.pi * hz * 2 ** (cents / 1200) * t + voice
                tone = np.sin(phase) + 0.35 * np.sin(2 * phase) + 0.12 * np.sin(3 * phase)
                out[:, side] += 0.045 * swell * tone
        for step in range(8):
            since = into - step * bar / 8
            hz = 440 * 2 ** ((chord[(0, 2, 1, 3, 2, 3, 1, 2)[step]] + 12 - 69) / 12)
            pluck = np.where(since >= 0, np.exp(-9 * np.clip(since, 0, None)), 0) * np.sin(2 * np.pi * hz * t)
            pan = 0.3 + 0.4 * (step % 2)
            out += 0.07 * pluck[:, None] * np.array([1 - pan, pan])
    since = t % BEAT_PERIOD_S
    fall = 2 * np.pi * (48 * since + 90 / 28 * (1 - np.exp(-28 * since)))  # the pitch drops from 138 to 48 Hz
    out += (0.55 * np.exp(-11 * since) * np.sin(fall))[:, None]
    out *= (np.clip(t / 0.01, 0, 1) * np.clip((seconds - t) / 0.15, 0, 1))[:, None]
    return (np.tanh(1.15 * out) * 0.85 * 32767).astype(np.int16)


def write_clip(path: Path, clip: Clip, crf: int = 17) -> None:
    """Encode a clip as H.264, tagged and converted as BT.709; one thread, so that bytes repeat."""
    import imageio_ffmpeg

    tags = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
    with tempfile.TemporaryDirectory() as scratch:
        sound = Path(scratch) / "song.wav"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-v", "error"]
        command += ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{clip.width}x{clip.height}"]
        command += ["-r", str(clip.rate), "-i", "-"]
        if clip.sound:
            samples = song(float(clip.frames / clip.rate))
            with wave.open(str(sound), "wb") as file:
                file.setnchannels(2)
                file.setsampwidth(2)
                file.setframerate(48000)
                file.writeframes(samples.tobytes())
            command += ["-i", str(sound), "-c:a", "aac", "-b:a", "128k"]
        command += ["-vf", f"scale=out_color_matrix=bt709:out_range=tv,{tags},format=yuv420p"]
        command += ["-c:v", "libx264", "-crf", str(crf), "-preset", "slow", "-threads", "1"]
        command += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"]
        command += ["-movflags", "+faststart", str(path)]
        raw = b"".join((frame * 255 + 0.5).astype(np.uint8).tobytes() for frame in frames_of(clip))
        subprocess.run(command, input=raw, check=True)


def write_picture(path: Path, picture: Picture) -> None:
    import cv2

    bgr = (picture[..., ::-1] * 255 + 0.5).astype(np.uint8)
    if not cv2.imwrite(str(path), bgr, [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise OSError(f"cannot write {path}")


def main() -> None:
    for name, clip in CLIPS.items():
        write_clip(HERE / f"{name}.mp4", clip)
    write_picture(HERE / "sky.jpg", sky(400, 640, seed=6))
    write_picture(HERE / "landscape.jpg", landscape(400, 640, seed=32))
    write_picture(HERE / "portrait.jpg", astronaut()[:400, 40:440])
    for path in sorted(HERE.glob("*.[mj]p[4g]")):
        print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
