"""The draft: what the ops write on. Each op takes a Draft and random numbers and returns a Draft; no pixel is
touched.

Geometry is one affine map for each image, from its own pixels to the picture so far (the canvas). Boxes stay
in the pixels of their image until the end, so ten ops in a row still tighten, round and clip each box once.

Everything has B in front, the pictures of a batch: a graph of small operations costs as much for one as for
32, and for one it costs as much as decoding a JPEG.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops, homographies
from annotools.augment.plan.box_policy import ALIVE, BoxPolicy, code
from annotools.augment.plan.color_steps import Step
from annotools.augment.plan.kind import Color, ColorFunction, ColorStep, Kind, OnPicture, PixelFunction
from annotools.augment.plan.sample import Sample
from annotools.boxes import Shape
from annotools.errors import OptionError

EVERYWHERE = (-1e9, -1e9, 1e9, 1e9)

Op = Callable[["Draft", tf.Tensor], "Draft"]
"""An augmentation step, also one of your own: a callable of a Draft and of uniform numbers (B, n) float32 in
[0, 1), n being its attribute `draws` (DEFAULT_DRAWS without one)."""
DEFAULT_DRAWS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The pictures so far: B of them, of K images each (1 without Mosaic and MixUp), with R rows for objects.

    kind        what is known of the pictures without a tensor; `colored`, `erased` and `finished` add to it
    sources     K tensors: what `Sample.encoded` was
    sizes       (B, K, 2) int32, (H, W)
    jpeg        (B, K) bool
    matrices    (B, K, 2, 3), from pixels of the image to pixels of the canvas. Geometry is float64
    windows     (B, K, 4), the part of each image that may be seen, xyxy in its own pixels
    canvas      (B, 2), width and height of the picture so far
    warp        (B, 3, 3) from there to the canvas, behind a Perspective; None: `matrices` are the whole map
    frame       (B, 4), the part of the canvas that earlier crops left
    boxes       (B, R, 4) in pixels of their own image; `layer` (R,) int32 says which image that is
    status      (B, R) int32, 0 alive, else see box_policy.py
    blend       one (B,) float32 weight for each group of images
    erasures    (B, 4) rectangles of the canvas to paint over at the end
    color       the colour steps, applied after the resize in this order
    epoch       (B,) or () int64
    partners    the samples of the other images that no op has used yet
    op_number   which op is at work, counted from 0
    cut         whether frame or windows hide anything; framed: whether the frame does; ellipse: how rotated
                boxes are bounded
    """

    kind: Kind
    sources: tuple[tf.Tensor, ...]
    sizes: tf.Tensor
    jpeg: tf.Tensor
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
    policy: BoxPolicy
    warp: tf.Tensor | None = None
    partners: tuple[Sample, ...] = ()
    blend: tuple[tf.Tensor, ...] = ()
    erasures: tuple[tf.Tensor, ...] = ()
    color: tuple[Step, ...] = ()
    op_number: int = 0
    cut: bool = False
    framed: bool = False
    ellipse: bool = False

    def replace(self, **changes: object) -> Draft:
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]

    def of_kind(self, **changes: object) -> Draft:
        """The draft with these fields of its kind changed."""
        return self.replace(kind=dataclasses.replace(self.kind, **changes))  # type: ignore[arg-type]

    @property
    def image_size(self) -> tuple[int, int] | None:
        """(H, W) of the output, where it is known."""
        return self.kind.size

    @property
    def groups(self) -> tuple[int, ...]:
        """K ints: images of one group tile the canvas, the groups are blended."""
        return self.kind.groups

    @property
    def width(self) -> tf.Tensor:
        return tf.unstack(self.canvas, num=2, axis=1)[0]

    @property
    def height(self) -> tf.Tensor:
        return tf.unstack(self.canvas, num=2, axis=1)[1]

    # ----- geometry -----

    def scaled(
        self, scale: Sequence[object] | tf.Tensor, offset: Sequence[object] | tf.Tensor, canvas: object = None
    ) -> Draft:
        """x' = scale x + offset; each a pair (x, y) of numbers or (B,), or a tensor (B, 2). Negative scales
        mirror.
        """
        factor, shift = self._pair(scale), self._pair(offset)
        only_shifts = isinstance(scale, (list, tuple)) and all(isinstance(n, float) and n == 1 for n in scale)

        def rectangle(edges: tf.Tensor) -> tf.Tensor:
            low, high = graph_boxes.halves(edges)
            if only_shifts:
                return graph_ops.concat([low + shift, high + shift])
            first, second = low * factor + shift, high * factor + shift
            return graph_ops.concat([tf.minimum(first, second), tf.maximum(first, second)])

        if self.warp is not None:
            zero = tf.zeros_like(factor * shift)
            linear = tf.linalg.diag(factor + zero)
            return self._behind_warp(tf.concat([linear, (shift + zero)[..., None]], -1), rectangle, canvas)
        moved = self.matrices if only_shifts else self.matrices * graph_ops.reshape(factor, [-1, 1, 2, 1])
        return self.replace(
            matrices=moved
            + graph_ops.reshape(shift, [-1, 1, 2, 1]) * graph_ops.constant((0, 0, 1), tf.float64),
            frame=rectangle(self.frame) if self.framed else self.frame,
            erasures=tuple(rectangle(edges) for edges in self.erasures),
            canvas=self.canvas if canvas is None else self._pair(canvas),
        )

    def transformed(
        self, linear: tf.Tensor, offset: tf.Tensor, canvas: object = None, *, right_angles: bool = False
    ) -> Draft:
        """x' = linear x + offset, (B, 2, 2) and (B, 2).

        right_angles promises that `linear` only scales, swaps and mirrors: pixels are then read a faster way.
        """
        draft = self if right_angles else self.sealed()
        matrix = graph_ops.concat([linear, graph_ops.expand(offset)])

        def rectangle(edges: tf.Tensor) -> tf.Tensor:
            return graph_boxes.affine(edges, matrix)

        if draft.warp is not None:
            return draft._behind_warp(matrix, rectangle, canvas)
        turned = draft.kind.turned or not right_angles
        return draft.of_kind(turned=turned).replace(
            matrices=graph_boxes.compose(
                graph_ops.expand(linear, 1), graph_ops.expand(offset, 1), draft.matrices
            ),
            frame=rectangle(draft.frame) if draft.framed else draft.frame,
            erasures=tuple(rectangle(edges) for edges in draft.erasures),
            canvas=draft.canvas if canvas is None else self._pair(canvas),
        )

    def warped(self, homography: tf.Tensor) -> Draft:
        """The canvas under (B, 3, 3), which must keep all of it in front. What is outside is not seen again.
        A rotation may follow, but not precede it."""
        if self.kind.turned:
            problem = "a perspective comes before rotations, and once"
            raise OptionError(problem, field="ops", expected="Perspective before Rotate and Shear")
        draft = self.cropped(at_origin(self.canvas)).sealed()

        def rectangle(edges: tf.Tensor) -> tf.Tensor:
            return homographies.bounds(edges, homography)

        return draft.of_kind(turned=True).replace(
            warp=homography, erasures=tuple(rectangle(edges) for edges in draft.erasures)
        )

    def _behind_warp(
        self, matrix: tf.Tensor, rectangle: Callable[[tf.Tensor], tf.Tensor], canvas: object
    ) -> Draft:
        return self.replace(
            warp=homographies.product(homographies.lifted(matrix), self.warp),
            frame=rectangle(self.frame) if self.framed else self.frame,
            erasures=tuple(rectangle(edges) for edges in self.erasures),
            canvas=self.canvas if canvas is None else self._pair(canvas),
        )

    def cropped(self, window: tf.Tensor) -> Draft:
        """The canvas becomes `window` (B, 4) of the old one; nothing outside it is seen again, even if the
        canvas grows."""
        low, high = graph_boxes.halves(window)
        size = high - low
        moved = self.replace(cut=True, framed=True).scaled([1.0, 1.0], -low, size)
        return moved.replace(frame=graph_boxes.clip(moved.frame, at_origin(size)))

    def sealed(self) -> Draft:
        """Write the frame into the images' windows, for steps after which it would no longer be upright."""
        if not self.framed:
            return self
        if self.kind.turned:
            raise OptionError(
                "a rotation, a crop and again a rotation cannot be one affine map with one upright window",
                field="ops",
                expected="rotations before the first crop, or after it, not both",
            )
        back = graph_boxes.affine(graph_ops.expand(self.frame, 1), graph_boxes.inverse(self.matrices))
        return self.replace(
            windows=graph_boxes.intersection(self.windows, back),
            frame=graph_ops.zeros(self.frame) + graph_ops.constant(EVERYWHERE, tf.float64),
            framed=False,
        )

    def view(self) -> tf.Tensor:
        """(B, 4), the part of the canvas in which images can be seen."""
        whole = at_origin(self.canvas)
        return graph_boxes.clip(whole, self.frame) if self.framed else whole

    # ----- colour and pixels -----

    def colored(
        self, numbers: tf.Tensor, function: ColorFunction | None = None, *, on: tf.Tensor | None = None
    ) -> Draft:
        """Note a colour step for the pixels of each image, after the resize; the fill keeps its colour.
        Behind `finished` it is for the whole picture.

        numbers   (B, 3, 4) float32, an affine map of RGB in [0, 255]; or (B, n) for `function`
        function  of (pixels (h, w, 3) float32 in [0, 255], the n numbers of one picture) -> such pixels
        on        (B,) bool, False where the step changes nothing, so that it can be skipped
        """
        return self._with_step(numbers, function, on)

    def erased(self, rectangles: tf.Tensor, fill: Color | None, max_cover: float = 1.0) -> Draft:
        """Note N rectangles (B, N, 4) float64 of the canvas, which are painted over at the end.

        fill       RGB, None: noise
        max_cover  an object of which all rectangles together cover at least this share is dropped as "erased"
        """
        boxes = self.visible_boxes()
        covered = tf.reduce_sum(graph_boxes.intersection_area(boxes, rectangles), 2)
        area = graph_boxes.area(boxes)
        count = rectangles.shape[1]
        left = self.dropped((area > 0) & (covered >= max_cover * area), "erased")
        fills = (*self.kind.fills, *[fill] * count)
        places = (*self.kind.fills_at, *[len(self.color)] * count)
        return left.of_kind(fills=fills, fills_at=places).replace(
            erasures=(*self.erasures, *tf.unstack(rectangles, num=count, axis=1))
        )

    def finished(self, function: PixelFunction) -> Draft:
        """Note a function of (the picture (h, w, 3) uint8, a seed (2,) int64) -> such a picture. It sees all
        geometry, and of colours and erasures those that were noted before it."""
        before = [step for step in self.kind.colors if isinstance(step, OnPicture)]
        again = sum(step.stream[0] == self.op_number for step in before)
        stream = (self.op_number, again) if again else (self.op_number,)
        return self._with_step(tf.zeros_like(self.canvas[:, :1]), OnPicture(function, stream), None)

    def _with_step(self, numbers: tf.Tensor, function: ColorStep, on: tf.Tensor | None) -> Draft:
        step = Step(tf.cast(numbers, tf.float32), on)
        return self.of_kind(colors=(*self.kind.colors, function)).replace(color=(*self.color, step))

    # ----- objects -----

    def whole_boxes(self) -> tf.Tensor:
        """(B, R, 4) float64 on the canvas, as if nothing had been cut off."""
        return self._on_canvas(self.boxes)

    def visible_boxes(self) -> tf.Tensor:
        """(B, R, 4) float64 on the canvas, cut to what can be seen; without area for those that are gone."""
        boxes = self.boxes
        if self.cut:
            boxes = graph_boxes.clip(boxes, self.of_layer(self.windows))
        seen = self._on_canvas(boxes)
        alive = tf.cast(self.is_alive, tf.float64)
        if self.cut and self.kind.turned:  # a box that is cut off is a line, which has an extent when slanted
            alive *= tf.cast(graph_boxes.area(boxes) > 0, tf.float64)
        return graph_boxes.clip(seen, graph_ops.expand(self.view(), 1)) * graph_ops.expand(alive)

    def _on_canvas(self, boxes: tf.Tensor) -> tf.Tensor:
        """(B, R, 4) in pixels of their own images -> the upright boxes around them on the canvas."""
        if self.warp is None:
            return graph_boxes.affine(boxes, self.box_matrices(), shape=self.shape)
        return homographies.bounds(boxes, self.box_homographies())

    def box_homographies(self) -> tf.Tensor:
        """(B, R or 1, 3, 3), the whole map of each object's image, where there is a warp."""
        warp = tf.expand_dims(self.warp, 1)
        return homographies.product(warp, homographies.lifted(self.box_matrices()))

    def dropped(self, which: tf.Tensor, reason: str) -> Draft:
        """Take the objects `which` (B, R) bool out; those already gone keep their first reason."""
        gone = self.is_alive & which
        return self.replace(status=graph_ops.choose(gone, code(reason), self.status))

    def has_label(self, labels: tf.Tensor, classes: Sequence[str | int]) -> tf.Tensor:
        """bool like `labels` (B, R): whether it is one of the classes, names or labels."""
        found = tf.zeros_like(labels, tf.bool)
        for name in classes:
            found |= labels == self.kind.label_of(name)
        return found

    @property
    def is_alive(self) -> tf.Tensor:
        """(B, R) bool"""
        return self.status == graph_ops.constant(ALIVE)

    @property
    def shape(self) -> Shape:
        return "ellipse" if self.ellipse and self.kind.turned else "corner"

    def box_matrices(self) -> tf.Tensor:
        """(B, R or 1, 2, 3), the map of each object's image."""
        return self.of_layer(self.matrices)

    def of_layer(self, values: tf.Tensor) -> tf.Tensor:
        """(B, K, ...) -> (B, R or 1, ...): for each object the value of its image."""
        return values if len(self.groups) == 1 else tf.gather(values, self.layer, axis=1)

    def _pair(self, value: object) -> tf.Tensor:
        """(B, 2) or (1, 2) float64."""
        if not isinstance(value, (list, tuple)):
            return tf.cast(value, tf.float64)
        if all(isinstance(number, (int, float)) for number in value):
            return graph_ops.constant((tuple(float(number) for number in value),), tf.float64)
        # through a constant, because tf.cast would make a float32 of a Python number first
        like = graph_ops.zeros(self.width)
        return tf.stack(
            [
                like
                + (
                    graph_ops.constant(float(n), tf.float64)
                    if isinstance(n, (int, float))
                    else tf.cast(n, tf.float64)
                )
                for n in value
            ],
            -1,
        )


def at_origin(size: tf.Tensor) -> tf.Tensor:
    """(B, 2) -> (B, 4), the rectangle from 0, 0 to `size`."""
    return graph_ops.concat([graph_ops.zeros(size), size])
