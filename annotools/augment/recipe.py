"""An Augmentation: ops in order, what happens to boxes, and the colour of what no image covers."""

from __future__ import annotations

from dataclasses import dataclass

from annotools.augment.ops.arguments import check_fill, check_function
from annotools.augment.plan.box_policy import BoxPolicy
from annotools.augment.plan.draft import DEFAULT_DRAWS, Op
from annotools.augment.plan.kind import GRAY, Color
from annotools.errors import OptionError

DEFAULT_POLICY = BoxPolicy()


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What a preset returns; `dataclasses.replace` changes parts of it.

    resize  "stretch", "letterbox" or "crop" to reach the output size, None: whatever the loader is asked for
    """

    ops: tuple[Op, ...] = ()
    policy: BoxPolicy = DEFAULT_POLICY
    fill: Color = GRAY
    resize: str | None = None

    def __post_init__(self) -> None:
        check_fill(self.fill)
        policy: object = self.policy
        if not isinstance(policy, BoxPolicy):
            raise OptionError("not a policy", field="policy", found=policy, expected="BoxPolicy(...)")
        steps: tuple[object, ...] = self.ops
        for op in steps:
            check_function(op, "ops", "ops: callables of (draft, draws), such as Rotate()")

    @property
    def partners(self) -> int:
        """How many other images one picture needs: 3 for Mosaic, 1 for MixUp."""
        return sum(getattr(op, "partners", 0) for op in self.ops)

    @property
    def draws(self) -> tuple[int, ...]:
        """How many random numbers each op needs for a picture."""
        return tuple(getattr(op, "draws", DEFAULT_DRAWS) * self._attempts for op in self.ops)

    @property
    def _attempts(self) -> int:
        return self.policy.attempts if self.policy.low_visibility == "reject" else 1
