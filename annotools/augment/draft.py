"""The draft: what the ops write on. Each op takes a Draft and a seed and returns a Draft; no pixel is
touched.

Geometry is one affine map for each image, from its own pixels to the picture so far (the canvas). Boxes stay
in the pixels of their image until the end, so ten ops in a row still tighten, round and clip each box once.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import tensorflow as tf

from annotools.augment import graph_boxes
from annotools.augment.policy import ALIVE, BoxPolicy, code
from annotools.augment.sample import Partner, Sample
from annotools.boxes import Shape
from annotools.errors import OptionError

if TYPE_CHECKING:
    from annotools.augment.color import Step

EVERYWHERE = (-1e9, -1e9, 1e9, 1e9)
BOX_SLACK = 1.0  # pixels a box may stick out of its image before it is an error and not rounding


class Op(Protocol):
    """An augmentation step, also one of your own: any callable that takes a Draft and a seed (2,) int64."""

    def __call__(self, draft: Draft, seed: tf.Tensor, /) -> Draft: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The picture so far: K images (1 without Mosaic and MixUp), R objects. Numbers of geometry are float64.

    sources     K tensors as `Sample.encoded`
    groups      K ints: images of one group tile the canvas, the groups are blended
    blend       one () float32 weight for each group
    sizes       (K, 2) int32, (H, W)
    matrices    (K, 2, 3), from pixels of the image to pixels of the canvas
    windows     (K, 4), the part of each image that may be seen, xyxy in its own pixels
    canvas      (2,), width and height of the picture so far
    frame       (4,), the part of the canvas that earlier crops left
    boxes       (R, 4) in pixels of their own image; `layer` (R,) int32 says which image that is
    status      (R,) int32, 0 alive, else see policy.py
    erasures    rectangles to paint over at the end
    color       the colour steps, applied after the resize in this order
    retouches   functions of the user on the finished pixels, with their seeds
    epoch       () int64; image_size (H, W) of the output, where it is known
    rotated     whether a map may turn by anything but right angles; transposes, mirrors: whether it may swap
                or reverse axes; cut: whether frame or windows hide anything; framed: whether the frame does;
                ellipse: how rotated boxes are bounded
    """

    sources: tuple[tf.Tensor, ...]
    sizes: tf.Tensor
    matrices: tf.Tensor
    windows: tf.Tensor
    canvas: tf.Tensor
    frame: tf.Tensor
    boxes: tf.Tensor
    layer: tf.Tensor
    labels: tf.Tensor
    difficult: tf.Tensor
    ids: tf.Tensor
    status: tf.Tensor
    epoch: tf.Tensor
    name: tf.Tensor
    policy: BoxPolicy
    image_size: tuple[int, int] | None = None
    partner: Partner | None = None
    partners_used: int = 0
    groups: tuple[int, ...] = (0,)
    blend: tuple[tf.Tensor, ...] = ()
    erasures: tuple[tuple[tf.Tensor, tf.Tensor, tuple[int, int, int] | None], ...] = ()
    color: tuple[Step, ...] = ()
    retouches: tuple[tuple[Callable[[tf.Tensor, tf.Tensor], tf.Tensor], tf.Tensor], ...] = ()
    rotated: bool = False
    transposes: bool = False
    mirrors: bool = False
    cut: bool = False
    framed: bool = False
    ellipse: bool = False

    def replace(self, **changes: object) -> Draft:
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    @property
    def width(self) -> tf.Tensor:
        return self.canvas[0]

    @property
    def height(self) -> tf.Tensor:
        return self.canvas[1]

    # ----- geometry -----

    def scaled(
        self, scale: Sequence[object] | tf.Tensor, offset: Sequence[object] | tf.Tensor, canvas: object = None
    ) -> Draft:
        """x' = scale x + offset; `scale` and `offset` are (x, y) pairs, and negative scales mirror."""
        factor, shift = _pair(scale), _pair(offset)
        moved = tf.concat([tf.zeros([2, 2], tf.float64), shift[:, None]], 1)

        def rectangle(edges: tf.Tensor) -> tf.Tensor:
            first, second = edges[:2] * factor + shift, edges[2:] * factor + shift
            return tf.concat([tf.minimum(first, second), tf.maximum(first, second)], 0)

        return self.replace(
            matrices=self.matrices * factor[:, None] + moved,
            frame=rectangle(self.frame) if self.framed else self.frame,
            erasures=tuple((rectangle(edges), seed, fill) for edges, seed, fill in self.erasures),
            canvas=self.canvas if canvas is None else _pair(canvas),
        )

    def transformed(
        self, linear: tf.Tensor, offset: tf.Tensor, canvas: object = None, *, right_angles: bool = False
    ) -> Draft:
        """x' = linear x + offset, (2, 2) and (2,). `right_angles` promises that `linear` only scales, swaps
        and mirrors.
        """
        draft = self if right_angles else self.sealed()
        matrix = tf.concat([linear, offset[:, None]], 1)

        def rectangle(edges: tf.Tensor) -> tf.Tensor:
            return graph_boxes.affine(edges[None], matrix)[0]

        return draft.replace(
            matrices=graph_boxes.compose(linear, offset, draft.matrices),
            frame=rectangle(draft.frame) if draft.framed else draft.frame,
            erasures=tuple((rectangle(edges), seed, fill) for edges, seed, fill in draft.erasures),
            canvas=draft.canvas if canvas is None else _pair(canvas),
            rotated=draft.rotated or not right_angles,
            transposes=draft.transposes or right_angles,
            mirrors=True,
        )

    def cropped(self, window: tf.Tensor) -> Draft:
        """The canvas becomes `window` (4,) of the old one; nothing outside it is seen again, even if the
        canvas grows.
        """
        size = window[2:] - window[:2]
        inside = tf.concat([tf.zeros([2], tf.float64), size], 0)
        moved = self.replace(cut=True, framed=True).scaled([1.0, 1.0], -window[:2], size)
        return moved.replace(frame=graph_boxes.clip(moved.frame[None], inside)[0])

    def sealed(self) -> Draft:
        """Write the frame into the images' windows, for steps after which it would no longer be upright."""
        if not self.framed:
            return self
        if self.rotated:
            raise OptionError(
                "a rotation, a crop and again a rotation cannot be one affine map with one upright window",
                field="ops",
                expected="rotations before the first crop, or after it, not both",
            )
        frames = tf.tile(self.frame[None], [len(self.sources), 1])
        back = graph_boxes.affine(frames, graph_boxes.inverse(self.matrices))
        return self.replace(
            windows=intersection(self.windows, back),
            frame=tf.constant(EVERYWHERE, tf.float64),
            framed=False,
        )

    def view(self) -> tf.Tensor:
        """(4,), the part of the canvas in which images can be seen."""
        whole = tf.concat([tf.zeros([2], tf.float64), self.canvas], 0)
        return graph_boxes.clip(whole[None], self.frame)[0] if self.framed else whole

    # ----- objects -----

    def whole_boxes(self) -> tf.Tensor:
        """(R, 4) float64 on the canvas, as if nothing had been cut off."""
        return graph_boxes.affine(self.boxes, self._matrix_of_boxes(), shape=self._shape)

    def visible_boxes(self) -> tf.Tensor:
        """(R, 4) float64 on the canvas, cut to what can be seen of it; without area for objects that are
        gone.
        """
        boxes = self.boxes
        if self.cut:
            boxes = graph_boxes.clip(boxes, tf.gather(self.windows, self.layer))
        seen = graph_boxes.affine(boxes, self._matrix_of_boxes(), shape=self._shape)
        alive = tf.cast(self.status == ALIVE, tf.float64)
        return graph_boxes.clip(seen, self.view()) * alive[:, None]

    def dropped(self, which: tf.Tensor, reason: str) -> Draft:
        """Take the objects `which` (R,) bool out; those already gone keep their first reason."""
        gone = (self.status == ALIVE) & which
        return self.replace(status=tf.where(gone, code(reason), self.status))

    @property
    def _shape(self) -> Shape:
        return "ellipse" if self.ellipse and self.rotated else "corner"

    def _matrix_of_boxes(self) -> tf.Tensor:
        return self.matrices[0] if len(self.sources) == 1 else tf.gather(self.matrices, self.layer)


