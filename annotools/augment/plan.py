"""The plan: everything about one augmented image that can be decided from boxes and sizes alone.

    seed  = example_seed(user_seed, epoch, example_id)        # int64 (2,)
    plan  = plan_sample(ops, sample, seed, (300, 300), epoch=epoch, partner=partner)
    image = execute(plan)                                     # uint8 (h, w, 3)
    plan.boxes, plan.labels, ...                              # of the objects that are left

Or, where every colour op is one matrix (`is_linear(ops)`), the colour of the whole batch at once:

    image = execute(plan, color=False)
    images = color.apply_batch(images, color_matrix, color_keep)     # both from the plan, batched

The calls are made inside one function of `Dataset.map`: a Plan carries Python values beside its tensors,
so its tensors, not the Plan, are what leaves that function. Every draw is stateless (Philox), so the same
seed gives the same bytes on any thread, in any order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from annotools.augment import color, graph_boxes
from annotools.augment.augmentation import Augmentation, as_augmentation
from annotools.augment.draft import Draft, Op, intersection, select, start
from annotools.augment.ops import CenterCrop, Letterbox, Resize, check_size
from annotools.augment.policy import ALIVE, BoxPolicy, count_drops
from annotools.augment.sample import Partner, Sample
from annotools.augment.seeds import fold_in
from annotools.errors import OptionError

ResizeMode = Literal["stretch", "letterbox", "crop"]
_RESIZE: dict[str, Callable[[tuple[int, int]], Op]] = {
    "stretch": Resize,
    "letterbox": Letterbox,
    "crop": CenterCrop,
}
_NUDGE = 1e-6  # decides ties of rounding the same way on both sides of an edge that two tiles share


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Output of `plan_sample` for one image; K images in it, R objects left.

    boxes       (R, 4) float32, xyxy in pixels of the output, inside it
    labels      (R,)   difficult (R,) bool   ids (R,) int32: as in the Samples
    ignore      (R,) bool, neither object nor background (policy `low_visibility="ignore"`)
    layer       (R,) int32, which image the object is from: 0 the sample, k + 1 partner k
    weights     (R,) float32, 1 except under MixUp
    visibility  (R,) float32, visible share of the original box
    drops       (len(DROP_REASONS),) int32, objects dropped by reason
    size        (2,) int32, (h, w) of the output; `static_size` where it is known
    matrices    (K, 2, 3) float64, from pixels of each image to pixels of the output
    reads       (K, 4) int32, the window to decode, xyxy in pixels of the image divided by `ratio` (K,)
    targets     (K, 4) int32, where in the output it goes, xyxy
    shown       (K,) bool, False: not decoded at all
    color_matrix  (3, 4) float32, all colour ops as one map of RGB in [0, 255]; None where they are not linear
    color_keep    (N, 5) int32, rectangles for `color.apply_batch`; N is fixed by the ops
    """

    boxes: tf.Tensor
    labels: tf.Tensor
    difficult: tf.Tensor
    ids: tf.Tensor
    ignore: tf.Tensor
    layer: tf.Tensor
    weights: tf.Tensor
    visibility: tf.Tensor
    drops: tf.Tensor
    size: tf.Tensor
    static_size: tuple[int, int] | None
    matrices: tf.Tensor
    ratio: tf.Tensor
    reads: tf.Tensor
    targets: tf.Tensor
    shown: tf.Tensor
    erased: tf.Tensor
    color_matrix: tf.Tensor | None
    color_keep: tf.Tensor
    fill: tuple[int, int, int]
    draft: Draft

    def numbers(self) -> dict[str, tf.Tensor]:
        """The tensors that say where every pixel and every box comes from, by name."""
        names = (
            "matrices",
            "ratio",
            "reads",
            "targets",
            "shown",
            "erased",
            "size",
            "drops",
            "visibility",
            "layer",
        )
        found = {name: getattr(self, name) for name in names}
        if self.color_matrix is not None:
            found["color_matrix"] = self.color_matrix
        return found


def plan_sample(
    ops: Any,
    sample: Sample,
    seed: tf.Tensor,
    image_size: tuple[int, int] | None,
    *,
    resize: ResizeMode = "stretch",
    policy: BoxPolicy | None = None,
    epoch: tf.Tensor | int = 0,
    partner: Partner | None = None,
) -> Plan:
    """Decide everything about one augmented image.

    ops         a preset, a list of ops, one op or None
    seed        (2,) int64 from `example_seed`
    image_size  (h, w) of the output, or None to keep the size the ops give
    resize      how the picture reaches it, unless the preset says
    policy      which boxes stay, instead of the preset's
    epoch       () int64, for schedules
    partner     supplies `partners_of(ops)` other images

    Raises OptionError for options that make no sense, and InvalidArgumentError, naming the image, for boxes
    outside it.
    """
    augmentation = as_augmentation(ops, policy)
    mode = augmentation.resize or resize
    if mode not in _RESIZE:
        raise OptionError("unknown choice", field="resize", found=mode, expected=", ".join(_RESIZE))
    if image_size is not None:
        check_size(image_size, "image_size")
    draft = start(sample, policy=augmentation.policy, image_size=image_size, epoch=epoch, partner=partner)
    for index, op in enumerate(augmentation.ops):
        draft = _step(op, draft, fold_in(seed, index))
    if image_size is not None:
        draft = _RESIZE[mode](image_size)(draft, seed)
    else:
        whole = tf.maximum(tf.round(draft.canvas), 1.0)
        draft = draft.scaled(whole / draft.canvas, [0.0, 0.0], whole)
    return _finish(draft, augmentation)


