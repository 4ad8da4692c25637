"""Pixels: read the window of each image, resample it once, colour it once, put it in its place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops, homographies
from annotools.augment.graph.seeds import PHILOX, fold_in
from annotools.augment.pixels.color import apply_matrix, apply_steps, apply_to_picture
from annotools.augment.pixels.decode import read_window
from annotools.augment.plan.kind import Color, Kind
from annotools.augment.plan.plan import Plan
from annotools.augment.plan.windows import OTHER

Interpolation = Literal["bilinear", "nearest"]
Colorer = Callable[[tf.Tensor], tf.Tensor]


@dataclass(frozen=True, slots=True)
class Style:
    """How pixels are made: whether the colour is applied, how they are resampled (antialias: filtered before
    shrinking)."""

    color: bool = True
    interpolation: Interpolation = "bilinear"
    antialias: bool = False


def render(plan: Plan, kind: Kind, style: Style) -> tf.Tensor:
    """(h, w, 3) uint8, the picture of an unbatched plan; `Augmenter.execute` is the way to call it."""
    colored = _colorer(plan, kind, style)
    canvas = _canvas(plan, kind)
    pictures = [canvas] * (max(kind.groups) + 1)
    for index, group in enumerate(kind.groups):

        def painted(index: int = index, under: tf.Tensor = pictures[group]) -> tf.Tensor:
            if kind.turned:
                return _turned(plan, index, under, colored, style)
            return _paste(under, _upright(plan, index, colored, style), plan.targets[index])

        drawn = tf.cond(plan.shown[index], painted, lambda under=pictures[group]: under)
        pictures[group] = tf.ensure_shape(drawn, canvas.shape)
    picture = pictures[0]
    if len(pictures) > 1:
        parts = [plan.blend[group] * tf.cast(part, tf.float32) for group, part in enumerate(pictures)]
        picture = _to_uint8(tf.minimum(tf.add_n(parts), 255.0))
    fills = list(enumerate(zip(kind.fills, kind.fills_at, strict=True)))
    for place in range(kind.of_images, len(kind.colors) + 1):
        for index, (fill, at) in fills:
            if at == place or (place == kind.of_images and at < place):
                picture = _erase(picture, plan.erased[index], fold_in(plan.seed, -1 - index), fill)
        if place < len(kind.colors) and style.color:
            picture = apply_to_picture(kind.colors[place], plan.color_steps[place], picture, plan.seed)
    return picture


def _upright(plan: Plan, index: int, colored: Colorer, style: Style) -> tf.Tensor:
    """(y, x, 3) uint8, the pixels that go to `plan.targets[index]`."""
    pixels = read_window(plan.sources[index], plan.reads[index], plan.decoder[index])
    target = plan.targets[index]
    low, high = graph_ops.split(target, 2)
    xx, xy, _, yx, yy, _ = tf.unstack(tf.reshape(plan.matrices[index], [6]), num=6)
    zero = graph_ops.like(0.0, xx)
    swapped = xx == zero
    size = tf.where(swapped, high - low, tf.reverse(high - low, graph_ops.constant((0,))))
    if style.interpolation == "nearest":
        tile = tf.raw_ops.ResizeNearestNeighbor(images=pixels[None], size=size, half_pixel_centers=True)[0]
        tile = tf.cast(tile, tf.float32)
    elif style.antialias:
        tile = tf.image.resize(pixels, size, antialias=True)
    else:
        tile = tf.raw_ops.ResizeBilinear(
            images=graph_ops.expand(pixels, 0), size=size, half_pixel_centers=True
        )
        tile = tf.squeeze(tile, 0)
    tile = _to_uint8(colored(tile))
    left, up = xx + xy < zero, yx + yy < zero  # whether columns and rows run the other way

    def turned() -> tf.Tensor:
        axes = tf.reshape(tf.where(tf.stack([up, left])), [-1])
        return tf.reverse(tf.transpose(tile, [1, 0, 2]), axes)

    mirrored = [  # with fixed axes, for which TensorFlow has a quick kernel; and no copy where none is needed
        lambda: tile,
        lambda: tf.reverse(tile, [1]),
        lambda: tf.reverse(tile, [0]),
        lambda: tf.reverse(tile, [0, 1]),
        turned,  # for all other numbers
    ]
    number = graph_ops.total(graph_ops.constant((1, 2, 4)) * tf.cast(tf.stack([left, up, swapped]), tf.int32))
    return tf.switch_case(number, mirrored)


def _turned(plan: Plan, index: int, under: tf.Tensor, colored: Colorer, style: Style) -> tf.Tensor:
    """The image under its affine map, over `under` where it is inside its window and the view."""
    decoder, read = plan.decoder[index], plan.reads[index]
    pixels = read_window(plan.sources[index], read, decoder)
    is_warped = not isinstance(plan.warp, tuple)
    if is_warped:
        whole = homographies.product(plan.warp, homographies.lifted(plan.matrices[index]))
        back = homographies.inverse(whole)
    else:
        back = graph_boxes.inverse(plan.matrices[index])
    halvings = tf.where(decoder == OTHER, 0, decoder)
    ratio = tf.cast(tf.bitwise.left_shift(1, halvings), tf.float64)
    # ImageProjectiveTransform counts pixels by their centres, annotools by their edges: half a pixel apart
    low = tf.cast(read[:2][::-1], tf.float64)
    if is_warped:
        depth = back[2] + tf.stack([0.0, 0.0, (back[2, 0] + back[2, 1]) / 2])
        center = (back[:2, 0] + back[:2, 1]) / 2
        rows = tf.concat([back[:2, :2], (back[:2, 2] + center)[:, None]], 1) / ratio
        rows -= (low + 0.5)[:, None] * depth
        numbers = (tf.reshape(tf.concat([rows, depth[None]], 0), [9]) / depth[2])[:8]
    else:
        linear = back[:, :2] / ratio
        offset = (linear[:, 0] + linear[:, 1]) / 2 + back[:, 2] / ratio - 0.5 - low
        numbers = tf.pad(tf.reshape(tf.concat([linear, offset[:, None]], 1), [6]), [[0, 2]])
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=tf.cast(pixels, tf.float32)[None],
        transforms=tf.cast(numbers, tf.float32)[None],
        output_shape=plan.size,
        fill_value=0.0,
        interpolation=style.interpolation.upper(),
        fill_mode="NEAREST",
    )[0]
    inside = _inside(plan, index, back)
    return tf.where(inside[..., None], _to_uint8(colored(moved)), under)


def _inside(plan: Plan, index: int, back: tf.Tensor) -> tf.Tensor:
    """(h, w) bool: the centre of the pixel comes from the image's window and lies in the view."""
    x = tf.cast(tf.range(plan.size[1]), tf.float64)[None, :] + 0.5
    y = tf.cast(tf.range(plan.size[0]), tf.float64)[:, None] + 0.5
    from_x = back[0, 0] * x + back[0, 1] * y + back[0, 2]
    from_y = back[1, 0] * x + back[1, 1] * y + back[1, 2]
    in_front: tf.Tensor | bool = True
    if back.shape[0] == 3:
        depth = back[2, 0] * x + back[2, 1] * y + back[2, 2]
        from_x, from_y, in_front = from_x / depth, from_y / depth, depth > 0
    x1, y1, x2, y2 = tf.unstack(plan.windows[index])
    left, top, right, bottom = tf.unstack(plan.view)
    inside = (from_x >= x1) & (from_x < x2) & (from_y >= y1) & (from_y < y2)
    return inside & in_front & (x >= left) & (x < right) & (y >= top) & (y < bottom)


