"""Pixels: every kind of file, windows against whole decodes, scaled JPEGs, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from numpy.typing import NDArray
from PIL import Image

from annotools import augment as a
from annotools.augment import Draft
from annotools.errors import OptionError

Pixels = NDArray[np.uint8]


def smooth(height: int, width: int, seed: int = 0) -> Pixels:
    rough = np.random.default_rng(seed).uniform(0, 255, (5, 7, 3)).astype(np.uint8)
    return np.asarray(Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC))


def file_of(pixels: Pixels, fmt: str, mode: str = "RGB", **options: Any) -> bytes:
    output = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(output, fmt, **options)
    return output.getvalue()


def window(x1: float, y1: float, x2: float, y2: float) -> Any:
    def op(draft: Draft, draws: tf.Tensor) -> Draft:
        return draft.cropped(tf.constant([[x1, y1, x2, y2]], tf.float64))

    return op


PICTURE = smooth(90, 140)
FILES = {
    "jpeg": file_of(PICTURE, "JPEG", quality=95),
    "progressive jpeg": file_of(PICTURE, "JPEG", quality=95, progressive=True),
    "grey jpeg": file_of(PICTURE, "JPEG", "L", quality=95),
    "cmyk jpeg": file_of(PICTURE, "JPEG", "CMYK", quality=95),
    "4:4:4 jpeg": file_of(PICTURE, "JPEG", quality=95, subsampling=0),
    "png": file_of(PICTURE, "PNG"),
    "grey png": file_of(PICTURE, "PNG", "L"),
    "palette png": file_of(PICTURE, "PNG", "P"),
    "png with alpha": file_of(PICTURE, "PNG", "RGBA"),
    "gif": file_of(PICTURE, "GIF"),
    "bmp": file_of(PICTURE, "BMP"),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_through_a_window(kind: str) -> None:
    """The window is what TensorFlow's whole decode has there; a fused one may differ at chroma borders."""
    data = FILES[kind]
    whole = tf.io.decode_image(data, channels=3, expand_animations=False).numpy()
    assert np.abs(whole.astype(int) - np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))).mean() < 6
    found = a.apply([window(33, 21, 101, 70)], data, [[40, 30, 60, 50]], [1])
    expected = whole[21:70, 33:101]
    difference = np.abs(found.image.numpy().astype(int) - expected)
    assert found.image.shape == expected.shape
    assert difference.max() <= (14 if "jpeg" in kind else 0)
    assert (difference > 1).mean() < 0.02
    np.testing.assert_allclose(found.boxes, [[7, 9, 27, 29]])


def test_the_whole_picture_untouched_is_the_decoded_file() -> None:
    for kind, data in FILES.items():
        whole = tf.io.decode_image(data, channels=3, expand_animations=False).numpy()
        np.testing.assert_array_equal(a.apply(None, data, [], []).image, whole, err_msg=kind)


@pytest.mark.parametrize("shape", [(400, 610), (610, 400), (403, 601)])
@pytest.mark.parametrize(("output", "halvings"), [(190, 1), (90, 2), (45, 3), (380, 0)])
def test_a_large_jpeg_is_decoded_smaller(shape: tuple[int, int], output: int, halvings: int) -> None:
    pixels = smooth(*shape)
    data = file_of(pixels, "JPEG", quality=95)
    box = [[100, 50, 380, 390]]
    found = a.apply(None, data, box, [1], image_size=(output, output))
    assert found.plan.decoder.numpy().tolist() == [halvings]
    reference = Image.fromarray(pixels).resize((output, output), Image.Resampling.BOX)
    assert np.abs(found.image.numpy().astype(int) - np.asarray(reference)).mean() < 5
    scale = np.array([output / shape[1], output / shape[0]] * 2)
    # the last scaled pixel of a JPEG may lie partly outside the image, and the map counts whole ones
    np.testing.assert_allclose(found.boxes, box * scale, atol=0.8)


def test_the_scaled_decode_keeps_boxes_on_their_objects() -> None:
    """A white rectangle on black, from a 1/8 decode of a window: its edges are where the box says."""
    pixels = np.zeros((803, 1201, 3), np.uint8)
    pixels[240:560, 400:960] = 255
    data = file_of(pixels, "JPEG", quality=98)
    crop = [window(161, 83, 1201, 803), a.HorizontalFlip(1.0)]
    found = a.apply(crop, data, [[400, 240, 960, 560]], [1], image_size=(80, 100))
    assert found.plan.decoder.numpy()[0] == 3
    rows, columns = np.nonzero(found.image.numpy()[..., 0] > 127)
    extent = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(extent, found.boxes[0], atol=1.0)


def test_bilinear_resampling_is_that_of_tf_image() -> None:
    for output in ((200, 170), (41, 67)):
        ours = a.apply(None, PICTURE, [], [], image_size=output).image.numpy()
        theirs = tf.image.resize(PICTURE, output).numpy()
        assert np.abs(ours - theirs).max() <= 0.5 + 1e-3
        smoothed = a.Augmenter(None, output)
        plan = smoothed.plan_one(a.make_sample(PICTURE, [], []), tf.zeros([2], tf.int64))
        theirs = tf.image.resize(PICTURE, output, antialias=True).numpy()
        assert np.abs(smoothed.execute(plan, antialias=True).numpy() - theirs).max() <= 0.5 + 1e-3


