"""Ops on the values of pixels: against Pillow, OpenCV and the standard library; p, and what stays."""

from __future__ import annotations

import colorsys
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from annotools import augment as a
from annotools.augment.ops.clahe import clahe
from annotools.augment.ops.color import shift_hsv

Pixels = NDArray[np.uint8]
CLAHE_CASES = Path(__file__).parents[1] / "data" / "augment"


def photograph(height: int = 60, width: int = 90) -> Pixels:
    draw = np.random.default_rng(1)
    rough = draw.integers(30, 220, (7, 9, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC))
    return np.clip(smooth + draw.normal(0, 3, smooth.shape), 0, 255).astype(np.uint8)


PHOTO = photograph()
PILLOW = Image.fromarray(PHOTO)
ALL: dict[str, Any] = {
    "Gamma": lambda p: a.Gamma(p=p),
    "Posterize": lambda p: a.Posterize(p=p),
    "Solarize": lambda p: a.Solarize((60.0, 100.0), p=p),
    "AutoContrast": lambda p: a.AutoContrast(p=p),
    "Equalize": lambda p: a.Equalize(p=p),
    "CLAHE": lambda p: a.CLAHE((2.0, 4.0), p=p),
    "GaussianBlur": lambda p: a.GaussianBlur((1.0, 2.0), p=p),
    "MotionBlur": lambda p: a.MotionBlur(p=p),
    "Sharpness": lambda p: a.Sharpness((2.0, 3.0), p=p),
    "GaussianNoise": lambda p: a.GaussianNoise(p=p),
    "JpegArtifacts": lambda p: a.JpegArtifacts(p=p),
    "HsvGain": lambda p: a.HsvGain(p=p),
}


def made(op: Any, image: Any = PHOTO, example: int = 0) -> Any:
    return a.apply(op, image, [], [], example_id=example).image.numpy()


@pytest.mark.parametrize("name", ALL)
def test_p_and_the_example_decide(name: str) -> None:
    always, never = ALL[name](1.0), ALL[name](0.0)
    np.testing.assert_array_equal(made(never), PHOTO)
    assert (made(always) != PHOTO).mean() > 0.01
    np.testing.assert_array_equal(made(always, example=3), made(always, example=3))
    changed = [(made(ALL[name](0.5), example=k) != PHOTO).any() for k in range(12)]
    assert 2 <= sum(changed) <= 10


@pytest.mark.parametrize("name", ALL)
def test_in_a_data_set_with_a_schedule(name: str) -> None:
    """Through the graph of `Dataset.map`, the same as eagerly; off before the epoch that switches it on."""
    op = ALL[name](a.Schedule(((0, 0.0), (2, 1.0))))
    augmenter = a.Augmenter(op, (60, 90))
    sample, seed = a.make_sample(PHOTO, [[3, 3, 20, 20]], [0]), a.example_seed(0, 0, 5)

    def picture(epoch: tf.Tensor) -> tf.Tensor:
        return augmenter.execute(augmenter.plan_one(sample, seed, epoch=epoch))

    found = list(tf.data.Dataset.range(4).map(picture).as_numpy_iterator())
    np.testing.assert_array_equal(found[1], PHOTO)
    assert (found[2] != PHOTO).any()
    eagerly = made(ALL[name](1.0), example=5).astype(int)
    assert np.abs(found[3] - eagerly).max() <= 1  # two kernels may round a half to two sides


def test_gamma() -> None:
    np.testing.assert_allclose(made(a.Gamma((2.0, 2.0), p=1.0)), 255 * (PHOTO / 255) ** 2, atol=0.51)


@pytest.mark.parametrize("bits", [1, 3, 4, 8])
def test_posterize_is_that_of_pillow(bits: int) -> None:
    np.testing.assert_array_equal(made(a.Posterize((bits, bits), p=1.0)), ImageOps.posterize(PILLOW, bits))


@pytest.mark.parametrize("threshold", [0, 100, 128, 256])
def test_solarize_is_that_of_pillow(threshold: int) -> None:
    found = made(a.Solarize((threshold, threshold), p=1.0))
    np.testing.assert_array_equal(found, ImageOps.solarize(PILLOW, threshold))


