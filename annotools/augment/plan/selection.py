"""Two drafts of the same pictures in one: this one for some of the pictures, that one for the others."""

from __future__ import annotations

import tensorflow as tf

from annotools.augment.plan.color_steps import Step
from annotools.augment.plan.draft import Draft
from annotools.errors import OptionError


def select(condition: tf.Tensor, draft: Draft, otherwise: Draft) -> Draft:
    """`draft`, which an op made of `otherwise`, where the (B,) bool is true. Both hold the same images."""
    if len(draft.groups) != len(otherwise.groups):
        raise OptionError(
            "an op that joins images happens to all pictures or none",
            field="ops",
            expected="its own p, and not a choice around it",
        )

    def chosen(new: tf.Tensor, old: tf.Tensor) -> tf.Tensor:
        return tf.where(tf.reshape(condition, [-1] + [1] * (new.shape.rank - 1)), new, old)

    if draft.warp is not None:
        before = tf.eye(3, dtype=tf.float64) if otherwise.warp is None else otherwise.warp
        draft = draft.replace(warp=chosen(draft.warp, before))
    fields = ("matrices", "windows", "canvas", "frame", "status")
    values = {name: chosen(getattr(draft, name), getattr(otherwise, name)) for name in fields}
    new_ones = draft.erasures[len(otherwise.erasures) :]
    edges_before = (*otherwise.erasures, *(tf.zeros_like(edges) for edges in new_ones))
    erasures = tuple(chosen(new, old) for new, old in zip(draft.erasures, edges_before, strict=True))
    color = list(draft.color)
    for place, (step, other) in enumerate(zip(draft.color, otherwise.color, strict=False)):
        if step is not other:  # two tries of the same op
            ons = [tf.fill(tf.shape(condition), True) if one.on is None else one.on for one in (step, other)]
            both_unsaid = step.on is None and other.on is None
            numbers = chosen(step.numbers, other.numbers)
            color[place] = Step(numbers, None if both_unsaid else chosen(*ons))
    for place in range(len(otherwise.color), len(color)):
        numbers, on = color[place]
        if draft.kind.colors[place] is None:
            color[place] = Step(chosen(numbers, tf.eye(3, 4)))
        else:
            color[place] = Step(numbers, condition if on is None else condition & on)
    return draft.replace(
        **values,
        erasures=erasures,
        color=tuple(color),
        cut=draft.cut or otherwise.cut,
        framed=draft.framed or otherwise.framed,
    )