def _step(op: Op, draft: Draft, seed: tf.Tensor) -> Draft:
    """`op(draft, seed)`; under `reject` the first of several draws that leaves no object half hidden, or
    none.
    """
    after = op(draft, seed)
    same_objects = len(after.sources) == len(draft.sources)
    if draft.policy.low_visibility != "reject" or after.matrices is draft.matrices or not same_objects:
        return after
    drawn = [after, *(op(draft, fold_in(seed, 7919 + n)) for n in range(1, draft.policy.attempts))]
    chosen = draft
    for candidate in reversed(drawn):
        chosen = select(_cuts_nothing_badly(candidate), candidate, chosen)
    return chosen


def _cuts_nothing_badly(draft: Draft) -> tf.Tensor:
    visibility = draft.policy.visibility(draft.visible_boxes(), draft.whole_boxes())
    return ~tf.reduce_any(draft.policy.partly_hidden(visibility) & (draft.status == ALIVE))


def _finish(draft: Draft, augmentation: Augmentation) -> Plan:
    view = draft.view()
    place = _place_turned if draft.rotated else _place_upright
    matrices, ratio, reads, targets, shown = place(draft, view)
    draft = draft.replace(matrices=matrices)
    whole, visible = _boxes(draft, view, tf.cast(targets, tf.float64), shown)
    visibility = draft.policy.visibility(visible, whole)
    status, ignore = draft.policy.judge(draft.status, visible, visibility)

    keep = tf.where(status == ALIVE)[:, 0]
    layer = tf.gather(draft.layer, keep)
    group_of_layer = tf.constant(draft.groups)
    weights = tf.gather(tf.stack(draft.blend), tf.gather(group_of_layer, layer))
    erased = _erased(draft)
    kinds = tf.concat([tf.cast(shown, tf.int32), tf.fill([tf.shape(erased)[0]], 2)], 0)
    color_keep = tf.concat([tf.concat([targets, erased], 0), kinds[:, None]], 1)
    color_keep.set_shape([len(draft.sources) + len(draft.erasures), 5])
    return Plan(
        boxes=tf.cast(tf.gather(visible, keep), tf.float32),
        labels=tf.gather(draft.labels, keep),
        difficult=tf.gather(draft.difficult, keep),
        ids=tf.gather(draft.ids, keep),
        ignore=tf.gather(ignore, keep),
        layer=layer,
        weights=weights,
        visibility=tf.cast(tf.gather(visibility, keep), tf.float32),
        drops=count_drops(status),
        size=tf.cast(draft.canvas[::-1], tf.int32),
        static_size=draft.image_size,
        matrices=matrices,
        ratio=ratio,
        reads=reads,
        targets=targets,
        shown=shown,
        erased=erased,
        color_matrix=color.one_matrix(draft.color) if color.are_linear(draft.color) else None,
        color_keep=color_keep,
        fill=augmentation.fill,
        draft=draft,
    )