def start(
    sample: Sample,
    *,
    policy: BoxPolicy,
    image_size: tuple[int, int] | None,
    epoch: tf.Tensor | int,
    partner: Partner | None,
) -> Draft:
    """The draft of an untouched image. Boxes are cut to it; those without area are dropped as degenerate.

    A box that sticks out by more than a pixel, or is not finite, raises InvalidArgumentError with the image's
    name.
    """
    size = tf.cast(sample.size, tf.float64)[::-1]
    image = tf.concat([tf.zeros([2], tf.float64), size], 0)
    given = tf.cast(sample.boxes, tf.float64)
    boxes = graph_boxes.clip(given, image)
    # NaN fails the comparison too
    in_range = tf.reduce_all(tf.abs(given - boxes) <= BOX_SLACK)
    tf.debugging.Assert(
        in_range, ["boxes outside the image (expected xyxy pixels)", sample.name, sample.size, sample.boxes]
    )
    count = tf.shape(boxes)[0]
    return Draft(
        sources=(sample.encoded,),
        sizes=tf.cast(sample.size, tf.int32)[None],
        matrices=tf.eye(2, 3, dtype=tf.float64)[None],
        windows=image[None],
        canvas=size,
        frame=tf.constant(EVERYWHERE, tf.float64),
        boxes=boxes,
        layer=tf.zeros([count], tf.int32),
        labels=sample.labels,
        difficult=sample.difficult,
        ids=sample.ids,
        status=tf.where(graph_boxes.area(boxes) > 0, ALIVE, code("degenerate")),
        epoch=tf.cast(epoch, tf.int64),
        name=sample.name,
        policy=policy,
        image_size=image_size,
        partner=partner,
        blend=(tf.ones([]),),
    )


