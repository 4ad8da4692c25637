"""How further processes of this program are started."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkContext, SpawnContext


def process_context() -> ForkContext | SpawnContext:
    """Fork, which takes 10 ms where spawning takes 200, but only if this process has no threads."""
    import multiprocessing

    if sys.platform == "linux" and len(os.listdir("/proc/self/task")) == 1:
        return multiprocessing.get_context("fork")
    return multiprocessing.get_context("spawn")
