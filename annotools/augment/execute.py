"""Pixels: read the window of each image, resample it once, colour it once, put it in its place."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf

from annotools.augment import graph_boxes
from annotools.augment.color import apply_steps
from annotools.augment.plan import Plan, is_jpeg
from annotools.augment.seeds import PHILOX

Interpolation = Literal["bilinear", "nearest"]


def execute(
    plan: Plan, *, color: bool = True, interpolation: Interpolation = "bilinear", antialias: bool = False
) -> tf.Tensor:
    """(h, w, 3) uint8, the picture that `plan` describes.

    color      False leaves the colour to `color.apply_batch`
    antialias  filter before shrinking (about three times the cost of decoding a VOC image). JPEGs are decoded
               at 1/2, 1/4 or 1/8 where that is still larger than the output, which takes care of strong
               shrinking
    """
    draft = plan.draft
    canvas = _canvas(plan)
    pictures = [canvas] * len(draft.blend)
    for index in range(len(draft.sources)):
        group = draft.groups[index]

        def painted(index: int = index, under: tf.Tensor = pictures[group]) -> tf.Tensor:
            if draft.rotated:
                return _turned(plan, index, under, color, interpolation)
            return _paste(under, _upright(plan, index, color, interpolation, antialias), plan.targets[index])

        pictures[group] = tf.cond(plan.shown[index], painted, lambda under=pictures[group]: under)
        pictures[group] = tf.ensure_shape(pictures[group], canvas.shape)
    picture = pictures[0]
    if len(pictures) > 1:
        blended = tf.add_n(
            [weight * tf.cast(part, tf.float32) for weight, part in zip(draft.blend, pictures, strict=True)]
        )
        picture = _to_uint8(blended)
    for index, (_, seed, fill) in enumerate(draft.erasures):
        picture = _erase(picture, plan.erased[index], seed, fill)
    for function, seed in draft.retouches:
        picture = tf.ensure_shape(function(picture, seed), canvas.shape)
    return picture


def read_window(source: tf.Tensor, window: tf.Tensor, ratio: tf.Tensor) -> tf.Tensor:
    """(y, x, 3) uint8 pixels of `window` (4,) int32 xyxy, in pixels of the image divided by `ratio` (1, 2, 4,
    8).

    A JPEG is decoded inside the window only. Other formats are decoded whole; an animation gives its first
    frame.
    """
    x1, y1, x2, y2 = tf.unstack(window)
    if source.dtype != tf.string:
        return source[y1:y2, x1:x2]
    crop = tf.stack([y1, x1, y2 - y1, x2 - x1])

    def jpeg(divisor: int) -> tf.Tensor:
        return tf.io.decode_and_crop_jpeg(source, crop, channels=3, ratio=divisor)

    def other() -> tf.Tensor:
        return tf.io.decode_image(source, channels=3, expand_animations=False)[y1:y2, x1:x2]

    branch = tf.where(is_jpeg(source), _log2(ratio), 4)
    pixels = tf.switch_case(
        branch, [lambda: jpeg(1), lambda: jpeg(2), lambda: jpeg(4), lambda: jpeg(8), other]
    )
    return tf.ensure_shape(pixels, [None, None, 3])


def _log2(ratio: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(ratio >= tf.constant([2, 4, 8]), tf.int32))


def _upright(plan: Plan, index: int, color: bool, interpolation: Interpolation, antialias: bool) -> tf.Tensor:
    """(y, x, 3) uint8, the pixels that go to `plan.targets[index]`."""
    draft = plan.draft
    pixels = read_window(draft.sources[index], plan.reads[index], plan.ratio[index])
    target = plan.targets[index]
    size = tf.stack([target[3] - target[1], target[2] - target[0]])
    linear = plan.matrices[index, :, :2]
    swapped = tf.constant(False)
    if draft.transposes:
        swapped = linear[0, 0] == 0
        size = tf.where(swapped, size[::-1], size)
    if interpolation == "nearest":
        tile = tf.raw_ops.ResizeNearestNeighbor(images=pixels[None], size=size, half_pixel_centers=True)[0]
        tile = _colored(tf.cast(tile, tf.float32), plan, color)
    else:
        if antialias:
            tile = tf.image.resize(pixels, size, antialias=True)
        else:
            tile = tf.raw_ops.ResizeBilinear(images=pixels[None], size=size, half_pixel_centers=True)[0]
        tile = _colored(tile, plan, color)
    if draft.transposes:
        tile = tf.cond(swapped, lambda: tf.transpose(tile, [1, 0, 2]), lambda: tile)
    if draft.mirrors:
        reversed_axes = tf.reduce_sum(linear, 1) < 0  # of the output: x, y
        tile = tf.reverse(tile, tf.where(reversed_axes[::-1])[:, 0])
    return tile


def _turned(plan: Plan, index: int, under: tf.Tensor, color: bool, interpolation: Interpolation) -> tf.Tensor:
    """The image under its affine map, over `under` where it is inside its window and the view."""
    draft = plan.draft
    pixels = read_window(draft.sources[index], plan.reads[index], plan.ratio[index])
    back = graph_boxes.inverse(plan.matrices[index])
    ratio = tf.cast(plan.ratio[index], tf.float64)
    half = tf.constant([0.5, 0.5], tf.float64)
    # ImageProjectiveTransform counts pixels by their centres, annotools by their edges: half a pixel apart
    linear = back[:, :2] / ratio
    offset = tf.linalg.matvec(linear, half) + back[:, 2] / ratio - half
    offset -= tf.cast(plan.reads[index, :2], tf.float64)
    numbers = tf.concat(
        [tf.reshape(tf.concat([linear, offset[:, None]], 1), [6]), tf.zeros([2], tf.float64)], 0
    )
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pixels, tf.float32)[None],
        transforms=tf.cast(numbers, tf.float32)[None],
        output_shape=plan.size,
        fill_value=0.0,
        interpolation=interpolation.upper(),
        fill_mode="NEAREST",
    )[0]
    inside = _inside(plan, index, back)
    return tf.where(inside[..., None], _colored(moved, plan, color), under)


def _inside(plan: Plan, index: int, back: tf.Tensor) -> tf.Tensor:
    """(h, w) bool: the centre of the pixel comes from the image's window and lies in the view."""
    x = tf.cast(tf.range(plan.size[1]), tf.float64)[None, :] + 0.5
    y = tf.cast(tf.range(plan.size[0]), tf.float64)[:, None] + 0.5
    from_x = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    from_y = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    x1, y1, x2, y2 = tf.unstack(plan.draft.windows[index])
    inside = (from_x >= x1) & (from_x < x2) & (from_y >= y1) & (from_y < y2)
    if plan.draft.framed:
        left, top, right, bottom = tf.unstack(plan.draft.view())
        inside &= (x >= left) & (x < right) & (y >= top) & (y < bottom)
    return inside


