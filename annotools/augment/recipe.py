"""An Augmentation: ops in order, what happens to boxes, and the colour of what no image covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from annotools.augment.ops.erase import check_fill
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
        steps: tuple[object, ...] = self.ops
        for op in steps:
            if not callable(op) or isinstance(op, type):
                raise OptionError(
                    "not an op",
                    field="ops",
                    found=op,
                    expected="a callable of (draft, draws), such as Rotate()",
                )

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


def as_augmentation(ops: Any, policy: BoxPolicy | None = None) -> Augmentation:
    """From a preset, one op, a list of ops or None; `policy` replaces that of the preset."""
    if isinstance(ops, Augmentation):
        found = ops
    elif ops is None:
        found = Augmentation()
    elif isinstance(ops, Iterable):
        found = Augmentation(tuple(ops))
    else:
        found = Augmentation((ops,))
    return found if policy is None else replace(found, policy=policy)