def _colorer(plan: Plan, kind: Kind, style: Style) -> Colorer:
    """What colours (h, w, 3) float32 pixels. They are rounded first, as where a batch is coloured."""
    if not style.color or not kind.has_color:
        return lambda pixels: pixels
    if kind.is_linear:
        return lambda pixels: apply_matrix(plan.color_matrix, tf.floor(pixels + 0.5))
    first = kind.of_images
    if not first:
        return lambda pixels: pixels
    return lambda pixels: apply_steps(kind.colors[:first], plan.color_steps[:first], tf.floor(pixels + 0.5))


def _to_uint8(pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(pixels + 0.5, tf.uint8)  # pixels are in [0, 255], so this rounds


def _canvas(plan: Plan, kind: Kind) -> tf.Tensor:
    if kind.size:
        # a constant of the graph, because filling it costs a sixth of decoding a VOC image
        return tf.constant(np.broadcast_to(np.array(kind.fill, np.uint8), (*kind.size, 3)))
    fill = tf.constant(kind.fill, tf.uint8)
    return tf.broadcast_to(fill, tf.concat([plan.size, [3]], 0))


def _paste(canvas: tf.Tensor, tile: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """`canvas` with `tile` at `target` (4,) int32 xyxy, which has the tile's size."""

    def pasted() -> tf.Tensor:
        # in strips, which are copied row by row; TensorStridedSliceUpdate does it value by value
        low, high = graph_ops.split(target, 2)
        sizes = tf.stack([low, high - low, graph_ops.constant((-1, -1))], 1)
        widths, heights = tf.unstack(sizes, num=2)
        above, middle, below = tf.split(canvas, heights, num=3)
        left, _, right = tf.split(middle, widths, axis=1, num=3)
        return graph_ops.concat([above, graph_ops.concat([left, tile, right], 1), below], 0)

    return tf.cond(graph_ops.every(tf.shape(tile) == tf.shape(canvas), 0), lambda: tile, pasted)


def _erase(picture: tf.Tensor, target: tf.Tensor, seed: tf.Tensor, fill: Color | None) -> tf.Tensor:
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