def _colored(pixels: tf.Tensor, plan: Plan, color: bool) -> tf.Tensor:
    """float32 -> uint8, with the colour steps between."""
    return _to_uint8(apply_steps(plan.draft.color, pixels) if color else pixels)


def _to_uint8(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels + 0.5, tf.uint8)  # pixels are in [0, 255], so this rounds


def _canvas(plan: Plan) -> tf.Tensor:
    fill = tf.constant(plan.fill, tf.uint8)
    shape = [*plan.static_size, 3] if plan.static_size else tf.concat([plan.size, [3]], 0)
    return tf.broadcast_to(fill, shape)


def _paste(canvas: tf.Tensor, tile: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """`canvas` with `tile` at `target` (4,) int32 xyxy, which has the tile's size."""
    shape = tf.shape(canvas)
    x1, y1, x2, y2 = tf.unstack(target)

    def pasted() -> tf.Tensor:
        rows = tf.concat([canvas[y1:y2, :x1], tile, canvas[y1:y2, x2:]], 1)
        return tf.concat([canvas[:y1], rows, canvas[y2:]], 0)

    return tf.cond(tf.reduce_all(tf.shape(tile) == shape), lambda: tile, pasted)


def _erase(
    picture: tf.Tensor, target: tf.Tensor, seed: tf.Tensor, fill: tuple[int, int, int] | None
) -> tf.Tensor:
    def erased() -> tf.Tensor:
        shape = tf.stack([target[3] - target[1], target[2] - target[0], 3])
        if fill is not None:
            return _paste(picture, tf.broadcast_to(tf.constant(fill, tf.uint8), shape), target)
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
        noise = tf.raw_ops.StatelessRandomUniformIntV2(
            shape=shape, key=key, counter=counter, alg=PHILOX, minval=0, maxval=256
        )
        return _paste(picture, tf.cast(noise, tf.uint8), target)

    covers = tf.reduce_all(target[2:] > target[:2])
    return tf.ensure_shape(tf.cond(covers, erased, lambda: picture), picture.shape)
