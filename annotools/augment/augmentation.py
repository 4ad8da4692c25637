"""An Augmentation: ops in order, what happens to boxes, and the colour of what no image covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from annotools.augment.draft import Op
from annotools.augment.erase import Color, check_fill
from annotools.augment.policy import BoxPolicy
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
                    expected="a callable of (draft, seed), such as Rotate()",
                )

    @property
    def partners(self) -> int:
        """How many other images one picture needs: 3 for Mosaic, 1 for MixUp."""
        return sum(getattr(op, "partners", 0) for op in self.ops)


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
