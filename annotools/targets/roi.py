"""Training samples of Fast R-CNN: regions of interest with their classes and boxes.

https://arxiv.org/abs/1504.08083, 2.3: 64 regions an image, a quarter of them with an IoU of 0.5 or more with
an object, the others with 0.1 to 0.5. Faster R-CNN takes 256 or 512, background from 0, and adds the objects
themselves to the proposals (`background=(0.0, 0.5)`, `add_boxes`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from annotools.errors import OptionError
from annotools.targets.anchors import VARIANCES, check_integer
from annotools.targets.coding import Array, corners_of, encode_boxes, to_shares
from annotools.targets.draws import GROWTH, REACH, SAMPLE, WINDOW, draws, key_of
from annotools.targets.matching import BACKGROUND, IGNORED, iou


@dataclass(frozen=True)
class RoiSamples:
    """A batch of the loader -> ({"images", "rois": (B, R, 4)}, {"boxes": (B, R, 4), "labels": (B, R)}).

    rois are xyxy in pixels of the picture. Labels count from 0, -1 is background, -2 is neither: a row to be
    left out of the loss, all zeros, because there were not enough proposals. Boxes are offsets from the
    region (`encode_boxes`), 0 where there is no object.

    num                R, the same for every image
    positive_fraction  of R, at most, while there is background enough; one kind fills up for the other
    positive           an IoU from which a region is an object
    background         (low, high): IoU from low up to, but not including, high. A region that reaches
                       `positive` with an ignored object (label -2) is no background
    jitter, windows    without proposals: moved copies of each object, and random windows. With proposals,
                       batch["proposals"] (B, N, 4) in `box_format`, both are left out
    add_boxes          the objects are proposals too
    variances          what offsets are divided by
    seed               with the image's id and its boxes (which follow the augmentation) it fixes every draw

    A call loads TensorFlow; `for_image` is the same for one image in NumPy. Raises OptionError, and
    MissingExtraError without TensorFlow.
    """

    num: int = 64
    positive_fraction: float = 0.25
    positive: float = 0.5
    background: tuple[float, float] = (0.1, 0.5)
    jitter: int = 12
    windows: int = 128
    add_boxes: bool = True
    variances: tuple[float, float, float, float] = VARIANCES
    seed: int = 0
    box_format: str = "xyxy"

    def __post_init__(self) -> None:
        corners_of(self.box_format)
        for field, least in (("num", 1), ("jitter", 0), ("windows", 0), ("seed", 0)):
            check_integer(field, getattr(self, field), least)
        for field in ("positive_fraction", "positive"):
            value = getattr(self, field)
            if not isinstance(value, int | float) or not 0 < value <= 1:
                raise OptionError("not a share", field=field, found=value, expected="above 0, at most 1")
        low, high = self.background
        if not 0 <= low < high <= self.positive:
            raise OptionError(
                "not a range of IoU",
                field="background",
                found=self.background,
                expected=f"0 <= low < high <= positive ({self.positive})",
            )

    @property
    def quota(self) -> int:
        """How many of R may be objects while there is background enough."""
        return max(1, int(self.num * self.positive_fraction))

    def __call__(self, *batch: Any) -> Any:
        from annotools.targets.graph.roi import roi_samples

        return roi_samples(self, batch)

    def for_image(
        self,
        boxes: ArrayLike,
        labels: ArrayLike,
        image_size: tuple[int, int],
        *,
        proposals: ArrayLike | None = None,
        key: int = 0,
    ) -> dict[str, NDArray[Any]]:
        """The samples of one image in NumPy: {"rois": (R, 4), "boxes": (R, 4), "labels": (R,)}.

        boxes and proposals in `box_format`; key stands for the image's id among the draws.
        """
        wide = to_shares(boxes, self.box_format, image_size).astype(np.float32)
        kinds = np.asarray(labels, np.int32).reshape(-1)
        start = key_of(self.seed, key, wide[kinds >= 0])
        if proposals is None:
            given = self._windows(start)
        else:
            given = to_shares(proposals, self.box_format, image_size).astype(np.float32)
        copies = self._copies(wide, start, self.jitter if proposals is None else 0)
        regions = np.concatenate([given, copies]).clip(0, 1)
        owned = np.repeat(kinds >= 0, (len(regions) - len(given)) // max(1, len(kinds)))
        is_usable = np.concatenate([np.ones(len(given), bool), owned]) & (
            regions[:, 2:] > regions[:, :2]
        ).all(1)

        overlap = iou(regions, wide)
        of_objects = np.where(kinds >= 0, overlap, 0)
        best = of_objects.max(axis=1, initial=0)
        is_object = is_usable & (best >= self.positive)
        at_ignored = np.where(kinds == IGNORED, overlap, 0).max(axis=1, initial=0) >= self.positive
        low, high = self.background
        is_background = is_usable & (best >= low) & (best < high) & ~at_ignored
        order = self._choose(is_object, is_background, draws(start, SAMPLE, len(regions)))

        height, width = image_size
        count, some = len(order), is_object[order]
        found = {
            "rois": np.zeros((self.num, 4), np.float32),
            "boxes": np.zeros((self.num, 4), np.float32),
            "labels": np.full(self.num, IGNORED, np.int32),
        }
        found["rois"][:count] = regions[order] * np.array([width, height, width, height], np.float32)
        found["labels"][:count] = BACKGROUND
        if some.any():
            rows = of_objects[order[some]].argmax(axis=1)
            found["labels"][:count][some] = kinds[rows]
            found["boxes"][:count][some] = encode_boxes(wide[rows], regions[order[some]], self.variances)
        return found

    def _choose(
        self, is_object: NDArray[np.bool_], is_background: NDArray[np.bool_], order: NDArray[np.float32]
    ) -> NDArray[np.intp]:
        """Up to R places, in the order of the draws: objects up to the quota, background, then the rest."""
        drawn = np.argsort(order, kind="stable")
        objects, background = is_object[drawn], is_background[drawn]
        first = objects & (np.cumsum(objects) <= self.quota)
        rank = np.select([first, background, objects], [0, 1, 2], 3)
        chosen = np.argsort(rank, kind="stable")[: self.num]
        return drawn[chosen[rank[chosen] < 3]]

    def _windows(self, key: NDArray[np.uint32]) -> Array:
        """(windows, 4): random windows in shares of the picture."""
        width, height, x, y = (draws(key, stream, self.windows) for stream in range(4))
        low, high = (np.float32(side) for side in WINDOW)
        width, height = low + (high - low) * width, low + (high - low) * height
        left, top = x * (1 - width), y * (1 - height)
        return np.stack([left, top, left + width, top + height], axis=1)

    def _copies(self, boxes: Array, key: NDArray[np.uint32], jitter: int) -> Array:
        """(R * n, 4): for each box, `jitter` moved copies, and itself if `add_boxes`."""
        shape = len(boxes), jitter
        numbers = [draws(key, stream, shape[0] * shape[1]).reshape(shape) for stream in range(4, 8)]
        low, high = (np.float32(side) for side in GROWTH)
        centre, size = (
            0.5 * (boxes[:, None, :2] + boxes[:, None, 2:]),
            boxes[:, None, 2:] - boxes[:, None, :2],
        )
        centre = centre + (np.stack(numbers[:2], -1) - np.float32(0.5)) * (2 * np.float32(REACH)) * size
        half = 0.5 * size * (low + (high - low) * np.stack(numbers[2:], -1))
        copies = np.concatenate([centre - half, centre + half], axis=-1)
        if self.add_boxes:
            copies = np.concatenate([copies, boxes[:, None]], axis=1)
        return copies.reshape(-1, 4)
