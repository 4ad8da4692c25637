"""CopyPaste: objects of another image, in their boxes, laid over the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import check_classes, check_count, check_number, check_range
from annotools.augment.ops.mosaic import absent_unless, take
from annotools.augment.ops.probability import Probability, between, check_probability, happens
from annotools.augment.plan.draft import Draft
from annotools.augment.plan.kind import Kind
from annotools.augment.plan.start import joined, start


@dataclass(frozen=True, slots=True)
class CopyPaste:
    """Lay up to `count` objects of another image over the picture, each in its box, at a random place.

    count        each object once at most, so fewer where the other image has fewer
    scale        range of a factor, 1 being the object as large as if its image were fitted into the canvas
    classes      names (in a data set) or labels of those that are pasted, such as rare ones; none: all
    max_overlap  an object in whose box another one lies with more than this share is not pasted: it would
                 be seen without being labelled
    max_cover    an object of the picture that is covered by at least this share is dropped as "erased"
    Boxes, not masks, are pasted (arXiv 2012.07177 has masks). Only what is pasted is decoded.
    """

    count: int = 3
    scale: tuple[float, float] = (0.5, 1.5)
    classes: tuple[str | int, ...] = ()
    max_overlap: float = 0.3
    max_cover: float = 0.7
    p: Probability = 0.5
    partners: ClassVar[int] = 1

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_count(self.count, "count")
        check_range(self.scale, "scale", 1e-3)
        check_number(self.max_overlap, "max_overlap", 0.0, 1.0)
        check_number(self.max_cover, "max_cover", 0.0)
        object.__setattr__(self, "classes", check_classes(self.classes, "classes"))

    @property
    def draws(self) -> int:
        return 1 + 4 * self.count

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        coin, *each = graph_ops.split(draws, (1, *[4] * self.count))
        on = happens(tf.squeeze(coin, 1), self.p, draft.epoch)
        (sample,), draft = take(draft, 1)
        source = start(sample, Kind(), draft.policy, draft.epoch)
        left = self._candidates(source, draft)
        draft = draft.sealed()
        for numbers in each:
            which, exists, left = _picked(left, numbers[:, 0])
            pasted, rectangle = self._placed(
                _alone(source, which), draft, tf.cast(numbers[:, 1:], tf.float64)
            )
            here = on & exists
            rectangle *= tf.cast(here, tf.float64)[:, None]
            boxes = draft.visible_boxes()
            covered = graph_boxes.intersection_area(boxes, rectangle[:, None])[..., 0]
            area = graph_boxes.area(boxes)
            draft = draft.dropped((area > 0) & (covered >= self.max_cover * area), "erased")
            draft = joined(draft, absent_unless(here, pasted), group=0, blend=draft.blend)
        return draft

    def _candidates(self, source: Draft, draft: Draft) -> tf.Tensor:
        """(B, R) bool, the objects that may be pasted."""
        alive = source.is_alive
        if self.classes:
            alive &= draft.has_label(source.labels, self.classes)
        common = graph_boxes.intersection_area(source.boxes, source.boxes)
        share = tf.math.divide_no_nan(common, graph_boxes.area(source.boxes)[:, None])  # of the second one
        others = (
            tf.linalg.set_diag(share, tf.zeros_like(share[:, 0]))
            * tf.cast(source.is_alive, tf.float64)[:, None]
        )
        return alive & (tf.reduce_max(others, 2) <= self.max_overlap)

    def _placed(self, one: Draft, draft: Draft, shares: tf.Tensor) -> tuple[Draft, tf.Tensor]:
        """The draft of one object on the canvas, and its rectangle (B, 4) there."""
        low_corner, high_corner = graph_boxes.halves(one.boxes[:, 0])
        extent = tf.maximum(high_corner - low_corner, 1e-3)
        fitted = tf.reduce_min(draft.canvas / one.canvas, 1, keepdims=True)
        room = tf.reduce_min(draft.canvas / extent, 1, keepdims=True)
        factor = tf.minimum(fitted * between(shares[:, :1], self.scale), room)
        size = tf.minimum(tf.maximum(tf.round(extent * factor), 1.0), tf.maximum(tf.floor(draft.canvas), 1.0))
        low = tf.floor(shares[:, 1:] * (draft.canvas - size))
        scale = size / extent
        return one.scaled(scale, low - scale * low_corner, draft.canvas), tf.concat([low, low + size], 1)


def _picked(left: tf.Tensor, draw: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """(B,) the row of a random one of those `left` (B, R); (B,) whether there was one; the others."""
    rank = tf.cumsum(tf.cast(left, tf.int32), axis=1)
    count = rank[:, -1]
    wanted = tf.cast(draw * tf.cast(count, tf.float32), tf.int32) + 1
    is_it = (rank == wanted[:, None]) & left
    return tf.argmax(tf.cast(is_it, tf.int32), 1), count > 0, left & ~is_it


def _alone(source: Draft, which: tf.Tensor) -> Draft:
    """The image seen through the box of the object in row `which` (B,), and that object alone."""

    def row(values: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, which[:, None], axis=1, batch_dims=1)

    fields = ("boxes", "labels", "difficult", "ids", "status")
    own = {name: row(getattr(source, name)) for name in fields}
    return source.replace(**own, windows=own["boxes"], layer=source.layer[:1])
