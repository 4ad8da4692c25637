"""Box geometry in numpy: what the augmentation does to boxes, for people without TensorFlow.

Boxes are (R, 4) xyxy in pixels, edges: pixel i covers [i, i + 1], the whole image is (0, 0, W, H). A matrix
is (2, 3) and takes (x, y, 1) to (x', y'). Everything is computed in float64 and returned in the dtype of the
boxes, float32 for integers. `annotools.augment.graph.boxes` holds the same functions for TensorFlow graphs;
tests/augmenting/test_graph_boxes.py keeps the two equal.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotools.errors import OptionError

Array = NDArray[Any]
Shape = Literal["corner", "ellipse"]
BoxFormat = Literal[
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
]
BOX_FORMATS: tuple[str, ...] = get_args(BoxFormat)
"""The names of Keras: https://keras.io/api/utils/bounding_boxes/ ; `rel_` means divided by the image's size.
"""


def area(boxes: ArrayLike) -> Array:
    """(..., 4) -> (...) square pixels; 0 for a box without extent or with its corners exchanged."""
    wide, dtype = _float64(boxes)
    sides = np.maximum(wide[..., 2:] - wide[..., :2], 0.0)
    result: Array = (sides[..., 0] * sides[..., 1]).astype(dtype)
    return result


def iou(boxes: ArrayLike, others: ArrayLike) -> Array:
    """(R, 4) and (S, 4) -> (R, S), intersection over union; 0 where both are without area."""
    first, dtype = _float64(boxes)
    second, _ = _float64(others)
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.prod(np.maximum(high - low, 0.0), axis=-1)
    union = area(first)[:, None] + area(second)[None, :] - common
    result: Array = np.divide(common, union, out=np.zeros_like(common), where=union > 0).astype(dtype)
    return result


def clip(boxes: ArrayLike, window: ArrayLike) -> Array:
    """(R, 4) cut to `window` (x1, y1, x2, y2); a box outside it lands on its border without area."""
    wide, dtype = _float64(boxes)
    x1, y1, x2, y2 = np.asarray(window, np.float64)
    return np.clip(wide, [x1, y1, x1, y1], [x2, y2, x2, y2]).astype(dtype)


def convert(
    boxes: ArrayLike, source: str, target: str, *, image_size: tuple[int, int] | None = None
) -> Array:
    """(R, 4) from one Keras box format to another; `image_size` is (H, W), needed for `rel_` formats only.

    Raises OptionError for an unknown format and where the size is missing.
    """
    wide, dtype = _float64(boxes)
    for name in (source, target):
        check_format(name)
        if name.startswith("rel_") and image_size is None:
            raise OptionError("relative boxes need the image's size", field="image_size", found=name)
    height, width = image_size or (1, 1)
    scale = np.array([width, height, width, height], np.float64)
    corners = _to_corners(wide, source, scale)
    return _from_corners(corners, target, scale).astype(dtype)


def check_format(name: str, field: str = "box_format") -> None:
    """Raise OptionError unless `name` is one of BOX_FORMATS."""
    if name not in BOX_FORMATS:
        raise OptionError("unknown box format", field=field, found=name, expected=", ".join(BOX_FORMATS))


def _to_corners(boxes: Array, source: str, scale: Array) -> Array:
    kind = source.removeprefix("rel_")
    if kind in ("yxyx", "center_yxhw"):
        boxes = boxes[..., [1, 0, 3, 2]]
    if source.startswith("rel_"):
        boxes = boxes * scale
    first, second = boxes[..., :2], boxes[..., 2:]
    if kind == "xywh":
        return np.concatenate([first, first + second], -1)
    if kind.startswith("center"):
        return np.concatenate([first - second / 2, first + second / 2], -1)
    return boxes


def _from_corners(corners: Array, target: str, scale: Array) -> Array:
    kind = target.removeprefix("rel_")
    low, high = corners[..., :2], corners[..., 2:]
    boxes = corners
    if kind == "xywh":
        boxes = np.concatenate([low, high - low], -1)
    elif kind.startswith("center"):
        boxes = np.concatenate([(low + high) / 2, high - low], -1)
    if target.startswith("rel_"):
        boxes = boxes / scale
    if kind in ("yxyx", "center_yxhw"):
        boxes = boxes[..., [1, 0, 3, 2]]
    return boxes


def horizontal_flip(boxes: ArrayLike, width: float) -> Array:
    """(R, 4) in an image that is mirrored left to right: x becomes W - x."""
    return affine(boxes, np.array([[-1, 0, width], [0, 1, 0]]))


def vertical_flip(boxes: ArrayLike, height: float) -> Array:
    """(R, 4) in an image that is turned upside down: y becomes H - y."""
    return affine(boxes, np.array([[1, 0, 0], [0, -1, height]]))


def rot90(boxes: ArrayLike, image_size: tuple[int, int], turns: int = 1) -> Array:
    """(R, 4) in an image of (H, W) turned counter-clockwise `turns` times, as `numpy.rot90` does."""
    height, width = image_size
    matrix = (
        [[1, 0, 0], [0, 1, 0]],
        [[0, 1, 0], [-1, 0, width]],
        [[-1, 0, width], [0, -1, height]],
        [[0, -1, height], [1, 0, 0]],
    )[turns % 4]
    return affine(boxes, np.array(matrix))


def affine(boxes: ArrayLike, matrix: ArrayLike, *, shape: Shape = "corner") -> Array:
    """(R, 4): the upright boxes around what `matrix` makes of `boxes`.

    shape  "corner" bounds the four corners; "ellipse" bounds the inscribed ellipse, which inflates less under
           rotation (arXiv 2109.13488: most objects do not fill the corners of their box)
    """
    wide, dtype = _float64(boxes)
    numbers = np.asarray(matrix, np.float64)
    linear, offset = numbers[:, :2], numbers[:, 2]
    if shape == "ellipse":
        center = (wide[..., :2] + wide[..., 2:]) / 2
        half = (wide[..., 2:] - wide[..., :2]) / 2
        middle = center @ linear.T + offset
        reach = np.sqrt(np.sum((linear * half[..., None, :]) ** 2, axis=-1))
        return np.concatenate([middle - reach, middle + reach], -1).astype(dtype)
    first = linear * wide[..., None, :2]
    second = linear * wide[..., None, 2:]
    low = np.minimum(first, second).sum(-1) + offset
    high = np.maximum(first, second).sum(-1) + offset
    return np.concatenate([low, high], -1).astype(dtype)


def visible_bounds(boxes: ArrayLike, matrix: ArrayLike, window: ArrayLike) -> Array:
    """(R, 4): the tightest upright boxes around the part of each mapped box that lies inside `window`.

    Differs from clipping `affine(boxes, matrix)` when `matrix` rotates: a corner that leaves the window no
    longer widens the box. A box of which nothing is inside comes back as zeros.
    """
    wide, dtype = _float64(boxes)
    numbers = np.asarray(matrix, np.float64)
    bounds = [_bounds_inside(box, numbers, np.asarray(window, np.float64)) for box in wide.reshape(-1, 4)]
    return np.array(bounds, np.float64).reshape(wide.shape).astype(dtype)


def _bounds_inside(box: Array, matrix: Array, window: Array) -> Array:
    """Sutherland-Hodgman: the mapped box as a polygon, cut by one side of the window after the other."""
    x1, y1, x2, y2 = box
    polygon = np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]) @ matrix[:, :2].T + matrix[:, 2]
    for axis, edge, sign in ((0, window[0], 1), (1, window[1], 1), (0, window[2], -1), (1, window[3], -1)):
        kept: list[Array] = []
        for here, after in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
            depth, depth_after = sign * (here[axis] - edge), sign * (after[axis] - edge)
            if depth >= 0:
                kept.append(here)
            if depth * depth_after < 0:
                kept.append(here + (after - here) * depth / (depth - depth_after))
        if not kept:
            return np.zeros(4)
        polygon = np.array(kept)
    return np.concatenate([polygon.min(0), polygon.max(0)])


def _float64(boxes: ArrayLike) -> tuple[Array, np.dtype[Any]]:
    array = np.asarray(boxes)
    dtype = array.dtype if np.issubdtype(array.dtype, np.floating) else np.dtype(np.float32)
    if array.shape[-1:] != (4,):
        if array.size:
            raise OptionError("boxes must be (R, 4)", field="boxes", found=array.shape)
        array = array.reshape(0, 4)
    return array.astype(np.float64), dtype
