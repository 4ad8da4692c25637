"""How mkdocstrings shows our functions: their real keywords, and the columns of a docstring as a list.

A docstring lists arguments in columns, `name   what it is`, indented by four, which Markdown takes for code.
`@takes(Options)` packs keywords into a record; readers want the keywords, which `inspect.signature` has.
"""

from __future__ import annotations

import importlib
import inspect
import os
import re
from typing import Any

import griffe

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # signatures of the loader need it, its log nobody
COLUMNS = re.compile(r"^(?P<indent> *)(?P<names>[a-z_]\w*(?:, [a-z_]\w*)*)(?: {2,})(?P<text>\S.*)$")


class Readable(griffe.Extension):
    """Turns docstrings into Markdown and takes signatures from the running code."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        takes = any("takes(" in str(decorator.value) for decorator in func.decorators)
        if takes and not func.path.startswith("annotools.beam"):  # which the API page does not list
            real = inspect.signature(getattr(importlib.import_module(func.module.path), func.name))
            func.parameters = griffe.Parameters(*map(_parameter, real.parameters.values()))
            func.decorators = []


def _parameter(real: inspect.Parameter) -> griffe.Parameter:
    return griffe.Parameter(
        real.name,
        annotation=str(real.annotation),
        kind=griffe.ParameterKind[real.kind.name.lower()],
        default=None if real.default is inspect.Parameter.empty else repr(real.default),
    )


def as_markdown(text: str) -> str:
    """Columns as a list, everything else as it is."""
    lines: list[str] = []
    listed = False
    for line in text.splitlines():
        if found := COLUMNS.match(line):
            names = ", ".join(f"`{name}`" for name in found["names"].split(", "))
            lines += [] if listed else [""]
            lines.append(f"- {names}: {found['text']}")
            listed = True
        elif listed and line.startswith("  ") and line.strip():
            lines[-1] += " " + line.strip()
        else:
            listed = False
            lines.append(line)
    return "\n".join(lines)
