"""An Augmentation: ops in order, what happens to boxes, and the colour of what no image covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from annotools.augment.ops.erase import Color, check_fill
from annotools.augment.plan.box_policy import BoxPolicy
from annotools.augment.plan.draft import DEFAULT_DRAWS, Op
from annotools.errors import OptionError

DEFAULT_POLICY = BoxPolicy()


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What a preset returns; `dataclasses.replace` changes parts of it.

    resize  "stretch", "letterbox" or "crop" to reach the output size, None: whatever the loader is asked for
    """

    ops: tuple[Op, ...] = ()
    policy: BoxPolicy = DEFAULT_POLICY
    fill: Color = (114, 114, 114)
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
    def groups(self) -> tuple[int, ...]:
        """For each image of a picture the group it belongs to: a Mosaic tiles one, a MixUp starts another."""
        groups = [0]
        for op in self.ops:
            if getattr(op, "blends", False):
                groups.append(groups[-1] + 1)
            else:
                groups += [groups[-1]] * getattr(op, "partners", 0)
        return tuple(groups)

    @property
    def _attempts(self) -> int:
        return self.policy.attempts if self.policy.low_visibility == "reject" else 1

    @property
    def rotates(self) -> bool:
        """Whether images may be turned by anything but right angles."""
        return any(getattr(op, "rotates", False) for op in self.ops)

    @property
    def has_color(self) -> bool:
        return any(getattr(op, "colors", False) for op in self.ops)

    @property
    def is_linear(self) -> bool:
        """Whether colour may wait for the batch: no exact HSV, and no function of the user on finished
        pixels.
        """
        return not any(
            getattr(op, "hsv", "") == "exact" or getattr(op, "on_pixels", False) for op in self.ops
        )


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


def partners_of(ops: Any) -> int:
    """How many other images the loader must supply for each picture."""
    return as_augmentation(ops).partners


def is_linear(ops: Any) -> bool:
    """Whether `color.apply_batch` may do the colour."""
    return as_augmentation(ops).is_linear


def has_color(ops: Any) -> bool:
    """Whether any op changes colours."""
    return as_augmentation(ops).has_color
