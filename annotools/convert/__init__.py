"""From a source to an output folder: plan, shard, run.

The package is callable, so that `annotools.convert(...)` is the function and `annotools.conversion.plan` the
module, whichever of the two is imported first.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from annotools.conversion.run import ConvertResult


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> ConvertResult:
        from annotools.conversion.run import convert

        return convert(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
