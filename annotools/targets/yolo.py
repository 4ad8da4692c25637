"""Training targets of YOLO v1, v2 and v3: which cell and anchor answers for an object, and what it answers.

v1  https://arxiv.org/abs/1506.02640: the cell of the object's centre; one box a cell
v2  https://arxiv.org/abs/1612.08242: and in it the anchor whose shape has the largest IoU with the object's
v3  https://arxiv.org/abs/1804.02767: the same among the anchors of all grids

That other predictions with an IoU above 0.5 are not punished, as v2 and v3 have it, depends on what the net
predicts: it belongs into the loss.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotools.errors import OptionError
from annotools.targets.anchors import Size, as_shapes, check_size, shape_iou
from annotools.targets.coding import Array, as_boxes, corners_of, to_shares
from annotools.targets.matching import BACKGROUND, IGNORED

Version = Literal["v1", "v2", "v3"]


@dataclass(frozen=True, eq=False)
class YoloTargets:
    """A batch of the loader -> (images, {"boxes": (B, A, 4) float32, "labels": (B, A) int32}).

        ds.map(YoloTargets("v3", grids=(52, 26, 13), anchors=kmeans_anchors(shapes, 9), image_size=416))

    A is all anchors of all cells, in the order grid, row, column, anchor; `split` makes (B, rows, columns, n,
    ...) for each grid of anything with an axis A. Labels count from 0, -1 is no object, -2 neither (an
    ignored object, label -2 in the batch, has its place there). Boxes are 0 where there is no object, else

        v1      x and y in the cell, 0 to 1; width and height in shares (the loss takes their roots)
        v2, v3  x and y in the cell, which the sigmoids of t_x and t_y have to become; t_w = ln(w / w_anchor)
                and t_h

    An object whose place is taken is lost: v1 keeps the first of the batch, v2 and v3 the last, as darknet
    does. `lost` counts them.

    version     "v1", "v2" or "v3"
    grids       cells of each grid, a number or (rows, columns); v1 and v2 have one
    anchors     (k, 2) widths and heights in pixels of the input: all in the one grid (v2), or shared out
                evenly, the smallest to the first grid (v3); or for each grid its own (n, 2). None for v1
    image_size  of the input, in pixels: what the anchors are measured in
    box_format  that of the batch, as `make_dataset` was told

    A call loads TensorFlow; `for_image` is the same for one image in NumPy. Raises OptionError, and
    MissingExtraError without TensorFlow.
    """

    version: Version
    grids: int | tuple[Any, ...]
    anchors: Any = None
    image_size: Size | None = None
    box_format: str = "xyxy"
    cells: tuple[tuple[int, int], ...] = field(init=False, repr=False)
    shapes: tuple[NDArray[np.float64], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.version not in get_args(Version):
            raise OptionError(
                "unknown version", field="version", found=self.version, expected=", ".join(get_args(Version))
            )
        corners_of(self.box_format)
        grids: Any = (self.grids,) if isinstance(self.grids, int) else self.grids
        if not isinstance(grids, tuple | list) or not grids:
            raise OptionError("no grids", field="grids", found=grids, expected="the cells of each grid")
        cells = tuple(check_size("grids", grid) for grid in grids)
        if self.version != "v3" and len(cells) != 1:
            raise OptionError("this version has one grid", field="grids", found=grids, expected="one size")
        object.__setattr__(self, "cells", cells)
        object.__setattr__(self, "shapes", self._shapes())

    def _shapes(self) -> tuple[NDArray[np.float64], ...]:
        """For each grid the widths and heights of its anchors in shares of the input."""
        if self.version == "v1":
            if self.anchors is not None:
                raise OptionError("v1 has no anchors", field="anchors", found=self.anchors, expected="None")
            return (np.ones((1, 2)),)
        if self.image_size is None:
            raise OptionError(
                "anchors are in pixels of it", field="image_size", found=None, expected="a size"
            )
        height, width = check_size("image_size", self.image_size)
        count = len(self.cells)
        given = self.anchors
        if isinstance(given, tuple | list) and len(given) == count and np.ndim(given[0]) == 2:
            parts = [as_shapes(part) for part in given]
        else:
            every = as_shapes(given)
            if len(every) % count:
                raise OptionError(
                    "anchors are shared out evenly",
                    field="anchors",
                    found=len(every),
                    expected=f"a multiple of {count}, or an array for each grid",
                )
            order = np.argsort(every.prod(axis=1), kind="stable") if count > 1 else np.arange(len(every))
            parts = np.split(every[order], count)
        return tuple(part / [width, height] for part in parts)

    def __len__(self) -> int:
        """A, the anchors of all cells."""
        return sum(
            rows * columns * len(part) for (rows, columns), part in zip(self.cells, self.shapes, strict=True)
        )

    def __call__(self, *batch: Any) -> Any:
        from annotools.targets.graph.yolo import yolo_targets

        return yolo_targets(self, batch)

    def lost(self, *batch: Any) -> Any:
        """(B,) int32: objects of the batch that no cell answers for, because another one has their place."""
        from annotools.targets.graph.yolo import yolo_lost

        return yolo_lost(self, batch)

    def for_image(
        self, boxes: ArrayLike, labels: ArrayLike, image_size: tuple[int, int]
    ) -> dict[str, NDArray[Any]]:
        """The targets of one image in NumPy: {"boxes": (A, 4) float32, "labels": (A,) int32}.

        boxes (R, 4) in `box_format`, labels (R,), image_size (height, width) of the picture they are in.
        """
        wide = to_shares(boxes, self.box_format, image_size)
        kinds = np.asarray(labels, np.int64).reshape(-1)
        slots, values = self._answers(wide)
        rows = [r for r in range(len(kinds)) if kinds[r] >= 0 and slots[r] >= 0]
        if self.version == "v1":
            rows.reverse()  # the first one stays, written last
        found = np.zeros((len(self), 4), np.float32)
        classes = np.full(len(self), BACKGROUND, np.int32)
        classes[[slots[r] for r in range(len(kinds)) if kinds[r] == IGNORED and slots[r] >= 0]] = IGNORED
        for row in rows:
            found[slots[row]] = values[row]
            classes[slots[row]] = kinds[row]
        return {"boxes": found, "labels": classes}

    def split(self, values: Any) -> list[Any]:
        """(..., A, *rest) or (..., A) -> for each grid (..., rows, columns, n, ...), found by its length."""
        total = len(self)
        shape = tuple(values.shape)
        if total not in shape:
            raise OptionError(
                "no axis of all anchors", field="values", found=shape, expected=f"an axis of {total}"
            )
        axis = shape.index(total)
        parts, start = [], 0
        for (rows, columns), anchors in zip(self.cells, self.shapes, strict=True):
            stop = start + rows * columns * len(anchors)
            part = values[(slice(None),) * axis + (slice(start, stop),)]
            first = [-1 if size is None else size for size in shape[:axis]]
            parts.append(_reshape(part, [*first, rows, columns, len(anchors), *shape[axis + 1 :]]))
            start = stop
        return parts

    def decode(self, boxes: Any) -> Array:
        """(..., A, 4) of such boxes, an array -> (..., A, 4) xyxy in shares of the input; the inverse."""
        wide = as_boxes("boxes", np.asarray(boxes))
        corner, cell, shape = (part.astype(wide.dtype) for part in self.table())
        centre = (corner + wide[..., :2]) / cell
        size = wide[..., 2:] if self.version == "v1" else np.exp(wide[..., 2:]) * shape
        return np.concatenate([centre - size / 2, centre + size / 2], axis=-1)

    def table(self) -> tuple[Array, Array, Array]:
        """Three of (A, 2): column and row of each anchor's cell, columns and rows of its grid, its shape."""
        corners, cells, shapes = [], [], []
        for (rows, columns), anchors in zip(self.cells, self.shapes, strict=True):
            y, x, n = np.meshgrid(np.arange(rows), np.arange(columns), np.arange(len(anchors)), indexing="ij")
            corners.append(np.stack([x, y], -1).reshape(-1, 2))
            cells.append(np.broadcast_to([columns, rows], (n.size, 2)))
            shapes.append(anchors[n.reshape(-1)])
        return np.concatenate(corners), np.concatenate(cells), np.concatenate(shapes)

    def columns(self) -> tuple[Array, Array, Array, Array, Array]:
        """For each of the k anchors: columns and rows of its grid, how many share a cell, the grid's first
        place among A, and its own number in the cell."""
        lines, first = [], 0
        for (rows, columns), anchors in zip(self.cells, self.shapes, strict=True):
            lines += [(columns, rows, len(anchors), first, index) for index in range(len(anchors))]
            first += rows * columns * len(anchors)
        wide, tall, several, start, own = np.array(lines, np.int32).T
        return wide, tall, several, start, own

    def _answers(self, boxes: Array) -> tuple[NDArray[np.int64], Array]:
        """The place of each box among A, -1 without extent or outside; and what it has to answer there."""
        size: Array = boxes[:, 2:] - boxes[:, :2]
        centre = 0.5 * (boxes[:, :2] + boxes[:, 2:])
        inside = (size > 0) & (centre >= 0) & (centre <= 1)
        fits: Array = np.all(inside, axis=1)
        safe = np.where(fits[:, None], size, 1)
        every = np.concatenate(self.shapes).astype(boxes.dtype)
        anchor = shape_iou(safe, every).argmax(axis=1)
        wide, tall, several, start, own = (part[anchor] for part in self.columns())
        cells = np.stack([wide, tall], 1).astype(boxes.dtype)
        place = np.where(fits[:, None], centre, 0) * cells
        cell = np.minimum(np.floor(place), cells - 1)
        growth = safe if self.version == "v1" else np.log(safe / every[anchor])
        index = (cell[:, 1] * cells[:, 0] + cell[:, 0]).astype(np.int64)
        slots = np.where(fits, start + index * several + own, -1)
        return slots, np.concatenate([place - cell, growth], axis=1)


def _reshape(values: Any, shape: list[int]) -> Any:
    if isinstance(values, np.ndarray):
        return values.reshape(shape)
    import tensorflow as tf

    return tf.reshape(values, shape)