def test_autocontrast_is_that_of_pillow() -> None:
    difference = made(a.AutoContrast(p=1.0)).astype(int) - np.asarray(ImageOps.autocontrast(PILLOW))
    assert difference.min() >= 0  # Pillow cuts, where this rounds
    assert difference.max() <= 1


def test_equalize_is_that_of_pillow() -> None:
    np.testing.assert_array_equal(made(a.Equalize(p=1.0)), ImageOps.equalize(PILLOW))


@pytest.mark.parametrize("op", [a.AutoContrast(p=1.0), a.Equalize(p=1.0)])
def test_a_picture_of_one_colour_stays(op: Any) -> None:
    plain = np.full((20, 30, 3), (10, 200, 90), np.uint8)
    np.testing.assert_array_equal(made(op, plain), plain)


@pytest.mark.parametrize("file", sorted(CLAHE_CASES.glob("clahe-*.png")), ids=lambda file: file.stem)
def test_clahe_is_that_of_opencv(file: Path) -> None:
    """The left half of each picture, and what OpenCV 5.0 made of it."""
    _, tiles, limit = file.stem.split("-")
    rows, columns = (int(count) for count in tiles.split("x"))
    gray, expected = np.split(np.asarray(Image.open(file)).astype(np.float32), 2, axis=1)
    found = clahe(tf.constant(gray), tf.constant(float(limit)), (rows, columns)).numpy()
    assert np.abs(found - expected).max() <= 1
    assert (found != expected).mean() < 0.01
    assert np.abs(found - gray).mean() > 5


def test_clahe_of_a_tile_smaller_than_its_grid() -> None:
    for shape in ((1, 1, 3), (3, 50, 3), (7, 8, 3)):
        assert made(a.CLAHE(p=1.0), np.full(shape, 77, np.uint8)).shape == shape


def test_clahe_leaves_the_colour() -> None:
    """It adds the same to all channels."""
    added = made(a.CLAHE((2.0, 2.0), p=1.0)).astype(int) - PHOTO
    inside = ((PHOTO > 60) & (PHOTO < 190)).all(-1) & (np.abs(added).max(-1) < 60)
    assert inside.mean() > 0.2
    assert np.ptp(added[inside], axis=-1).max() <= 1


@pytest.mark.parametrize("sigma", [0.8, 2.0])
def test_gaussian_blur_is_that_of_the_formula(sigma: float) -> None:
    found = made(a.GaussianBlur((sigma, sigma), p=1.0)).astype(float)
    radius = int(np.ceil(3 * sigma))
    weights = np.exp(-((np.arange(-radius, radius + 1) / sigma) ** 2) / 2)
    weights /= weights.sum()
    padded = np.pad(PHOTO.astype(float), ((radius, radius), (radius, radius), (0, 0)), "edge")
    for axis in (0, 1):
        padded = np.apply_along_axis(lambda row: np.convolve(row, weights, "valid"), axis, padded)
    np.testing.assert_allclose(found, padded, atol=0.51)
    theirs = np.asarray(PILLOW.filter(ImageFilter.GaussianBlur(sigma)))  # by boxes, which is near
    assert np.abs(found - theirs).mean() < 1


@pytest.mark.parametrize("op", [a.GaussianBlur((2.0, 2.0), p=1.0), a.MotionBlur((9.0, 9.0), p=1.0)])
def test_blur_of_a_picture_that_is_smaller_than_the_kernel(op: Any) -> None:
    np.testing.assert_array_equal(made(op, np.full((2, 1, 3), 91, np.uint8)), np.full((2, 1, 3), 91))


def test_motion_blur_spreads_a_point_along_a_line_of_its_length() -> None:
    point = np.zeros((31, 31, 3), np.uint8)
    point[15, 15] = 255
    angles = []
    for example in range(20):
        found = made(a.MotionBlur((9.0, 9.0), p=1.0), point, example)[..., 0].astype(float)
        assert found.sum() == pytest.approx(255, abs=15)
        y, x = np.nonzero(found)
        spread = np.cov(x, y, aweights=found[y, x])
        long, thin = np.linalg.eigvalsh(spread)[::-1]
        assert long == pytest.approx(9**2 / 12, rel=0.25)
        assert thin < 0.4
        angles.append(np.arctan2(*np.linalg.eigh(spread)[1][::-1, 1]) % np.pi)
    assert np.std(angles) > 0.5


