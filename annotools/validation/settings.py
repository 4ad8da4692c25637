"""Which rules run, and how severe they are: from flags, from keywords, from `[tool.annotools]`.

[tool.annotools]                     # of pyproject.toml; in annotools.toml without tool.annotools
select = ["box-*", "size-*"]         # only these; default: every rule that needs no request
extend-select = ["schema"]           # these too
ignore = ["absolute-path-leak"]
classes = "labels.pbtxt"
baseline = "annotools-baseline.json"
[tool.annotools.severity]
box-tiny = "error"                   # error, warning, info or off
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from annotools.errors import OptionError
from annotools.issues import RULES, RULES_BY_ID, Issue, Severity
from annotools.records import record

SEVERITIES = ("error", "warning", "info")
_KEYS = (
    "select", "extend-select", "ignore", "per-path-ignores", "severity",
    "classes", "baseline", "box-origin", "images",
)  # fmt: skip


@record
class Selection:
    """The rules that run. `severity` holds only those that differ from the rule's own."""

    enabled: frozenset[str]
    severity: Mapping[str, Severity] = field(default_factory=dict)

    def selected(self, issues: Iterable[Issue]) -> Iterator[Issue]:
        """The issues of rules that are enabled, with the severities the user asked for."""
        for issue in issues:
            if issue.rule in self.enabled:
                level = self.severity.get(issue.rule)
                yield issue if level is None else dataclasses.replace(issue, severity=level)


def make_selection(
    select: Iterable[str] | str | None = None,
    extend_select: Iterable[str] | str = (),
    ignore: Iterable[str] | str = (),
    severity: Mapping[str, str] | None = None,
) -> Selection:
    """Rule ids may have wildcards (`box-*`); a string is split at its commas. Raises OptionError.

    `ignore` wins over everything, a severity of "off" is the same as ignoring.
    """
    selected = split_names(select)
    enabled = expand(selected, "--select") if selected else {rule.id for rule in RULES if not rule.on_request}
    enabled |= expand(split_names(extend_select), "--extend-select")
    enabled -= expand(split_names(ignore), "--ignore")
    overrides: dict[str, Severity] = {}
    for pattern, level in (severity or {}).items():
        if level not in (*SEVERITIES, "off"):
            raise OptionError(
                "no such severity",
                field=f"severity of {pattern}",
                found=level,
                expected="error, warning, info or off",
            )
        for rule in expand([pattern], "severity"):
            if level == "off":
                enabled.discard(rule)
            else:
                overrides[rule] = cast(Severity, level)
    return Selection(frozenset(enabled), overrides)


def split_names(names: Iterable[str] | str | None) -> list[str]:
    """`"a, b"` and `["a,b", "c"]` to a list of names."""
    pieces = [names] if isinstance(names, str) else list(names or ())
    return [name.strip() for piece in pieces for name in piece.split(",") if name.strip()]


def expand(patterns: Iterable[str], option: str) -> set[str]:
    """The ids of the rules that match; OptionError for a pattern that matches none."""
    found = set()
    for pattern in patterns:
        matching = {rule for rule in RULES_BY_ID if fnmatchcase(rule, pattern)}
        if not matching:
            from annotools.classes import spelling

            nearest = spelling.nearest(pattern, RULES_BY_ID)
            raise OptionError(
                "no such rule" + (f", did you mean {nearest}?" if nearest else ""),
                field=option,
                found=pattern,
                expected="a rule id of docs/rules.md, or a pattern such as box-*",
            )
        found |= matching
    return found


def from_pyproject(start: str | Path = ".") -> dict[str, Any]:
    """The settings of the nearest annotools.toml or pyproject.toml at or above `start`, {} without one.

    Keys come back with underscores, as keywords of `validate`. Paths are made absolute: they are relative
    to the file. Raises OptionError for an unknown key and for a file that is not TOML.
    """
    folder = Path(start).resolve()
    for candidate in (folder, *folder.parents):
        for name in ("annotools.toml", "pyproject.toml"):
            if (candidate / name).is_file():
                return from_file(candidate / name)
    return {}


def from_file(path: str | Path) -> dict[str, Any]:
    """The settings in a file: its table `[tool.annotools]`; else, but for pyproject.toml, the whole.

    As `from_pyproject`; OptionError too where there is no such file.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8")
        is_project = file.name == "pyproject.toml"
        if is_project and "annotools" not in text:
            return {}
        import tomllib  # 5 ms, and most projects have no such table

        content = tomllib.loads(text)
        table = content.get("tool", {}).get("annotools", {} if is_project else content)
    except (OSError, ValueError, AttributeError) as error:  # TOMLDecodeError is a ValueError; `tool = 1`
        raise OptionError(f"cannot be read: {error}", path=str(file)) from error
    if not isinstance(table, dict):
        raise OptionError("not a table", path=str(file), field="tool.annotools", found=table)
    settings = {}
    for key, value in table.items():
        if key not in _KEYS:
            raise OptionError("no such setting", path=str(file), field=key, expected=", ".join(_KEYS))
        if key in ("classes", "baseline"):
            value = str(file.parent / value)
        settings[key.replace("-", "_")] = value
    return settings
