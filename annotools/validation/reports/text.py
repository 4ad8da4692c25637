"""A ValidationResult as text for people, or as JSON, JUnit or SARIF for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from annotools.issues import Issue
from annotools.validation.rules.catalogue import RULES, RULES_BY_ID

if TYPE_CHECKING:
    from annotools.validation.result import ValidationResult

__all__ = ["FORMATS", "json", "junit", "sarif", "text"]

FORMATS = ("text", "json", "junit", "sarif")

_COLOURS = {"error": "31", "warning": "33", "info": "36"}
_ORDER = {"error": 0, "warning": 1, "info": 2}


def text(result: ValidationResult, *, examples: int = 10, colour: bool = False, strict: bool = False) -> str:
    """Findings grouped by rule, errors first, each group with its count and the first `examples` places.

    `examples` 0 lists all. The last lines are the verdict and what was looked at.
    """
    groups: dict[tuple[int, int, str], list[Issue]] = {}
    order = {rule.id: place for place, rule in enumerate(RULES)}
    for issue in result:
        key = (_ORDER[issue.severity], order.get(issue.rule, len(order)), issue.rule)
        groups.setdefault(key, []).append(issue)
    lines: list[str] = []
    for _, issues in sorted(groups.items()):
        lines += _group(issues, examples, colour)
        lines.append("")
    lines += _verdict(result, colour, strict)
    return "\n".join(lines) + "\n"


def _group(issues: list[Issue], examples: int, colour: bool) -> Iterator[str]:
    first = issues[0]
    rule = RULES_BY_ID.get(first.rule)
    head = f"{first.severity}: {first.rule} ({len(issues)})"
    yield _paint(head, _COLOURS[first.severity], colour) + (f"  {rule.summary}" if rule else "")
    shown = issues if examples == 0 else issues[:examples]
    for issue in shown:
        where = ":".join(str(part) for part in (issue.path, issue.line) if part is not None)
        yield f"  {where}: {issue.message}" if where else f"  {issue.message}"
    hidden = len(issues) - len(shown)
    if hidden:
        yield f"  ... and {hidden} more (--examples 0 shows all)"
    if rule is not None and rule.fix is not None:
        yield f"  repair: annotools fix --fix {rule.fix}"


def _verdict(result: ValidationResult, colour: bool, strict: bool) -> Iterator[str]:
    summary = result.summary
    counts = [
        _many(summary.severities[level], level)
        for level in ("error", "warning", "info")
        if summary.severities[level]
    ]
    found = ", ".join(counts) or "no problems"
    looked = f"{_many(summary.files, 'annotation')}, {_many(summary.objects, 'object')}"
    if summary.images:
        looked += f", {_many(summary.images, 'image')}"
    failed = result.failed(strict=strict)
    yield _paint(f"{found} in {looked}", "31" if failed else "32", colour)
    if summary.known:
        yield f"{_many(summary.known, 'known problem')} in the baseline"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _paint(words: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{words}\x1b[0m" if colour else words


def json(result: ValidationResult) -> str:
    """One object of schemas/validation.schema.json: `issues`, one for each occurrence, and `summary`."""
    import json as json_module

    report = {
        "issues": [issue.as_dict() for issue in result],
        "summary": result.summary.as_dict(),
    }
    return json_module.dumps(report, ensure_ascii=False, indent=1) + "\n"


def junit(result: ValidationResult, *, strict: bool = False) -> str:
    """See annotools.validation.reports.junit."""
    from annotools.validation.reports import junit

    return junit.junit(result, strict=strict)


def sarif(result: ValidationResult, version: str) -> str:
    """See annotools.validation.reports.sarif."""
    from annotools.validation.reports import sarif

    return sarif.sarif(result, version)