def _place_upright(draft: Draft, view: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Whole pixels to read and to write, and the maps that take exactly the ones to the others.

    Rounding the windows and only then deriving the map is what keeps image and boxes together: both use the
    rounded numbers. It moves an edge by less than half a pixel of the image or of the output.
    """
    back = graph_boxes.inverse(draft.matrices)
    visible = intersection(graph_boxes.affine(_repeat(view, draft), back), draft.windows)
    target = intersection(graph_boxes.affine(visible, draft.matrices), _repeat(view, draft))
    shown = tf.reduce_all(visible[:, 2:] - visible[:, :2] > _NUDGE, -1)

    low = tf.minimum(_nearest(target[:, :2]), draft.canvas - 1)
    high = tf.minimum(tf.maximum(_nearest(target[:, 2:]), low + 1), draft.canvas)
    ratio = _dct_ratio(draft, tf.reduce_min(tf.reduce_sum(tf.abs(back[..., :2]), -1), -1))
    step = tf.cast(ratio, tf.float64)[:, None]
    size = tf.cast(draft.sizes, tf.float64)[:, ::-1]
    limit = tf.math.ceil(size / step)  # a scaled JPEG has a last pixel that is only partly inside the image
    read_low = tf.minimum(_nearest(visible[:, :2] / step), limit - 1)
    reach = tf.where(visible[:, 2:] > size - 0.5, limit, _nearest(visible[:, 2:] / step))
    read_high = tf.minimum(tf.maximum(reach, read_low + 1), limit)

    scale = (high - low)[:, :, None] / ((read_high - read_low) * step)[:, None, :]
    linear = tf.sign(draft.matrices[..., :2]) * scale
    middle = (read_low + read_high) * step / 2
    offset = (low + high) / 2 - tf.reduce_sum(linear * middle[:, None, :], -1)
    matrices = tf.concat([linear, offset[..., None]], -1)
    reads = tf.cast(tf.concat([read_low, read_high], 1), tf.int32)
    return matrices, ratio, reads, tf.cast(tf.concat([low, high], 1), tf.int32), shown


def _place_turned(draft: Draft, view: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """The window around everything that may be seen, two pixels wider; the map stays as it is."""
    back = graph_boxes.inverse(draft.matrices)
    visible = intersection(graph_boxes.affine(_repeat(view, draft), back), draft.windows)
    shown = tf.reduce_all(visible[:, 2:] - visible[:, :2] > _NUDGE, -1)
    a, b = draft.matrices[:, 0, 0], draft.matrices[:, 0, 1]
    c, d = draft.matrices[:, 1, 0], draft.matrices[:, 1, 1]
    total = a * a + b * b + c * c + d * d
    # the largest singular value: how much the map stretches the direction that it stretches most
    stretch = tf.sqrt((total + tf.sqrt(tf.maximum(total * total - 4 * (a * d - b * c) ** 2, 0.0))) / 2)
    ratio = _dct_ratio(draft, 1 / stretch)
    step = tf.cast(ratio, tf.float64)[:, None]
    limit = tf.math.ceil(tf.cast(draft.sizes, tf.float64)[:, ::-1] / step)
    low = tf.clip_by_value(tf.floor(visible[:, :2] / step) - 2, 0.0, limit - 1)
    high = tf.minimum(tf.maximum(tf.math.ceil(visible[:, 2:] / step) + 2, low + 1), limit)
    reads = tf.cast(tf.concat([low, high], 1), tf.int32)
    targets = tf.cast(_repeat(tf.concat([tf.floor(view[:2]), tf.math.ceil(view[2:])], 0), draft), tf.int32)
    return draft.matrices, ratio, reads, targets, shown


def _dct_ratio(draft: Draft, step: tf.Tensor) -> tf.Tensor:
    """(K,) int32 in 1, 2, 4, 8: how much smaller a JPEG may be decoded, `step` image pixels making an output
    pixel.
    """
    jpeg = tf.stack([is_jpeg(source) for source in draft.sources])
    steps = step[:, None] + _NUDGE >= tf.constant([2.0, 4.0, 8.0], tf.float64)
    doublings = tf.reduce_sum(tf.cast(steps, tf.int32), -1)
    return tf.where(jpeg, tf.bitwise.left_shift(1, doublings), 1)


def is_jpeg(source: tf.Tensor) -> tf.Tensor:
    """() bool; the first bytes decide, not a file's name."""
    if source.dtype != tf.string:
        return tf.constant(False)
    return tf.strings.substr(source, 0, 3) == b"\xff\xd8\xff"


def _boxes(
    draft: Draft, view: tf.Tensor, targets: tf.Tensor, shown: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """(R, 4) whole and (R, 4) visible boxes in the output; visible without area where nothing is seen."""
    whole = draft.whole_boxes()
    if not draft.rotated:
        # clipped to where the image's pixels go: never on the fill, never on another tile
        visible = graph_boxes.clip(whole, tf.gather(targets, draft.layer))
    else:
        seen = graph_boxes.clip(draft.boxes, tf.gather(draft.windows, draft.layer))
        matrix = tf.gather(draft.matrices, draft.layer)
        if draft.ellipse:
            visible = graph_boxes.clip(graph_boxes.affine(seen, matrix, shape="ellipse"), view)
        else:
            visible = graph_boxes.visible_bounds(seen, matrix, view)
    present = tf.cast(tf.gather(shown, draft.layer), tf.float64)[:, None]
    return whole, visible * present


def _erased(draft: Draft) -> tf.Tensor:
    """(E, 4) int32 rectangles to paint over in the output."""
    if not draft.erasures:
        return tf.zeros([0, 4], tf.int32)
    view = tf.concat([tf.zeros([2], tf.float64), draft.canvas], 0)
    rectangles = tf.stack([edges for edges, _, _ in draft.erasures])
    return tf.cast(_nearest(graph_boxes.clip(rectangles, view)), tf.int32)


def _repeat(rectangle: tf.Tensor, draft: Draft) -> tf.Tensor:
    return tf.tile(rectangle[None], [len(draft.sources), 1])


def _nearest(numbers: tf.Tensor) -> tf.Tensor:
    return tf.floor(numbers + (0.5 + _NUDGE))