def test_a_turned_picture_is_that_of_pillow() -> None:
    def quarter(draft: Draft, draws: tf.Tensor) -> Draft:
        angle = np.radians(30)
        linear = np.array([[[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]])
        center = draft.canvas / 2
        return draft.transformed(tf.constant(linear), center - tf.linalg.matvec(linear, center))

    found = a.apply(a.Augmentation((quarter,), fill=(0, 0, 0)), PICTURE, [], []).image.numpy()
    theirs = np.asarray(Image.fromarray(PICTURE).rotate(30, Image.Resampling.BILINEAR))
    difference = np.abs(found.astype(int) - theirs)
    assert np.median(difference) <= 1
    assert (difference > 8).mean() < 0.02  # along the rim, where Pillow blends with black
    wrong_way = np.abs(found.astype(int) - np.asarray(Image.fromarray(PICTURE).rotate(-30)))
    assert np.median(wrong_way) > 8


def test_flips_and_right_angles_touch_no_value() -> None:
    np.testing.assert_array_equal(a.apply(a.HorizontalFlip(1.0), PICTURE, [], []).image, PICTURE[:, ::-1])
    np.testing.assert_array_equal(a.apply(a.VerticalFlip(1.0), PICTURE, [], []).image, PICTURE[::-1])
    for turns in range(4):
        found = a.apply(a.Rot90((turns,), 1.0), PICTURE, [], []).image
        np.testing.assert_array_equal(found, np.rot90(PICTURE, turns))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_float_pixels_are_refused_with_the_name_of_the_image(dtype: Any) -> None:
    with pytest.raises(OptionError, match=r"cup_3.*uint8") as caught:
        a.apply(None, PICTURE.astype(dtype), [], [], name="cup_3")
    assert np.dtype(dtype).name in str(caught.value)


@pytest.mark.parametrize("shape", [(90, 140), (90, 140, 4), (1, 90, 140, 3)])
def test_what_is_no_picture_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(OptionError, match="not an image"):
        a.apply(None, np.zeros(shape, np.uint8), [], [])


def test_one_channel_becomes_three() -> None:
    found = a.apply(None, PICTURE[..., :1], [], []).image.numpy()
    np.testing.assert_array_equal(found, np.repeat(PICTURE[..., :1], 3, 2))


def test_one_label_for_each_box() -> None:
    with pytest.raises(OptionError, match="one label for each box"):
        a.apply(None, PICTURE, [[1, 1, 5, 5]], [1, 2])


def test_damaged_data_raises() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        a.apply(None, b"\xff\xd8\xff no jpeg", [], [])


def test_letterbox_fills_evenly_and_keeps_proportions() -> None:
    white = np.full((50, 100, 3), 255, np.uint8)
    found = a.apply(a.Letterbox((80, 80)), white, [[0, 0, 100, 50]], [1])
    pixels = found.image.numpy()
    assert (pixels[20:60] == 255).all()
    assert (pixels[:20] == 114).all()
    assert (pixels[60:] == 114).all()
    np.testing.assert_array_equal(found.boxes, [[0, 20, 80, 60]])
    small = a.apply(a.Letterbox((200, 200), scale_up=False), white, [[0, 0, 100, 50]], [1])
    np.testing.assert_array_equal(small.boxes, [[50, 75, 150, 125]])


def test_erased_rectangles_are_painted_where_the_plan_says() -> None:
    found = a.apply(a.Cutout(2, p=1.0, fill=(1, 2, 3)), PICTURE, [], [])
    pixels = found.image.numpy()
    inside = np.zeros(pixels.shape[:2], bool)
    for x1, y1, x2, y2 in found.plan.erased.numpy():
        inside[y1:y2, x1:x2] = True
    assert 0 < inside.mean() < 0.5
    assert (pixels[inside] == [1, 2, 3]).all()
    np.testing.assert_array_equal(pixels[~inside], PICTURE[~inside])
    noise = a.apply(a.RandomErase(p=1.0), PICTURE, [], [])
    x1, y1, x2, y2 = noise.plan.erased.numpy()[0]
    assert noise.image.numpy()[y1:y2, x1:x2].std() == pytest.approx(74, abs=8)  # uniform on 0..255


@pytest.mark.parametrize(
    ("ops", "size"),
    [
        (a.ssd(), (30, 40)),
        (a.ssd(hsv="exact"), (30, 40)),
        ([a.Rotate(20), a.HorizontalFlip()], (30, 40)),
        ([a.Rot90(), a.Cutout(fill=None)], None),
        ([a.OnPixels(lambda pixels, seed: tf.reverse(pixels, [0]))], (30, 40)),
    ],
)
def test_what_pixels_do_not_need_can_be_left_out_of_a_plan(ops: Any, size: tuple[int, int] | None) -> None:
    augmenter = a.Augmenter(ops, size)
    sample = a.make_sample(smooth(50, 60), [[5, 5, 40, 30]], [1])
    plan = augmenter.plan_one(sample, a.example_seed(0, 0, 3))
    for color in (True, False):
        less = augmenter.for_pixels(plan, color=color)
        assert less.boxes == less.drops == ()
        np.testing.assert_array_equal(
            augmenter.execute(less, color=color), augmenter.execute(plan, color=color)
        )
