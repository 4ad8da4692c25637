"""Training targets of SSD and of every other detector that looks from anchors (RetinaNet, an RPN)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotools.errors import OptionError
from annotools.targets.anchors import VARIANCES, Anchors
from annotools.targets.coding import Array, as_boxes, corners_of, encode_boxes, to_shares
from annotools.targets.matching import Matching, check_rule, match

Layout = Literal["offsets", "ssd_keras"]


@dataclass(frozen=True, eq=False)
class SSDTargets:
    """A batch of the loader -> images and what a detector with these anchors has to answer.

        ds.map(SSDTargets(SSD300_VOC))      # (images, {"boxes": (B, A, 4) float32, "labels": (B, A) int32})

    Boxes are offsets from the anchors, 0 where there is no object; labels count from 0, -1 is background and
    -2 neither (KerasHub's label encoder has the same numbers). The objects of a batch with label -2
    (`keep_difficult="ignore"`) make their anchors -2.

    anchors      Anchors, a preset, or (A, 4) xyxy in shares of the input
    variances    (4,), where the anchors are an array; None: 0.1, 0.1, 0.2, 0.2
    matching, positive, negative   as for `match`
    layout       "ssd_keras": (images, (B, A, 4 + 1 + C + 8) float32), as `assign_boxes` of rykov8/ssd_keras:
                 the offsets, one-hot classes with the background first, 1 for an object, seven zeros. What
                 is neither is all zeros, so that its cross-entropy is 0
    num_classes  C, without the background; only for that layout
    box_format   that of the batch, as `make_dataset` was told

    Takes (images, {"boxes", "labels"}) too, padded or ragged, and samples without the first axis. A call
    loads TensorFlow and gives tensors; `for_image` is the same for one image in NumPy. Raises OptionError,
    and MissingExtraError without TensorFlow.
    """

    anchors: Anchors | ArrayLike
    variances: ArrayLike | None = None
    matching: Matching = "caffe"
    positive: float = 0.5
    negative: float | None = None
    layout: Layout = "offsets"
    num_classes: int | None = None
    box_format: str = "xyxy"
    anchor_boxes: NDArray[np.float32] = field(init=False, repr=False)
    scale: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_rule(self.matching, self.positive, self.negative)
        corners_of(self.box_format)
        if self.layout not in get_args(Layout):
            raise OptionError(
                "unknown layout", field="layout", found=self.layout, expected=" or ".join(get_args(Layout))
            )
        if self.layout == "ssd_keras" and not (isinstance(self.num_classes, int) and self.num_classes > 0):
            raise OptionError(
                "the one-hot part needs the number of classes",
                field="num_classes",
                found=self.num_classes,
                expected="a whole number from 1",
            )
        given = self.anchors
        boxes = given.boxes if isinstance(given, Anchors) else as_boxes("anchors", given).astype(np.float32)
        if boxes.ndim != 2:
            raise OptionError("anchors are rows", field="anchors", found=boxes.shape, expected="(A, 4)")
        scale = self.variances
        if scale is None:
            scale = given.variances if isinstance(given, Anchors) else VARIANCES
        numbers = np.asarray(scale, np.float32)
        if numbers.shape != (4,) or not (numbers > 0).all():
            raise OptionError("four positive numbers", field="variances", found=self.variances)
        object.__setattr__(self, "anchor_boxes", boxes)
        object.__setattr__(self, "scale", numbers)

    def __call__(self, *batch: Any) -> Any:
        from annotools.targets.graph.ssd import ssd_targets

        return ssd_targets(self, batch)

    def for_image(self, boxes: ArrayLike, labels: ArrayLike, image_size: tuple[int, int]) -> Any:
        """The targets of one image in NumPy: {"boxes": (A, 4), "labels": (A,)}, or (A, 4 + 1 + C + 8).

        boxes       (R, 4) in `box_format`
        labels      (R,), from 0; rows of -1 and -2 as in a batch
        image_size  (height, width) of the picture that the boxes are in, in pixels
        """
        wide = to_shares(boxes, self.box_format, image_size)
        kinds = np.asarray(labels, np.int64).reshape(-1)
        rows = match(
            wide,
            kinds,
            self.anchor_boxes,
            matching=self.matching,
            positive=self.positive,
            negative=self.negative,
        )
        found = rows >= 0
        offsets = np.zeros((len(rows), 4), wide.dtype)
        offsets[found] = encode_boxes(wide[rows[found]], self.anchor_boxes[found], self.scale)
        classes = rows.copy()
        classes[found] = kinds[rows[found]]
        if self.layout == "ssd_keras":
            return self._table(offsets, classes)
        return {"boxes": offsets.astype(np.float32), "labels": classes}

    def decode(self, offsets: Any) -> Any:
        """(..., A, 4) offsets, a tensor or an array -> boxes of the same kind, xyxy in shares."""
        if isinstance(offsets, np.ndarray):
            from annotools.targets.coding import decode_boxes

            return decode_boxes(offsets, self.anchor_boxes, self.scale)
        from annotools.targets.graph import coding

        return coding.decode_boxes(offsets, self.anchor_boxes, self.scale)

    def _table(self, offsets: Array, classes: NDArray[np.int32]) -> Array:
        assert self.num_classes is not None
        if classes.max(initial=0) >= self.num_classes:
            raise OptionError(
                "a label is too large",
                field="num_classes",
                found=self.num_classes,
                expected=f"above {classes.max()}",
            )
        table = np.zeros((len(classes), 4 + 1 + self.num_classes + 8), offsets.dtype)
        found = classes >= 0
        table[:, :4] = offsets
        table[classes == -1, 4] = 1.0
        table[found, 5 + classes[found]] = 1.0
        table[found, -8] = 1.0
        return table
