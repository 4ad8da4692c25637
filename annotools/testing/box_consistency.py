"""Do the boxes still lie on their objects? A test of any augmentation by paint.

Each object is painted in its own colour into an otherwise black picture. The augmentation moves the picture
and the boxes; then every box must be the extent of its colour. Swapped axes, an offset by one, a label that
belongs to another box, a box that lags behind a crop: all of them show within a few random cases, on pictures
that are not square.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.augment.apply import make_sample
from annotools.augment.augmenter import Augmenter
from annotools.augment.graph.seeds import example_seed
from annotools.augment.pixels.render import Style, render
from annotools.augment.plan.box_policy import BoxPolicy
from annotools.augment.plan.kind import GRAY
from annotools.augment.plan.sample import Sample
from annotools.augment.presets import as_augmentation
from annotools.boxes import convert
from annotools.records import record

Array = NDArray[Any]
Transform = Callable[[Array, Array, Array, int], tuple[Array, Array, Array]]
Paint = Literal["rectangle", "ellipse"]

# far apart, none of them gray: fill and black are told from all of them
COLORS = np.array(
    [
        (r, g, b)
        for r in (0, 127, 255)
        for g in (0, 127, 255)
        for b in (0, 127, 255)
        if max(r, g, b) - min(r, g, b) > 100
    ],
    np.uint8,
)
SPEC = Sample(
    encoded=tf.TensorSpec([None, None, 3], tf.uint8),
    size=tf.TensorSpec([2], tf.int32),
    boxes=tf.TensorSpec([None, 4], tf.float32),
    labels=tf.TensorSpec([None], tf.int32),
    difficult=tf.TensorSpec([None], tf.bool),
    ids=tf.TensorSpec([None], tf.int32),
    name=tf.TensorSpec([], tf.string),
)
GRID = (2, 3)  # objects lie in the cells of a grid, so that none hides another


@record
class Painted:
    """image (H, W, 3) uint8, boxes (R, 4) float32 xyxy in whole pixels, labels (R,) int32: rows of COLORS."""

    image: Array
    boxes: Array
    labels: Array


def painted(
    seed: int,
    *,
    size: tuple[int, int] | None = None,
    paint: Paint = "rectangle",
    first_label: int = 0,
    thinnest: int = 1,
) -> Painted:
    """A random picture; one box in eight is as wide as its cell, one as thin as is allowed."""
    draw = np.random.default_rng(seed)
    height, width = size or (int(draw.integers(60, 160)), int(draw.integers(60, 160)))
    image = np.zeros((height, width, 3), np.uint8)
    cells = draw.permutation(GRID[0] * GRID[1])[: draw.integers(1, 7)]
    boxes = []
    for index, cell in enumerate(cells):
        x1, x2 = _span(draw, width, GRID[1], cell % GRID[1], thinnest)
        y1, y2 = _span(draw, height, GRID[0], cell // GRID[1], thinnest)
        boxes.append((x1, y1, x2, y2))
        part = image[y1:y2, x1:x2]
        inside = np.ones(part.shape[:2], bool)
        if paint == "ellipse":
            y = (np.arange(y2 - y1) + 0.5)[:, None] * 2 / (y2 - y1) - 1
            x = (np.arange(x2 - x1) + 0.5)[None] * 2 / (x2 - x1) - 1
            inside = x * x + y * y <= 1
        part[inside] = COLORS[first_label + index]
    labels = np.arange(first_label, first_label + len(boxes), dtype=np.int32)
    return Painted(image, np.array(boxes, np.float32), labels)


def _span(draw: np.random.Generator, length: int, cells: int, cell: int, thinnest: int) -> tuple[int, int]:
    low, high = length * cell // cells, length * (cell + 1) // cells
    kind = draw.integers(0, 8)
    if kind == 0:
        return low, high
    side = thinnest if kind == 1 else int(draw.integers(thinnest, high - low + 1))
    start = int(draw.integers(low, high - side + 1))
    return start, start + side


def check_box_consistency(
    ops: Any,
    *,
    cases: int = 12,
    seed: int = 0,
    image_size: tuple[int, int] | None = None,
    size: tuple[int, int] | None = None,
    tolerance: float = 0.51,
    paint: Paint = "rectangle",
    thinnest: int = 1,
    policy: BoxPolicy | None = None,
    partly_hidden: bool = False,
) -> None:
    """Raise AssertionError where boxes and pixels part under `ops` (a preset, a list of ops, one op).

    cases       random pictures, portrait and landscape, unless `size` (H, W) fixes them
    image_size  (h, w) of the output, None for what the ops give
    tolerance   in output pixels; half a pixel is what nearest-neighbour sampling can show at best
    paint       "ellipse" for ops that bound the inscribed ellipse
    thinnest    side of the thinnest objects, in pixels: what is thin, turned and shrunk may show no pixel
    partly_hidden  something may lie over objects (erased rectangles are known to)

    Colour is left out and pixels are sampled, not interpolated, so that colours stay recognisable. Not for
    MixUp, which blends them, and not for ops on pixels.
    """
    augmenter = Augmenter(as_augmentation(ops, policy), image_size)
    # noise could look like any object
    kind = replace(augmenter.kind, fills=(GRAY,) * len(augmenter.kind.fills))
    style = Style(color=False, interpolation="nearest")
    signature = [SPEC, [SPEC] * augmenter.partners, tf.TensorSpec([], tf.int64)]

    @tf.function(input_signature=signature)  # type: ignore[untyped-decorator]
    def run(sample: Sample, others: list[Sample], case: tf.Tensor) -> tuple[tf.Tensor, ...]:
        plan = augmenter.plan_one(sample, example_seed(seed, 0, case), partner=lambda k, _: others[k])
        picture = render(plan, kind, style)
        return picture, plan.boxes, plan.labels, tf.reduce_sum(plan.drops)

    def transform(image: Array, boxes: Array, labels: Array, case: int) -> tuple[Array, Array, Array]:
        others = list(_partners(case, augmenter.partners, size, paint, thinnest))
        sample = make_sample(image, boxes, labels)
        result = run(sample, others, tf.constant(case, tf.int64))
        picture, after, left, gone = (tensor.numpy() for tensor in result)
        given = sum(len(one.labels) for one in (sample, *others))
        sums_up = len(labels) <= len(left) + gone <= given
        assert sums_up, (
            f"case {case}: {len(left)} left and {gone} dropped of {len(labels)} to {given} objects"
        )
        return picture, after, left

    check_transform(
        transform,
        cases=cases,
        seed=seed,
        size=size,
        tolerance=tolerance,
        paint=paint,
        thinnest=thinnest,
        partly_hidden=partly_hidden or bool(kind.fills) or paint == "ellipse",
    )


def _partners(
    case: int, count: int, size: tuple[int, int] | None, paint: Paint, thinnest: int
) -> Iterator[Sample]:
    most = GRID[0] * GRID[1]
    for k in range(count):
        first = most * (k + 1)
        other = painted(1000 * case + k, size=size, paint=paint, first_label=first, thinnest=thinnest)
        yield make_sample(other.image, other.boxes, other.labels)


def check_transform(
    transform: Transform,
    *,
    cases: int = 12,
    seed: int = 0,
    size: tuple[int, int] | None = None,
    tolerance: float = 1.0,
    paint: Paint = "rectangle",
    thinnest: int = 1,
    box_format: str = "xyxy",
    partly_hidden: bool = False,
) -> None:
    """Raise AssertionError where boxes and pixels part under any function, also one of another library.

    transform      (image (H, W, 3) uint8, boxes (R, 4) float32, labels (R,) int32, case) -> the same three,
                   augmented. Objects may be missing; labels of -1 are padding
    box_format     of the boxes that the function takes and gives, a Keras name
    tolerance      in output pixels
    partly_hidden  something may lie over objects, so a box may be larger than what is seen of its colour
    """
    for case in range(cases):
        given = painted(seed * 100_003 + case, size=size, paint=paint, thinnest=thinnest)
        before = convert(given.boxes, "xyxy", box_format, image_size=given.image.shape[:2])
        image, after, labels = transform(given.image, before, given.labels, case)
        image = np.asarray(image)
        boxes = convert(after, box_format, "xyxy", image_size=image.shape[:2])
        for box, label in zip(boxes, np.asarray(labels).astype(int), strict=True):
            if label != -1:
                fault = _fault(image, box, label, tolerance, partly_hidden)
                assert fault is None, f"case {case}, {given.image.shape[:2]}: {fault}"


def _fault(image: Array, box: Array, label: int, tolerance: float, hidden: bool) -> str | None:
    """How a box parts from the pixels of its object, None where it does not."""
    extent = extent_of_color(image, COLORS[label])
    if extent is None:
        # thinner than the distance of two samples: nothing to see, nothing to compare
        thin = min(box[2] - box[0], box[3] - box[1]) <= 2 * tolerance
        return None if hidden or thin else f"no pixel of object {label}, box {box.round(2)}"
    error = np.abs(extent - box)
    if hidden:
        error = np.maximum(np.concatenate([box[:2] - extent[:2], extent[2:] - box[2:]]), 0)
    if (error <= tolerance).all():
        return None
    return f"object {label} covers {extent}, its box is {box.round(2)}: off by {error.max():.2f} pixels"


def extent_of_color(image: Array, color: Array) -> Array | None:
    """(4,) float64 xyxy edges of the pixels nearest to `color` among COLORS and gray; None without any."""
    distance = np.abs(image.astype(int) - color.astype(int)).max(-1)
    rows, columns = np.nonzero(distance < 40)
    if not len(rows):
        return None
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], np.float64)
