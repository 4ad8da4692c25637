"""Boxes as offsets from anchors, and back; box formats as matrices. `graph.coding` is the twin.

    t = ((cx - cx_a) / w_a / v0, (cy - cy_a) / h_a / v1, ln(w / w_a) / v2, ln(h / h_a) / v3)

Everything is computed in the precision of what is given, operation by operation as ssd_keras and Caffe write
it, so that float64 boxes on float32 anchors give the bits of `assign_boxes`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotools.errors import OptionError
from annotools.targets.anchors import VARIANCES

Array = NDArray[Any]

_SWAP = np.eye(4)[[1, 0, 3, 2]]
_FROM_SIZE = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]])
_FROM_CENTRE = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [-0.5, 0, 0.5, 0], [0, -0.5, 0, 0.5]])
_KINDS = {
    "xyxy": np.eye(4),
    "yxyx": _SWAP,
    "xywh": _FROM_SIZE,
    "center_xywh": _FROM_CENTRE,
    "center_yxhw": _SWAP @ _FROM_CENTRE,
}
CORNERS: dict[str, Array] = _KINDS | {
    f"rel_{name}": matrix for name, matrix in _KINDS.items() if name != "center_yxhw"
}
"""For each box format of Keras the (4, 4) matrix that makes corners of it: boxes @ matrix is xyxy. A column
has at most two numbers that are not 0, each 1 or a half, so no product is rounded.
"""


def encode_boxes(boxes: ArrayLike, anchors: ArrayLike, variances: ArrayLike = VARIANCES) -> Array:
    """(..., 4) boxes and the (..., 4) anchor of each -> (..., 4) offsets; xyxy, both in one unit.

    variances  (4,) or one row for each anchor
    dtype      the wider one of boxes and anchors, float32 for integers

    A box without extent has offsets of -inf; `match` gives no anchor to it. Raises OptionError for shapes
    that do not fit each other.
    """
    wide, places, scale, dtype = _arguments("boxes", boxes, anchors, variances)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = 0.5 * (wide[..., :2] + wide[..., 2:])
        size = wide[..., 2:] - wide[..., :2]
        anchor_centre = 0.5 * (places[..., :2] + places[..., 2:])
        anchor_size = places[..., 2:] - places[..., :2]
        shift = (centre - anchor_centre) / anchor_size / scale[..., :2]
        growth = np.log(size / anchor_size) / scale[..., 2:]
    return np.concatenate([shift, growth], axis=-1).astype(dtype)


def decode_boxes(offsets: ArrayLike, anchors: ArrayLike, variances: ArrayLike = VARIANCES) -> Array:
    """(..., 4) offsets and the (..., 4) anchor of each -> (..., 4) boxes, xyxy in the unit of the anchors.

    The inverse of `encode_boxes`; nothing is cut. (ssd_keras multiplies the y offset by the anchor's width,
    which is not the inverse of its own encoder.)
    """
    wide, places, scale, dtype = _arguments("offsets", offsets, anchors, variances)
    anchor_centre = 0.5 * (places[..., :2] + places[..., 2:])
    anchor_size = places[..., 2:] - places[..., :2]
    with np.errstate(over="ignore", invalid="ignore"):
        centre = wide[..., :2] * scale[..., :2] * anchor_size + anchor_centre
        half = 0.5 * (np.exp(wide[..., 2:] * scale[..., 2:]) * anchor_size)
    return np.concatenate([centre - half, centre + half], axis=-1).astype(dtype)


def to_shares(boxes: ArrayLike, box_format: str, image_size: tuple[float, float]) -> Array:
    """(..., 4) in a box format of Keras -> (..., 4) xyxy in shares of an image of (height, width) pixels."""
    matrix = corners_of(box_format)
    wide = as_boxes("boxes", boxes)
    corners = wide @ matrix.astype(wide.dtype)
    if box_format.startswith("rel_"):
        scale = np.ones(4, wide.dtype)
    else:
        height, width = image_size
        scale = np.array([width, height, width, height], wide.dtype)
    shares: Array = corners / scale
    return shares


def corners_of(box_format: str) -> Array:
    """The matrix of CORNERS; OptionError for a name that is not there."""
    matrix = CORNERS.get(str(box_format))
    if matrix is None:
        raise OptionError(
            "unknown box format", field="box_format", found=box_format, expected=", ".join(CORNERS)
        )
    return matrix


def as_boxes(field: str, values: ArrayLike) -> Array:
    """(..., 4) in a float dtype, float32 for integers; an empty list is (0, 4). Raises OptionError."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise OptionError("rows of unequal length", field=field, expected="(..., 4)") from error
    if not np.issubdtype(array.dtype, np.number) and array.size:
        raise OptionError("not numbers", field=field, found=str(array.dtype), expected="(..., 4) numbers")
    if not np.issubdtype(array.dtype, np.floating):
        array = array.astype(np.float32)
    if array.shape == (0,):
        array = array.reshape(0, 4)
    if array.shape[-1:] != (4,):
        raise OptionError("boxes have four numbers", field=field, found=array.shape, expected="(..., 4)")
    return array


def _arguments(
    field: str, values: ArrayLike, anchors: ArrayLike, variances: ArrayLike
) -> tuple[Array, Array, Array, np.dtype[Any]]:
    wide, places = as_boxes(field, values), as_boxes("anchors", anchors)
    dtype = np.result_type(wide, places)
    scale = as_boxes("variances", variances)
    if not isinstance(variances, np.ndarray):
        scale = scale.astype(dtype)
    try:
        np.broadcast_shapes(wide.shape, places.shape, scale.shape)
    except ValueError as error:
        raise OptionError(
            "one anchor for each row", field=field, found=wide.shape, expected=f"rows as in {places.shape}"
        ) from error
    return wide, places, scale, dtype
