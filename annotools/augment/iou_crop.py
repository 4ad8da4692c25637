"""IoUCrop: the crop of SSD, which looks at the boxes before it cuts.

All candidates of all thresholds are drawn and judged at once, so that there is no loop, no retry without end,
and the same graph for any number of boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from annotools.augment import graph_boxes
from annotools.augment.chance import Chance, between, check_probability, check_range, happens
from annotools.augment.draft import Draft
from annotools.augment.seeds import uniform
from annotools.errors import OptionError


@dataclass(frozen=True, slots=True)
class IoUCrop:
    """Cut a window that has an IoU of at least a random threshold with ANY box; keep objects whose centre is
    inside.

    Each threshold gets `trials` candidate windows and offers its first good one; the window is chosen
    uniformly among those offers and the whole picture (https://github.com/weiliu89/caffe/issues/194: a
    threshold that found nothing does not become "no crop"). Without objects the whole picture stays.

    rule  "caffe": scale s and aspect a in shares of the canvas, a in [max(low, s^2), min(high, 1/s^2)], width
          s sqrt(a), height s / sqrt(a); centres on the edge count. "torchvision" (RandomIoUCrop): width and
          height drawn apart, width/height in pixels within `aspect`, IoU with the boxes whose centre is
          strictly inside
    thresholds  0 is SSD's sampler without useful constraint
    """

    thresholds: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
    scale: tuple[float, float] = (0.3, 1.0)
    aspect: tuple[float, float] = (0.5, 2.0)
    trials: int = 50
    rule: Literal["caffe", "torchvision"] = "caffe"
    p: Chance = 1.0

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.scale, "scale", 1e-3, 1.0)
        check_range(self.aspect, "aspect", 1e-3)
        if not self.thresholds or self.trials < 1:
            raise OptionError("at least one threshold and one trial", field="trials", found=self.trials)
        if self.rule not in ("caffe", "torchvision"):
            raise OptionError(
                "unknown choice", field="rule", found=self.rule, expected="caffe or torchvision"
            )

    def __call__(self, draft: Draft, seed: tf.Tensor) -> Draft:
        count = len(self.thresholds) * self.trials
        draws = uniform(seed, 4 * count + 2)
        windows, shaped = self._candidates(tf.reshape(draws[2:], [count, 4]), draft)
        boxes = draft.visible_boxes()
        relative = tf.cast(boxes / tf.tile(draft.canvas, [2]), tf.float32)
        good = shaped & self._satisfies(windows, relative)
        if draft.policy.low_visibility == "reject":
            good &= self._cuts_nothing_badly(windows, relative, draft)

        good = tf.reshape(good, [len(self.thresholds), self.trials])
        first = tf.argmax(good, 1) + tf.range(len(self.thresholds), dtype=tf.int64) * self.trials
        offers = tf.concat([tf.reduce_any(good, 1), [True]], 0)
        whole = tf.constant([[0.0, 0.0, 1.0, 1.0]])
        choices = tf.concat([tf.gather(windows, first), whole], 0)
        rank = tf.cumsum(tf.cast(offers, tf.int32))
        pick = tf.cast(tf.floor(draws[0] * tf.cast(rank[-1], tf.float32)), tf.int32)
        chosen = tf.searchsorted(rank, pick[None] + 1)[0]  # the offer number `pick`, counted from 0
        chosen = tf.where(happens(draws[1], self.p, draft.epoch), chosen, len(self.thresholds))

        window = _on_pixels(tf.cast(choices[chosen], tf.float64), draft.canvas)
        center = (boxes[:, :2] + boxes[:, 2:]) / 2
        if self.rule == "caffe":
            inside = (center >= window[:2]) & (center <= window[2:])
        else:
            inside = (center > window[:2]) & (center < window[2:])
        lost = (graph_boxes.area(boxes) > 0) & ~tf.reduce_all(inside, -1)
        return draft.dropped(lost & (chosen < len(self.thresholds)), "center-outside").cropped(window)

    def _candidates(self, draws: tf.Tensor, draft: Draft) -> tuple[tf.Tensor, tf.Tensor]:
        """(S, 4) windows in shares of the canvas and (S,) whether their shape is allowed."""
        if self.rule == "caffe":
            scale = between(draws[:, 0], self.scale)
            square = tf.square(scale)
            low, high = tf.maximum(self.aspect[0], square), tf.minimum(self.aspect[1], 1 / square)
            root = tf.sqrt(low + draws[:, 1] * (high - low))
            size = tf.minimum(tf.stack([scale * root, scale / root], -1), 1.0)
            shaped = tf.constant(True)
        else:
            size = between(draws[:, :2], self.scale)
            pixels = size * tf.cast(draft.canvas, tf.float32)
            aspect = pixels[:, 0] / pixels[:, 1]
            shaped = (aspect >= self.aspect[0]) & (aspect <= self.aspect[1])
        low_corner = draws[:, 2:] * (1 - size)
        return tf.concat([low_corner, low_corner + size], -1), shaped

    def _satisfies(self, windows: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        """(S,) whether any box satisfies the window's threshold; boxes without area are no objects."""
        overlap = graph_boxes.iou(windows, boxes)
        exists = (graph_boxes.area(boxes) > 0)[None]
        if self.rule == "torchvision":
            center = (boxes[None, :, :2] + boxes[None, :, 2:]) / 2
            inside = (center > windows[:, None, :2]) & (center < windows[:, None, 2:])
            exists &= tf.reduce_all(inside, -1)
        needed = tf.repeat(tf.constant(self.thresholds, tf.float32), self.trials)
        return tf.reduce_any((overlap >= needed[:, None]) & exists, 1)

    def _cuts_nothing_badly(self, windows: tf.Tensor, boxes: tf.Tensor, draft: Draft) -> tf.Tensor:
        """(S,) whether each box is outside, or has its centre inside and is visible enough, of its ORIGINAL
        area.
        """
        low = tf.maximum(windows[:, None, :2], boxes[None, :, :2])
        high = tf.minimum(windows[:, None, 2:], boxes[None, :, 2:])
        visible = tf.reduce_prod(tf.nn.relu(high - low), -1)
        whole = tf.cast(graph_boxes.area(draft.whole_boxes()) / tf.reduce_prod(draft.canvas), tf.float32)
        visibility = tf.math.divide_no_nan(visible, whole[None])
        center = (boxes[None, :, :2] + boxes[None, :, 2:]) / 2
        inside = tf.reduce_all((center >= windows[:, None, :2]) & (center <= windows[:, None, 2:]), -1)
        bad = draft.policy.partly_hidden(visibility) | ((visible > 0) & ~inside)
        return ~tf.reduce_any(bad, 1)


def _on_pixels(share: tf.Tensor, canvas: tf.Tensor) -> tf.Tensor:
    """(4,) on whole canvas pixels, at least one each way."""
    low = tf.minimum(tf.round(share[:2] * canvas), canvas - 1)
    return tf.concat([low, tf.maximum(tf.round(share[2:] * canvas), low + 1)], 0)