def joined(draft: Draft, other: Draft, *, group: int, blend: tuple[tf.Tensor, ...]) -> Draft:
    """Both pictures' images and objects on the canvas of `draft`."""
    fields = ("sizes", "matrices", "windows", "boxes", "labels", "difficult", "ids", "status")
    together = {name: tf.concat([getattr(draft, name), getattr(other, name)], 0) for name in fields}
    return draft.replace(
        **together,
        layer=tf.concat([draft.layer, other.layer + len(draft.sources)], 0),
        sources=draft.sources + other.sources,
        groups=draft.groups + (group,) * len(other.sources),
        blend=blend,
        cut=True,
    )


def select(condition: tf.Tensor, draft: Draft, otherwise: Draft) -> Draft:
    """`draft` where the () bool is true. Both must hold the same images and objects."""
    fields = ("matrices", "windows", "canvas", "frame", "status")
    chosen = {name: tf.where(condition, getattr(draft, name), getattr(otherwise, name)) for name in fields}
    missing = [(edges * 0.0, seed, fill) for edges, seed, fill in draft.erasures[len(otherwise.erasures) :]]
    erasures = tuple(
        (tf.where(condition, new[0], old[0]), new[1], new[2])
        for new, old in zip(draft.erasures, [*otherwise.erasures, *missing], strict=True)
    )
    return draft.replace(**chosen, erasures=erasures)


def _pair(value: object) -> tf.Tensor:
    if isinstance(value, (list, tuple)):
        return tf.stack([_float64(number) for number in value])
    return tf.cast(value, tf.float64)


def _float64(number: object) -> tf.Tensor:
    # tf.cast would go through float32 for a Python number
    return (
        tf.constant(number, tf.float64) if isinstance(number, (int, float)) else tf.cast(number, tf.float64)
    )


def intersection(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """(K, 4) rectangles common to both; without area where there is none."""
    low = tf.maximum(first[:, :2], second[:, :2])
    return tf.concat([low, tf.maximum(tf.minimum(first[:, 2:], second[:, 2:]), low)], 1)
