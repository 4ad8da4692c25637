"""Which anchor looks for which box: the rules of Caffe's SSD and of ssd_keras.

`graph.matching` has the same for batches in TensorFlow; in float32 both give the same numbers, bit for bit.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotools.errors import OptionError
from annotools.targets.coding import as_boxes

Matching = Literal["caffe", "ssd_keras"]
BACKGROUND = -1
"""The row of an anchor without an object; also the label of padding in a batch."""
IGNORED = -2
"""The row of an anchor that is neither; also the label of an ignored object, as KerasHub has both."""
LEAST_IOU = 1e-6
"""Caffe's bipartite matching looks at no pair below this."""


def match(
    boxes: ArrayLike,
    labels: ArrayLike | None,
    anchors: ArrayLike,
    *,
    matching: Matching = "caffe",
    positive: float = 0.5,
    negative: float | None = None,
) -> NDArray[np.int32]:
    """(A,) int32: for each anchor the row of its box, -1 for background, -2 for neither.

    boxes     (R, 4) of one image, xyxy in the unit of the anchors
    labels    (R,): rows of -1 are padding and left out; around rows of -2 anchors become -2, not background;
              None: every row is an object
    anchors   (A, 4)
    matching  "caffe" (weiliu89/caffe, MatchBBox): the pair with the largest IoU is matched first, then the
              largest of what is left, until every box has an anchor; then each free anchor takes the box of
              its largest IoU, if that is at least `positive`. "ssd_keras" (rykov8, assign_boxes): an anchor
              takes the box of its largest IoU above `positive`; a box without any takes its best anchor,
              which a box with a larger IoU may take away
    negative  an anchor with an IoU of `negative` or more with any box, but without an object, is -2; None: as
              `positive`, so that only ignored boxes make -2

    Ties: the lowest anchor, then the lowest row. Raises OptionError.
    """
    low = check_rule(matching, positive, negative)
    wide, places = as_boxes("boxes", boxes), as_boxes("anchors", anchors)
    kinds = np.zeros(len(wide), np.int32) if labels is None else np.asarray(labels)
    if wide.ndim != 2 or kinds.shape != wide.shape[:1] or not np.issubdtype(kinds.dtype, np.number):
        raise OptionError(
            "one number for each box", field="labels", found=kinds.shape, expected=f"({len(wide)},)"
        )
    rows = np.full(len(places), BACKGROUND, np.int32)
    real = np.flatnonzero(kinds >= 0)
    ignored = np.flatnonzero(kinds == IGNORED)
    overlap = iou(wide[real], places)
    reaches = np.greater_equal if matching == "caffe" else np.greater
    for some in (overlap, iou(wide[ignored], places)):
        rows[reaches(some, low).any(axis=0)] = IGNORED
    if len(real) and len(places):
        matched = (_caffe if matching == "caffe" else _ssd_keras)(overlap, positive)
        rows = np.where(matched >= 0, real[matched], rows).astype(np.int32)
    return rows


def iou(boxes: NDArray[Any], anchors: NDArray[Any]) -> NDArray[Any]:
    """(R, 4) and (A, 4) -> (R, A), in the precision of what is given; 0 where both are without area."""
    x1, y1, x2, y2 = (side[:, None] for side in boxes.T)
    left, top, right, bottom = anchors.T
    width = np.maximum(np.minimum(x2, right) - np.maximum(x1, left), 0)
    height = np.maximum(np.minimum(y2, bottom) - np.maximum(y1, top), 0)
    common = width * height
    union = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - common
    result: NDArray[Any] = np.divide(common, union, out=np.zeros_like(common), where=common > 0)
    return result


def check_rule(matching: str, positive: float, negative: float | None) -> float:
    """The IoU from which an anchor is not background; OptionError for what makes no sense."""
    if matching not in get_args(Matching):
        raise OptionError(
            "unknown rule", field="matching", found=matching, expected=" or ".join(get_args(Matching))
        )
    if not _is_number(positive) or not 0 < positive <= 1:
        raise OptionError("not an IoU", field="positive", found=positive, expected="above 0, at most 1")
    if negative is None:
        return positive
    if not _is_number(negative) or not 0 < negative <= positive:
        raise OptionError(
            "not an IoU", field="negative", found=negative, expected=f"above 0, at most positive ({positive})"
        )
    return negative


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _caffe(overlap: NDArray[Any], positive: float) -> NDArray[np.intp]:
    rows = np.where(overlap.max(axis=0) >= positive, overlap.argmax(axis=0), BACKGROUND)
    free = overlap.copy()
    anchor = free.argmax(axis=1)
    value = free.max(axis=1)
    for _ in range(len(overlap)):
        row = int(np.lexsort((anchor, -value))[0])
        if not value[row] > LEAST_IOU:
            break
        taken = anchor[row]
        rows[taken] = row
        value[row] = -1.0
        free[:, taken] = -1.0
        late = np.flatnonzero((anchor == taken) & (value > 0))
        anchor[late] = free[late].argmax(axis=1)
        value[late] = free[late].max(axis=1)
    return rows


def _ssd_keras(overlap: NDArray[Any], positive: float) -> NDArray[np.intp]:
    wanted = overlap > positive
    without = np.flatnonzero(~wanted.any(axis=1))
    wanted[without, overlap[without].argmax(axis=1)] = True
    shown = np.where(wanted, overlap, 0)
    return np.where(shown.max(axis=0) > 0, shown.argmax(axis=0), BACKGROUND)
