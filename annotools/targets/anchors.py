"""Where a detector looks for objects: grids of anchors (SSD: prior boxes), and shapes found by k-means.

An anchor is a box in shares of the network's input, xyxy, so that a grid fits any picture. Sizes that people
write down (30, 60, 111, ...) are pixels of that input. Order everywhere: feature map, row, column, shape.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotools.errors import OptionError

Float32 = NDArray[np.float32]
Size = int | tuple[int, int]
"""(height, width) in pixels or cells; one number stands for both."""
VARIANCES = (0.1, 0.1, 0.2, 0.2)
"""What offsets are divided by (SSD's prior_variance; one over the weights of torchvision's BoxCoder)."""


@dataclass(frozen=True, eq=False)
class Anchors:
    """A grid of anchors; `len` and `np.asarray` are those of `boxes`.

    boxes         (A, 4) float32, xyxy, in shares of the input; they may stick out of it
    variances     (4,) float32, for x, y, width and height
    image_size    (height, width) of the input in pixels
    feature_maps  (height, width) of each map in cells
    per_cell      anchors in a cell of each map: a head has 4 * n box and (C + 1) * n class channels
    """

    boxes: Float32
    variances: Float32
    image_size: tuple[int, int]
    feature_maps: tuple[tuple[int, int], ...]
    per_cell: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.boxes)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.boxes, dtype) if copy or dtype is not None else self.boxes

    @property
    def table(self) -> Float32:
        """(A, 8) float32: the boxes with their variances, as in `prior_boxes_ssd300.pkl` of ssd_keras."""
        return np.concatenate([self.boxes, np.broadcast_to(self.variances, self.boxes.shape)], axis=1)


def feature_size(
    size: Size,
    kernel: int,
    stride: int = 1,
    padding: int | str = "valid",
    *,
    ceil_mode: bool = False,
) -> Any:
    """The size of a feature map behind a convolution or a pooling; an int for an int, a pair for a pair.

    padding    P pixels on each side: floor((N + 2P - F) / S) + 1; "valid" is P = 0; "same", as TensorFlow
               has it, is ceil(N / S)
    ceil_mode  ceil instead of floor, as Caffe's pooling; a window that would start in the padding behind
               the picture is left out (SSD300: 75 -> 38 at pool3)

    Raises OptionError where nothing is left.
    """
    if isinstance(size, tuple):
        return tuple(feature_size(n, kernel, stride, padding, ceil_mode=ceil_mode) for n in size)
    for field, value, least in (("size", size, 1), ("kernel", kernel, 1), ("stride", stride, 1)):
        check_integer(field, value, least)
    if padding == "same":
        return -(-size // stride)
    border = 0 if padding == "valid" else padding
    if not isinstance(border, int) or border < 0:
        raise OptionError(
            "unknown padding", field="padding", found=padding, expected="'valid', 'same' or a number from 0"
        )
    room = size + 2 * border - kernel
    if room < 0:
        raise OptionError("the kernel is larger than its input", field="kernel", found=kernel)
    cells = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (cells - 1) * stride >= size + border:
        cells -= 1
    return cells


def grid_anchors(
    feature_maps: Sequence[Size],
    image_size: Size,
    shapes: Sequence[Any],
    *,
    steps: Sequence[float] | None = None,
    clip: bool = False,
    variances: Sequence[float] = VARIANCES,
) -> Anchors:
    """Anchors of the given shapes around the centre of every cell.

    feature_maps  the size of each map in cells
    image_size    of the input, in pixels
    shapes        for each map, its (n, 2) widths and heights in pixels
    steps         for each map, pixels from one centre to the next; None: the input divided by the map. The
                  first centre lies at half a step
    clip          cut the corners to the input; matching then sees the cut anchors
    """
    height, width = check_size("image_size", image_size)
    maps = tuple(check_size("feature_maps", cells) for cells in feature_maps)
    if len(shapes) != len(maps):
        raise OptionError(
            "one entry for each map", field="shapes", found=len(shapes), expected=str(len(maps))
        )
    if steps is not None and len(steps) != len(maps):
        raise OptionError("one entry for each map", field="steps", found=len(steps), expected=str(len(maps)))
    parts, per_cell = [], []
    for index, (rows, columns) in enumerate(maps):
        wide = as_shapes(shapes[index])
        step_y, step_x = (height / rows, width / columns) if steps is None else (steps[index],) * 2
        y = (np.arange(rows)[:, None, None] + 0.5) * step_y
        x = (np.arange(columns)[None, :, None] + 0.5) * step_x
        half_width, half_height = wide[:, 0] / 2, wide[:, 1] / 2
        sides = x - half_width, y - half_height, x + half_width, y + half_height
        corners = np.stack(np.broadcast_arrays(*sides), axis=-1) / [width, height, width, height]
        parts.append(corners.reshape(-1, 4))
        per_cell.append(len(wide))
    boxes = np.concatenate(parts) if parts else np.zeros((0, 4))
    if clip:
        boxes = boxes.clip(0.0, 1.0)
    numbers = np.asarray(variances, np.float32)
    if numbers.shape != (4,) or not (numbers > 0).all():
        raise OptionError("four positive numbers", field="variances", found=variances)
    return Anchors(_frozen(boxes), _frozen(numbers), (height, width), maps, tuple(per_cell))


def prior_boxes(
    feature_maps: Sequence[Size],
    image_size: Size,
    sizes: Sequence[Any],
    ratios: Sequence[Sequence[float]],
    steps: Sequence[float] | None = None,
    *,
    clip: bool = False,
    variances: Sequence[float] = VARIANCES,
) -> Anchors:
    """SSD's prior boxes (https://arxiv.org/abs/1512.02325, 2.2; Caffe's PriorBox layer).

    sizes   s in pixels, one more than there are maps: a cell has the squares of s and of sqrt(s * next s); or
            for each map a pair (min, max), max None for no second square
    ratios  for each map, the ratios besides 1; r gives s * sqrt(r) by s / sqrt(r) and the same turned over
    steps, clip, variances   as for `grid_anchors`
    """
    count = len(feature_maps)
    if len(ratios) != count:
        raise OptionError("one entry for each map", field="ratios", found=len(ratios), expected=str(count))
    shapes = []
    for (low, high), others in zip(_size_pairs(sizes, count), ratios, strict=True):
        wide = [(low, low)]
        if high is not None:
            wide.append((math.sqrt(low * high),) * 2)
        for ratio in others:
            root = math.sqrt(ratio)
            wide += [(low * root, low / root), (low * math.sqrt(1 / ratio), low / math.sqrt(1 / ratio))]
        shapes.append(wide)
    return grid_anchors(feature_maps, image_size, shapes, steps=steps, clip=clip, variances=variances)


def _size_pairs(sizes: Sequence[Any], count: int) -> list[tuple[float, float | None]]:
    if len(sizes) == count and all(isinstance(size, Sequence) and len(size) == 2 for size in sizes):
        pairs = [(size[0], size[1]) for size in sizes]
    elif len(sizes) == count + 1 and all(isinstance(size, int | float) for size in sizes):
        pairs = list(itertools.pairwise(sizes))
    else:
        raise OptionError(
            "one size more than maps, or a pair for each map",
            field="sizes",
            found=sizes,
            expected=f"{count + 1} numbers or {count} pairs",
        )
    for low, high in pairs:
        if not low > 0 or (high is not None and not high > 0):
            raise OptionError("sizes are positive", field="sizes", found=sizes)
    return pairs


def kmeans_anchors(shapes: Any, k: int, seed: int = 0, *, starts: int = 8, rounds: int = 100) -> Float32:
    """(k, 2) widths and heights, from small to large area: k-means with 1 - IoU of centred boxes.

    shapes  (N, 2) widths and heights of the objects at the input's size (`object_shapes`): a shape in
            original pixels is another one after the resize
    seed    fixes the result. The best of `starts` k-means++ starts is kept, by `mean_best_iou`

    A centre is the mean of its cluster, as in YOLOv2 (https://arxiv.org/abs/1612.08242); many programs take
    the median. Raises OptionError if there are fewer different shapes than k.
    """
    points = as_shapes(shapes)
    check_integer("k", k, 1)
    check_integer("starts", starts, 1)
    distinct = len(np.unique(points, axis=0))
    if distinct < k:
        raise OptionError(
            "fewer different shapes than anchors", field="k", found=k, expected=f"at most {distinct}"
        )
    best, best_score = points[:k], -1.0
    for start in range(starts):
        rng = np.random.Generator(np.random.PCG64([seed, start]))
        centres = _lloyd(points, _first_centres(points, k, rng), rounds)
        score = mean_best_iou(points, centres)
        if score > best_score:
            best, best_score = centres, score
    order = np.lexsort((best[:, 0], best[:, 0] * best[:, 1]))
    return best[order].astype(np.float32)


def mean_best_iou(shapes: Any, anchors: Any) -> float:
    """The mean, over (N, 2) shapes, of the largest IoU with one of the (k, 2) anchors, both centred."""
    return float(shape_iou(as_shapes(shapes), as_shapes(anchors)).max(axis=1).mean())


def object_shapes(annotations: Any, image_size: Size, *, resize: str = "stretch") -> NDArray[np.float64]:
    """(N, 2) widths and heights in pixels of the input, of all boxes with extent, for `kmeans_anchors`.

    annotations  what `annotools.read(source, split="train", headers=True)` yields; the image's header gives
                 the size, `<size>` only where no header was read
    image_size   of the input
    resize       "stretch" or "letterbox", as for `make_dataset`

    Raises OptionError for an image whose size nobody knows.
    """
    if resize not in ("stretch", "letterbox"):
        raise OptionError("unknown way", field="resize", found=resize, expected="'stretch' or 'letterbox'")
    height, width = check_size("image_size", image_size)
    found: list[tuple[float, float]] = []
    for annotation in annotations:
        if annotation.image is not None:
            size = annotation.image.upright_size
        else:
            size = annotation.size and (annotation.size.width, annotation.size.height)
        if not size or not all(size):
            raise OptionError(
                "no size: read with headers=True", path=annotation.xml_path, field="annotations", found=size
            )
        x, y = width / size[0], height / size[1]
        if resize == "letterbox":
            x = y = min(x, y)
        boxes = (thing.bndbox for thing in annotation.objects if thing.bndbox is not None)
        found += [(box.width * x, box.height * y) for box in boxes if box.width > 0 and box.height > 0]
    return np.array(found, np.float64).reshape(-1, 2)


def _first_centres(points: NDArray[np.float64], k: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """k-means++: each next centre is the best of a few, drawn in proportion to their squared distance."""
    tries = 2 + int(math.log(k))
    chosen = [int(rng.integers(len(points)))]
    distance = 1 - shape_iou(points, points[chosen])[:, 0]
    while len(chosen) < k:
        new = (points[:, None] != points[chosen]).any(axis=-1).all(axis=-1)  # no shape twice
        weights = np.where(new, np.maximum(distance, 1e-9) ** 2, 0.0)
        drawn = rng.choice(len(points), size=tries, p=weights / weights.sum())
        after = np.minimum(distance[:, None], 1 - shape_iou(points, points[drawn]))
        best = int(after.sum(axis=0).argmin())
        chosen.append(int(drawn[best]))
        distance = after[:, best]
    return points[chosen]


def _lloyd(points: NDArray[np.float64], centres: NDArray[np.float64], rounds: int) -> NDArray[np.float64]:
    """The best means on the way: the mean of a cluster is not its best centre, so the last need not be."""
    owner = np.full(len(points), -1)
    best, best_score = centres, -1.0
    for number in range(rounds):
        overlap = shape_iou(points, centres)
        score = float(overlap.max(axis=1).mean())
        if number and score > best_score:
            best, best_score = centres.copy(), score
        nearest = overlap.argmax(axis=1)
        if (nearest == owner).all():
            break
        owner = nearest
        for index in np.unique(owner):  # a centre that has lost all its shapes stays where it is
            centres[index] = points[owner == index].mean(axis=0)
    return best


def shape_iou(shapes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    common = np.minimum(shapes[:, None], others[None]).prod(axis=-1)
    union: NDArray[np.float64] = shapes.prod(axis=-1)[:, None] + others.prod(axis=-1)[None] - common
    share: NDArray[np.float64] = common / union
    return share


def as_shapes(values: Any) -> NDArray[np.float64]:
    try:
        array = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise OptionError("not numbers", field="shapes", found=values, expected="(n, 2)") from error
    if array.ndim != 2 or array.shape[1] != 2 or not len(array):
        raise OptionError("widths and heights", field="shapes", found=array.shape, expected="(n, 2)")
    if not (np.isfinite(array) & (array > 0)).all():
        raise OptionError("widths and heights are positive", field="shapes", found=float(array.min()))
    return array


def check_size(field: str, value: Any) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, Sequence) else ()
    if len(pair) != 2 or not all(isinstance(n, int) and n > 0 for n in pair):
        raise OptionError(
            "not a size", field=field, found=value, expected="a positive number or (height, width)"
        )
    return pair[0], pair[1]


def check_integer(field: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise OptionError("not a count", field=field, found=value, expected=f"a whole number from {least}")


def _frozen(values: NDArray[Any]) -> Float32:
    array = values.astype(np.float32)
    array.flags.writeable = False
    return array


_MAPS = (38, 19, 10, 5, 3, 1)
_RATIOS: tuple[tuple[float, ...], ...] = ((2,), (2, 3), (2, 3), (2, 3), (2,), (2,))
_STEPS = (8, 16, 32, 64, 100, 300)

SSD300_VOC = prior_boxes(_MAPS, 300, (30, 60, 111, 162, 213, 264, 315), _RATIOS, _STEPS)
"""8732 priors: Caffe's SSD300 for VOC (weiliu89/caffe, branch ssd, ssd_pascal.py). Nothing is cut."""

SSD300_COCO = prior_boxes(_MAPS, 300, (21, 45, 99, 153, 207, 261, 315), _RATIOS, _STEPS)
"""8732 priors: the same with the scales for COCO (ssd_coco.py), which torchvision's ssd300_vgg16 has too."""

SSD300_KERAS = prior_boxes(
    _MAPS,
    300,
    ((30, None), (60, 114), (114, 168), (168, 222), (222, 276), (276, 330)),
    ((2,), (2, 3), (2, 3), (2, 3), (2, 3), (2, 3)),
    clip=True,
)
"""7308 priors: `prior_boxes_ssd300.pkl` of rykov8/ssd_keras, bit for bit; corners are cut to the input."""
