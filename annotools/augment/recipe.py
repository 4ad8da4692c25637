"""An Augmentation: ops in order, what happens to boxes, and the colour of what no image covers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, fields

from annotools.augment.ops.arguments import check_fill, check_function
from annotools.augment.plan.box_policy import BoxPolicy
from annotools.augment.plan.draft import DEFAULT_DRAWS, Op
from annotools.augment.plan.kind import GRAY, Color
from annotools.augment.text.writer import as_json, written
from annotools.errors import OptionError

DEFAULT_POLICY = BoxPolicy()
PRESETS: dict[str, Callable[..., Augmentation]] = {}
"""By name; annotools.augment.presets fills it."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """What a preset returns; `dataclasses.replace` changes parts of it. `str` has a line for each op.

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

    def __str__(self) -> str:
        rest = [f"{one.name}: {getattr(self, one.name)!r}" for one in fields(self)[1:]]
        return "\n".join([*(repr(op) for op in self.ops), *rest])

    @property
    def text(self) -> str:
        """The shortest text that `from_text` and `augment=` make this of: `ssd|cutout(holes=2)`."""
        preset = ""
        base = Augmentation()
        for name, make in PRESETS.items():
            other = make()
            count = len(other.ops)
            if count > len(base.ops) and self.ops[:count] == other.ops:
                preset, base = name, other
        parts = [preset] if preset else []
        parts += [written(op) for op in self.ops[len(base.ops) :]]
        if self.policy != base.policy:
            parts.append(written(self.policy))
        if self.fill != base.fill:
            parts.append("fill" + written(tuple(self.fill)))
        if self.resize != base.resize:
            parts.append(f"fit({written(self.resize)})")
        return "|".join(parts) or "none"

    def to_json(self) -> str:
        """All of it, each argument written out: it stays what it is when a default changes. Back by
        `annotools.augment.from_json`."""
        return json.dumps({one.name: as_json(getattr(self, one.name)) for one in fields(self)})

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
