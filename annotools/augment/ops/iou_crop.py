"""IoUCrop: the crop of SSD, which looks at the boxes before it cuts.

All candidates of all thresholds are drawn and judged at once, so that there is no loop, no retry without end,
and the same graph for any number of boxes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.ops.arguments import check_choice, check_count, check_flag, check_range, numbers_in
from annotools.augment.ops.probability import Probability, between, check_probability, happens
from annotools.augment.plan.draft import Draft
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
    keep_one    windows without the centre of any object are no candidates: SSD's own rule loses all objects
                of one picture in ten, and shows nothing but the fill of one in fifty
    """

    thresholds: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
    scale: tuple[float, float] = (0.3, 1.0)
    aspect: tuple[float, float] = (0.5, 2.0)
    trials: int = 50
    rule: Literal["caffe", "torchvision"] = "caffe"
    p: Probability = 1.0
    keep_one: bool = False

    def __post_init__(self) -> None:
        check_probability(self.p)
        check_range(self.scale, "scale", 1e-3, 1.0)
        check_range(self.aspect, "aspect", 1e-3)
        if not numbers_in(self.thresholds):
            raise OptionError(
                "not thresholds", field="thresholds", found=self.thresholds, expected="numbers, at least one"
            )
        check_count(self.trials, "trials")
        check_choice(self.rule, "rule", ("caffe", "torchvision"))
        check_flag(self.keep_one, "keep_one")

    def __call__(self, draft: Draft, draws: tf.Tensor) -> Draft:
        rules, trials = len(self.thresholds), self.trials
        choice, coin, candidates = graph_ops.split(draws, [1, 1, 4 * rules * trials])
        windows, shaped = self._candidates(graph_ops.reshape(candidates, [-1, rules * trials, 4]), draft)
        boxes = draft.visible_boxes()
        sides = graph_ops.expand(graph_ops.concat([draft.canvas, draft.canvas]), 1)
        relative = tf.cast(boxes / sides, tf.float32)
        good = self._satisfies(windows, relative)
        if shaped is not None:
            good &= shaped
        if self.keep_one:
            good &= self._keeps_one(windows, relative, draft)
        if draft.policy.low_visibility == "reject":
            good &= self._cuts_nothing_badly(windows, relative, draft)

        good = graph_ops.reshape(good, [-1, rules, trials])
        blocks = graph_ops.constant(tuple(range(0, rules * trials, trials)))
        first = tf.argmax(tf.cast(good, tf.int32), graph_ops.constant(2), tf.int32) + blocks
        offers = tf.cast(graph_ops.some(good), tf.int32)
        rank = tf.cumsum(offers, graph_ops.constant(1))
        count = graph_ops.total(offers, keepdims=True) + graph_ops.constant(
            1
        )  # and the whole picture, the last of them
        pick = tf.cast(choice * tf.cast(count, tf.float32), tf.int32)
        chosen = graph_ops.total(tf.cast(rank <= pick, tf.int32))  # the offer number `pick`, counted from 0
        crops = happens(tf.squeeze(coin, 1), self.p, draft.epoch) & (chosen < graph_ops.constant(rules))
        crops = graph_ops.expand(crops)

        offered = graph_ops.gather(windows, first, axis=1, batch_dims=1)
        last = tf.minimum(chosen, graph_ops.constant(rules - 1))
        share = graph_ops.gather(offered, last, axis=1, batch_dims=1)
        share = tf.where(crops, share, graph_ops.constant((0.0, 0.0, 1.0, 1.0), tf.float32))
        window = _on_pixels(tf.cast(share, tf.float64), draft.canvas)
        inside = self._center_inside(boxes, graph_ops.expand(window, 1))
        area = graph_boxes.area(boxes)
        lost = (area > graph_ops.like(0.0, area)) & ~inside & crops
        return draft.dropped(lost, "center-outside").cropped(window)

    @property
    def draws(self) -> int:
        return 4 * len(self.thresholds) * self.trials + 2

    def _candidates(self, draws: tf.Tensor, draft: Draft) -> tuple[tf.Tensor, tf.Tensor | None]:
        """(B, S, 4) windows in shares of the canvas and (B, S) whether their shape is allowed (None: all)."""
        shaped = None
        first, second, *places = tf.unstack(draws, num=4, axis=-1)
        if self.rule == "caffe":
            scale = between(first, self.scale)
            square = tf.square(scale)
            one, least, most = (graph_ops.like(number, square) for number in (1.0, *self.aspect))
            low, high = tf.maximum(least, square), tf.minimum(most, one / square)
            root = tf.sqrt(low + second * (high - low))
            size = tf.minimum(tf.stack([scale * root, scale / root], -1), one)
        else:
            size = between(tf.stack([first, second], -1), self.scale)
            pixels = size * graph_ops.expand(tf.cast(draft.canvas, tf.float32), 1)
            aspect = pixels[..., 0] / pixels[..., 1]
            shaped = (aspect >= self.aspect[0]) & (aspect <= self.aspect[1])
        low_corner = tf.stack(places, -1) * (graph_ops.like(1.0, size) - size)
        return graph_ops.concat([low_corner, low_corner + size]), shaped

    def _satisfies(self, windows: tf.Tensor, boxes: tf.Tensor) -> tf.Tensor:
        """(B, S) whether any box satisfies the window's threshold; boxes without area are no objects."""
        overlap = graph_boxes.iou(windows, boxes)
        exists = graph_ops.expand(graph_boxes.area(boxes) > graph_ops.constant(0.0, tf.float32), 1)
        if self.rule == "torchvision":
            exists &= self._center_inside(graph_ops.expand(boxes, 1), graph_ops.expand(windows, 2))
        needed = tuple((float(threshold),) for threshold in self.thresholds for _ in range(self.trials))
        return graph_ops.some((overlap >= graph_ops.constant(needed, tf.float32)) & exists)

    def _keeps_one(self, windows: tf.Tensor, boxes: tf.Tensor, draft: Draft) -> tf.Tensor:
        """(B, S) whether any object has its centre in the window, also after that is rounded to pixels."""
        pixel = graph_ops.expand(tf.cast(1.0 / draft.canvas, tf.float32), 1)
        low, high = graph_boxes.halves(windows)
        inner = graph_ops.concat([low + pixel, high - pixel])
        inside = self._center_inside(graph_ops.expand(boxes, 1), graph_ops.expand(inner, 2))
        exists = graph_ops.expand(graph_boxes.area(boxes) > graph_ops.constant(0.0, tf.float32), 1)
        return graph_ops.some(inside & exists)

    def _center_inside(self, boxes: tf.Tensor, windows: tf.Tensor) -> tf.Tensor:
        low_corner, high_corner = graph_boxes.halves(boxes)
        center = (low_corner + high_corner) / graph_ops.like(2.0, low_corner)
        low, high = graph_boxes.halves(windows)
        if self.rule == "caffe":
            inside = (center >= low) & (center <= high)
        else:
            inside = (center > low) & (center < high)
        return graph_ops.every(inside)

    def _cuts_nothing_badly(self, windows: tf.Tensor, boxes: tf.Tensor, draft: Draft) -> tf.Tensor:
        """(B, S) whether each box is outside, or has its centre inside and is visible enough, of its ORIGINAL
        area."""
        visible = graph_boxes.intersection_area(windows, boxes)
        whole = graph_boxes.area(draft.whole_boxes()) / graph_ops.expand(draft.width * draft.height)
        visibility = tf.math.divide_no_nan(visible, graph_ops.expand(tf.cast(whole, tf.float32), 1))
        inside = self._center_inside(graph_ops.expand(boxes, 1), graph_ops.expand(windows, 2))
        bad = draft.policy.partly_hidden(visibility) | ((visible > 0) & ~inside)
        return ~graph_ops.some(bad)


def _on_pixels(share: tf.Tensor, canvas: tf.Tensor) -> tf.Tensor:
    """(B, 4) on whole canvas pixels, at least one each way."""
    first, second = graph_boxes.halves(share)
    one = graph_ops.like(1.0, canvas)
    low = tf.minimum(tf.round(first * canvas), canvas - one)
    return graph_ops.concat([low, tf.maximum(tf.round(second * canvas), low + one)])
