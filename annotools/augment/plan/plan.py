"""The plan: everything about augmented images that can be decided from boxes and sizes alone.

    augmenter = Augmenter(ops, image_size=(300, 300))

    draws = augmenter.draw(example_seed(user_seed, epoch, example_id))     # of one image
    plan = augmenter.plan(samples, draws, epoch=epoch, partners=others)    # of a batch
    image = augmenter.execute(plan)                                        # of one image, unbatched

A Plan holds tensors only, so it goes from one `Dataset.map` to the next, through `unbatch` and `batch`.
Planning a batch costs about as much as planning one image; an image gets the same bits in any batch. Every
draw is stateless (Philox), so the same seed gives the same bytes on any thread, in any order.

Where every colour op is one matrix (`augmenter.is_linear`), the colour of the whole batch can be done at
once:

    image = augmenter.execute(plan, color=False)
    images = apply_batch(images, plan.color_matrix, plan.color_keep)       # batched again
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from annotools.augment.graph import boxes as graph_boxes
from annotools.augment.graph import graph_ops
from annotools.augment.graph.seeds import Draws
from annotools.augment.graph.states import fault, is_ours, without_state
from annotools.augment.plan.box_policy import ALIVE, count_drops
from annotools.augment.plan.color_steps import Step, decided, one_matrix
from annotools.augment.plan.draft import Draft, Op
from annotools.augment.plan.kind import Kind
from annotools.augment.plan.selection import select
from annotools.augment.plan.start import PAD
from annotools.augment.plan.windows import nearest, place_turned, place_upright

OBJECTS = ("boxes", "labels", "difficult", "ids", "ignore", "layer", "weights", "visibility")
"""The fields of a Plan that have a row for each object."""


class Plan(NamedTuple):
    """One augmented image, of K images, with R rows for objects; planned in a batch, with B in front of each
    tensor.

    boxes       (R, 4) float32, xyxy in pixels of the output, inside it; kept objects first, then rows of -1
    labels      (R,) int32, -1 for padding   difficult (R,) bool   ids (R,) int32: as in the Samples
    ignore      (R,) bool, neither object nor background (policy `low_visibility="ignore"`)
    layer       (R,) int32, which image the object is from: 0 the sample, k + 1 partner k
    weights     (R,) float32, 1 except under MixUp
    visibility  (R,) float32, visible share of the original box
    num_boxes   () int32, objects kept
    drops       (len(DROP_REASONS),) int32, objects dropped by reason
    size        (2,) int32, (h, w) of the output

    sources     K tensors: what `Sample.encoded` was
    matrices    (K, 2, 3) float64, from pixels of each image to pixels of the output
    decoder     (K,) int32: n for a JPEG decoded at 1 / 2^n, OTHER for the rest
    reads       (K, 4) int32, what to decode: y, x, height, width, in pixels of the image divided by 2^n
    targets     (K, 4) int32, where in the output it goes, xyxy
    shown       (K,) bool, False: not decoded at all
    windows     (K, 4) float64, the part of each image that may be seen; view (4,) float64, that of the output
    blend       (G,) float32, the weight of each group of images that tile the output
    erased      (E, 4) int32, rectangles to paint over, xyxy
    color_matrix  (3, 4) float32, all colour ops as one map of RGB in [0, 255]; the identity where there are
                  none or where they are not linear
    color_steps   where they are not, S Steps: the numbers of each, and whether it changes anything
    color_keep    (N, 5) int32, rectangles for `apply_batch`
    seed        (2,) int64, for ops that draw for every pixel
    warp        (3, 3) float64, a projective map behind `matrices`; () where there is none
    """

    boxes: tf.Tensor
    labels: tf.Tensor
    difficult: tf.Tensor
    ids: tf.Tensor
    ignore: tf.Tensor
    layer: tf.Tensor
    weights: tf.Tensor
    visibility: tf.Tensor
    num_boxes: tf.Tensor
    drops: tf.Tensor
    size: tf.Tensor
    sources: tuple[tf.Tensor, ...]
    matrices: tf.Tensor
    decoder: tf.Tensor
    reads: tf.Tensor
    targets: tf.Tensor
    shown: tf.Tensor
    windows: tf.Tensor
    view: tf.Tensor
    blend: tf.Tensor
    erased: tf.Tensor
    color_matrix: tf.Tensor
    color_steps: tuple[Step, ...]
    color_keep: tf.Tensor
    seed: tf.Tensor
    warp: tf.Tensor | tuple[()] = ()

    def numbers(self) -> dict[str, Any]:
        """Everything but the images, by name: where each pixel and each box comes from."""
        return {name: value for name, value in self._asdict().items() if name != "sources"}


def make_plan(draft: Draft, ops: Sequence[Op], fit: Op, draws: Draws) -> tuple[Plan, Kind]:
    """The plan of the batch of which `draft` is the start, and its kind: the ops write on the draft, `fit`
    brings the canvas to the output size. `Augmenter.plan` is the way to call it.
    """
    for number, (op, numbers) in enumerate(zip(ops, draws.numbers, strict=True)):
        draft = _step(_watched(op), draft.replace(op_number=number), numbers)
    draft = fit(draft, graph_ops.zeros(draft.canvas))
    return _finish(draft, draws.seed), draft.kind


def _watched(op: Op) -> Op:
    """The op; one that is not ours is refused where it has a state or gives no Draft."""
    if is_ours(op):
        return op

    def watched(draft: Draft, draws: tf.Tensor) -> Draft:
        def done(numbers: tf.Tensor) -> Draft:
            return op(draft, numbers)

        found = without_state(op, done, (draws,), "an op")
        if not isinstance(found, Draft):
            raise fault("an op gave something else", op, type(found).__name__, "a Draft")
        return found

    return watched


def _step(op: Op, draft: Draft, draws: tf.Tensor) -> Draft:
    """`op(draft, draws)`; under `reject` the first of several tries that leaves no object half hidden, or
    none.
    """
    if draft.policy.low_visibility != "reject":
        return op(draft, draws)
    count = draft.policy.attempts
    tries = [op(draft, numbers) for numbers in graph_ops.split(draws, count)]
    if tries[0].matrices is draft.matrices or len(tries[0].groups) != len(draft.groups):
        return tries[0]
    chosen = draft
    for candidate in reversed(tries):
        chosen = select(_cuts_nothing_badly(candidate), candidate, chosen)
    return chosen


def _cuts_nothing_badly(draft: Draft) -> tf.Tensor:
    visibility = draft.policy.visibility(draft.visible_boxes(), draft.whole_boxes())
    return ~tf.reduce_any(draft.policy.partly_hidden(visibility) & draft.is_alive, 1)


def _finish(draft: Draft, seed: tf.Tensor) -> Plan:
    kind = draft.kind
    view = draft.view()
    place = place_turned if kind.turned else place_upright
    matrices, decoder, reads, targets, shown = place(draft, view)
    draft = draft.replace(matrices=matrices)
    whole, visible = _boxes(draft, view, targets, shown)
    visibility = draft.policy.visibility(visible, whole)
    status, ignore = _judged(draft, visible, visibility)
    order, kept = _kept_first(status == graph_ops.constant(ALIVE))
    layer = graph_ops.gather(draft.layer, order)
    blend = tf.stack(draft.blend, 1)
    groups = graph_ops.gather(graph_ops.constant(draft.groups), layer)
    weights = graph_ops.gather(blend, groups, axis=1, batch_dims=1)
    matrices_of_color = [step.numbers for step in draft.color] if kind.is_linear else []
    erased = _erased(draft)
    box_kept = graph_ops.expand(kept)

    def rows(values: tf.Tensor, padding: float | bool = False) -> tf.Tensor:
        found = graph_ops.gather(values, order, axis=1, batch_dims=1)
        return graph_ops.choose(kept if found.shape.rank == 2 else box_kept, found, padding)

    return Plan(
        boxes=rows(tf.cast(visible, tf.float32), PAD),
        labels=rows(draft.labels, PAD),
        difficult=rows(draft.difficult),
        ids=rows(draft.ids, PAD),
        ignore=rows(ignore),
        layer=layer,
        weights=weights,
        visibility=rows(tf.cast(visibility, tf.float32)),
        num_boxes=graph_ops.total(tf.cast(kept, tf.int32)),
        drops=count_drops(status),
        size=tf.cast(graph_ops.gather(draft.canvas, (1, 0), axis=1), tf.int32),
        sources=draft.sources,
        matrices=matrices,
        decoder=decoder,
        reads=reads,
        targets=targets,
        shown=shown,
        windows=draft.windows,
        view=view,
        blend=blend,
        erased=erased,
        color_matrix=one_matrix(matrices_of_color, draft.blend[0]),
        color_steps=() if kind.is_linear else decided(draft.color, kind.colors),
        warp=() if draft.warp is None else draft.warp,
        color_keep=_color_keep(targets, shown, erased if draft.erasures else None),
        seed=seed,
    )


def _judged(draft: Draft, visible: tf.Tensor, visibility: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """`BoxPolicy.judge`, for each object by the policy of its class."""
    status, ignore = draft.policy.judge(draft.status, visible, visibility)
    for name, policy in draft.policy.by_class:
        own_status, own_ignore = policy.judge(draft.status, visible, visibility)
        is_class = draft.has_label(draft.labels, (name,))
        status = graph_ops.choose(is_class, own_status, status)
        ignore = graph_ops.choose(is_class, own_ignore, ignore)
    return status, ignore


def _kept_first(alive: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """(B, R) row numbers, those of living objects first and in their order; (B, R) whether the row is one."""
    count = graph_ops.length(alive, 1)
    keys = tf.range(count) + graph_ops.choose(alive, 0, count)
    # the largest of the negatives first: `tf.sort` does this too, with thrice as many operations
    ordered = -tf.raw_ops.TopKV2(input=-keys, k=count).values
    return ordered % count, ordered < count


def _boxes(
    draft: Draft, view: tf.Tensor, targets: tf.Tensor, shown: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """(B, R, 4) whole and visible boxes in the output; visible without area where nothing is seen."""
    whole = draft.whole_boxes()
    if not draft.kind.turned:
        # clipped to where the image's pixels go: never on the fill, never on another tile
        visible = graph_boxes.clip(whole, tf.cast(draft.of_layer(targets), tf.float64))
    else:
        seen = graph_boxes.clip(draft.boxes, draft.of_layer(draft.windows))
        matrix = draft.box_matrices()
        if draft.shape == "ellipse" and draft.warp is None:
            visible = graph_boxes.affine(seen, matrix, shape="ellipse")
            visible = graph_boxes.clip(visible, graph_ops.expand(view, 1))
        else:
            matrix = matrix if draft.warp is None else draft.box_homographies()
            visible = graph_boxes.visible_bounds(seen, matrix, graph_ops.expand(view, 1))
        # what a crop has cut off is a line at its edge, which has an extent once it is slanted
        visible *= tf.cast(graph_ops.expand(graph_boxes.area(seen) > 0), tf.float64)
    present = tf.cast(draft.of_layer(shown), tf.float64)
    return whole, visible * graph_ops.expand(present)


def _erased(draft: Draft) -> tf.Tensor:
    """(B, E, 4) int32 rectangles to paint over in the output."""
    if not draft.erasures:
        # one empty rectangle and not none: `unbatch` of a tensor without elements crashes TensorFlow 2.21
        return tf.cast(graph_ops.expand(graph_ops.zeros(draft.frame), 1), tf.int32)
    whole = graph_ops.concat([graph_ops.zeros(draft.canvas), draft.canvas])
    rectangles = graph_boxes.clip(tf.stack(draft.erasures, 1), graph_ops.expand(whole, 1))
    return tf.cast(nearest(rectangles), tf.int32)


def _color_keep(targets: tf.Tensor, shown: tf.Tensor, erased: tf.Tensor | None) -> tf.Tensor:
    """(B, K + E, 5) int32: kind 1 for what images cover, 2 for what is erased."""
    covered = graph_ops.concat([targets, graph_ops.expand(tf.cast(shown, tf.int32))])
    if erased is None:
        return covered
    kind = tf.fill(tf.shape(erased[..., :1]), 2)
    return graph_ops.concat([covered, graph_ops.concat([erased, kind])], 1)