@pytest.mark.parametrize("factor", [0.0, 0.5, 2.0])
def test_sharpness_is_that_of_pillow(factor: float) -> None:
    found = made(a.Sharpness((factor, factor), p=1.0)).astype(int)
    theirs = np.asarray(ImageEnhance.Sharpness(PILLOW).enhance(factor)).astype(int)
    assert np.abs(found - theirs).max() <= 1


def test_noise_has_the_deviation_that_was_asked_for() -> None:
    middle = np.full((80, 100, 3), 128, np.uint8)
    op = a.GaussianNoise((8.0, 8.0), p=1.0)
    first, second = (made(op, middle, example).astype(int) - 128 for example in (0, 1))
    assert first.std() == pytest.approx(8, rel=0.05)
    assert first.mean() == pytest.approx(0, abs=0.2)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.05


@pytest.mark.parametrize("quality", [10, 60, 95])
def test_jpeg_is_what_a_file_of_that_quality_holds(quality: int) -> None:
    output = io.BytesIO()
    PILLOW.save(output, "JPEG", quality=quality)
    theirs = np.asarray(Image.open(output)).astype(int)
    found = made(a.JpegArtifacts((quality, quality), p=1.0)).astype(int)
    assert np.abs(found - theirs).mean() < 2  # decoders smooth colour in different ways
    assert np.abs(found - PHOTO).mean() > 0.5


def test_hsv_gain_against_the_standard_library() -> None:
    found = a.apply(a.HsvGain(0.1, 0.7, 0.4), PHOTO, [], [], example_id=4)
    turns, saturation, value = found.plan.color_steps[0].numbers.numpy()
    for row, column in ((0, 0), (7, 31), (59, 89), (20, 25)):
        h, s, v = colorsys.rgb_to_hsv(*(PHOTO[row, column] / 255))
        expected = colorsys.hsv_to_rgb((h + turns) % 1, min(s * saturation, 1), min(v * value, 1))
        np.testing.assert_allclose(found.image[row, column], np.array(expected) * 255, atol=0.6)


def test_hsv_is_that_of_opencv() -> None:
    cases = json.loads((CLAHE_CASES / "hsv.json").read_text())["cases"]
    for pixel, gains, expected in cases:
        found = shift_hsv(tf.constant([[pixel]], tf.float32), tf.constant(gains)).numpy()[0, 0]
        np.testing.assert_allclose(found, expected, atol=0.05)
    assert len(cases) == 40


def test_yolo_burns_out_no_more_than_the_gains_of_hsv_do() -> None:
    """White pixels in bright pictures: next to none, where a factor of contrast makes some."""
    bright = np.clip(PHOTO.astype(int) + 60, 0, 254).astype(np.uint8)

    def white(preset: a.Augmentation) -> float:
        jitter = preset.ops[-1]
        pictures = np.stack([made(jitter, bright, example) for example in range(30)])
        return float((pictures == 255).all(-1).mean())

    assert white(a.yolo()) < 0.001
    assert white(a.yolo(hsv="linear")) > 0.005


def test_pixel_ops_leave_the_fill_and_the_boxes() -> None:
    fill = (9, 200, 99)
    ops = (*(make(1.0) for make in ALL.values()), a.Expand(3.0, p=1.0))
    found = a.apply(a.Augmentation(ops, fill=fill), PHOTO, [[10, 10, 40, 40]], [1])
    plain = a.apply(
        a.Augmentation((*[lambda draft, draws: draft] * len(ALL), ops[-1]), fill=fill), PHOTO, [], []
    )
    x1, y1, x2, y2 = found.plan.targets.numpy()[0]
    outside = np.ones(found.image.shape[:2], bool)
    outside[y1:y2, x1:x2] = False
    assert outside.mean() > 0.1
    assert (found.image.numpy()[outside] == fill).all()
    np.testing.assert_array_equal(found.plan.targets, plain.plan.targets)
    assert len(found.boxes) == 1
