"""Which objects are left in a picture, and why the others are not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.errors import OptionError

DROP_REASONS = (
    "degenerate",  # no area to begin with
    "center-outside",  # IoUCrop: the centre of the box is outside the crop
    "outside",  # nothing of the box is in the picture
    "low-visibility",  # less than min_visibility of the original box is left
    "too-small",  # a side is shorter than min_size in the output
    "too-long",  # one side is more than max_aspect times the other
    "erased",  # covered by an erased rectangle
)
ALIVE = 0
ABSENT = -1  # no object: a padding row, or one of a partner image that was not used; neither kept nor dropped
TOLERANCE = 1e-6  # so that an untouched box has a visibility of 1 whatever the rounding


def code(reason: str) -> int:
    """The status of an object that was dropped for `reason`; 0 is alive."""
    return DROP_REASONS.index(reason) + 1


@dataclass(frozen=True, slots=True)
class BoxPolicy:
    """Applied once, to the finished picture.

    min_visibility  visible share of the ORIGINAL box, however many steps cut it: two crops that leave 0.6
                    each leave 0.36
    min_size        of both sides, in output pixels
    min_area        of the box, in square pixels of the output
    max_aspect      longer side over shorter side, None for no limit
    low_visibility  what becomes of a box below min_visibility: `drop` it, keep it but mark it `ignore`
                    (neither object nor background: a half-seen object is a bad negative), or `reject` the
                    step that cut it and draw again
    attempts        draws of a step under `reject` before the step is left out
    by_class        policies for some classes, {"text": BoxPolicy(min_size=8)}, each in place of this one.
                    Names are known in a data set; else labels. They may drop and ignore, not reject
    """

    min_visibility: float = 0.0
    min_size: float = 1.0
    max_aspect: float | None = None
    low_visibility: Literal["drop", "ignore", "reject"] = "drop"
    attempts: int = 4
    min_area: float = 0.0
    by_class: tuple[tuple[str | int, BoxPolicy], ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.min_visibility <= 1:
            raise OptionError(
                "out of range", field="min_visibility", found=self.min_visibility, expected="0 to 1"
            )
        if self.low_visibility not in ("drop", "ignore", "reject"):
            raise OptionError(
                "unknown choice",
                field="low_visibility",
                found=self.low_visibility,
                expected="drop, ignore, reject",
            )
        for field in ("min_size", "min_area"):
            if getattr(self, field) < 0:
                found = getattr(self, field)
                raise OptionError("out of range", field=field, found=found, expected="0 or more")
        object.__setattr__(self, "by_class", _pairs(self.by_class))

    def visibility(self, visible: tf.Tensor, whole: tf.Tensor) -> tf.Tensor:
        """(..., R) share of each whole box that the visible box (both (..., R, 4)) still covers."""
        return tf.minimum(
            tf.math.divide_no_nan(graph_boxes.area(visible), graph_boxes.area(whole)),
            graph_ops.like(1.0, visible),
        )

    def judge(
        self, status: tf.Tensor, visible: tf.Tensor, visibility: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Final status (R,) int32 and the ignore flags (R,) bool; the first reason that applies is the one
        counted.
        """
        low_corner, high_corner = graph_boxes.halves(visible)
        sides = high_corner - low_corner
        width, height = tf.unstack(sides, num=2, axis=-1)
        shorter, longer = tf.minimum(width, height), tf.maximum(width, height)
        low = visibility < graph_ops.like(self.min_visibility - TOLERANCE, visibility)
        ignored = low if self.low_visibility == "ignore" else graph_ops.zeros(low)
        checks = [("outside", shorter <= graph_ops.like(0.0, shorter))]
        if self.low_visibility != "ignore":
            checks.append(("low-visibility", low))
        checks.append(("too-small", shorter < graph_ops.like(self.min_size - TOLERANCE, shorter)))
        if self.min_area > 0:
            checks.append(("too-small", width * height < self.min_area - TOLERANCE))
        if self.max_aspect is not None:
            checks.append(("too-long", longer > shorter * self.max_aspect))
        for reason, applies in checks:
            status = graph_ops.choose((status == graph_ops.constant(ALIVE)) & applies, code(reason), status)
        return status, ignored

    def partly_hidden(self, visibility: tf.Tensor) -> tf.Tensor:
        """bool like `visibility`: neither gone nor visible enough, which `reject` does not accept."""
        return (visibility > TOLERANCE) & (visibility < self.min_visibility - TOLERANCE)


def _pairs(by_class: object) -> tuple[tuple[str | int, BoxPolicy], ...]:
    """Policies by class from a dictionary or from pairs."""
    given = by_class.items() if isinstance(by_class, dict) else by_class
    pairs = [tuple(pair) for pair in given] if isinstance(given, Iterable) else [()]
    for pair in pairs:
        is_pair = len(pair) == 2 and isinstance(pair[0], (str, int)) and isinstance(pair[1], BoxPolicy)
        if not is_pair or pair[1].by_class or pair[1].low_visibility == "reject":
            expected = "{class: BoxPolicy(...)}, without reject and by_class"
            raise OptionError("not policies by class", field="by_class", found=by_class, expected=expected)
    return tuple(pairs)


def count_drops(status: tf.Tensor) -> tf.Tensor:
    """(..., len(DROP_REASONS)) int32 from the status (..., R)."""
    reasons = graph_ops.constant(tuple(range(1, len(DROP_REASONS) + 1)))
    return graph_ops.total(tf.cast(graph_ops.expand(status) == reasons, tf.int32), -2)
