"""A ValidationResult as text for people, or as JSON, JUnit or SARIF for programs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import TYPE_CHECKING

from annotools.issues import Issue
from annotools.sources.storage import printable
from annotools.validation.reports.excerpt import excerpt
from annotools.validation.reports.items import indented, items
from annotools.validation.rules.catalogue import RULES, RULES_BY_ID

if TYPE_CHECKING:
    from annotools.validation.result import ValidationResult

__all__ = ["FORMATS", "concise", "github", "json", "junit", "pieces", "sarif", "statistics", "text"]

FORMATS = ("text", "concise", "json", "junit", "sarif", "github")

_COLOURS = {"error": "31", "warning": "33", "info": "36"}
_ORDER = {"error": 0, "warning": 1, "info": 2}
EXAMPLES = 10
"""Places of one rule that are shown, unless more are asked for."""
FEW = 3
"""Places of one cause up to which each of them is shown."""


def text(
    result: ValidationResult, *, examples: int | None = None, colour: bool = False, strict: bool = False
) -> str:
    """Findings grouped by rule, errors first, each group with its count and some places.

    examples   of each rule; 0: all; None: ten, and one where a warning or info has one cause at many places

    The last lines are the verdict and what was looked at, and how many findings `fix` can repair.
    """
    issues = list(result)
    doubted = doubted_fixes(issues)
    lines: list[str] = []
    for group in grouped(issues):
        lines += group_lines(group, len(group), examples, colour)
        fixes = [f"annotools fix --fix {fix}" for fix in proposed_fixes(group, doubted)]
        lines += [f"  repair: {fix}" for fix in fixes]
        lines.append("")
    lines += _verdict(result, colour, strict)
    lines += _fixable(issues, doubted)
    return "\n".join(lines) + "\n"


def concise(result: ValidationResult) -> str:
    """A line for each finding as it comes, `path:line: severity: rule: message`."""
    return "".join(map(_concise, result))


def _concise(issue: Issue) -> str:
    where = ":".join(str(part) for part in (issue.path, issue.line) if part is not None)
    line = ": ".join(part for part in (where, issue.severity, issue.rule, issue.message) if part)
    return f"{printable(line)}\n"


def statistics(result: ValidationResult) -> str:
    """How many findings of each rule there are, the most first, each with the fix that repairs it."""
    issues = list(result)
    doubted = doubted_fixes(issues)
    rows = []
    for group in grouped(issues):
        fixes = proposed_fixes(group, doubted)
        rows.append((len(group), f"{group[0].severity:<8} {group[0].rule}", fixes))
    width = len(str(max((count for count, _, _ in rows), default=0)))
    lines = []
    for count, said, fixes in sorted(rows, key=lambda row: -row[0]):
        repaired = f"  [*] --fix {','.join(fixes)}" if fixes else ""
        lines.append(f"{count:>{width}}  {said}{repaired}\n")
    return "".join(lines)


def grouped(issues: Iterable[Issue]) -> list[list[Issue]]:
    """The findings of one rule and severity together; errors first, then in the order of the catalogue."""
    order = {rule.id: place for place, rule in enumerate(RULES)}
    groups: dict[tuple[int, int, str], list[Issue]] = {}
    for issue in issues:
        key = (_ORDER[issue.severity], order.get(issue.rule, len(order)), issue.rule)
        groups.setdefault(key, []).append(issue)
    return [group for _, group in sorted(groups.items(), key=lambda one: one[0])]


def group_lines(
    group: Sequence[Issue],
    count: int,
    examples: int | None = None,
    colour: bool = False,
    rest: str = "--examples 0 shows all",
) -> Iterator[str]:
    """A head line for one group of findings, and lines with places.

    count   how many there are, of which `group` may be a part
    rest    where the places are that are not shown
    """
    first = group[0]
    rule = RULES_BY_ID.get(first.rule)
    head = _paint(f"{first.severity}: {first.rule} ({count})", _COLOURS[first.severity], colour)
    summary = f"  {rule.summary}" if rule else ""
    causes = [list(group)]
    if examples is None and first.severity != "error":
        causes = _by_cause(group)
        if len(causes) == 1 and count > FEW:
            yield f"{head}{summary} Such as {placed(first)}"
            return
    yield head + summary
    shown = 0
    for cause in causes:
        if len(causes) > 1 and len(cause) > FEW:
            yield f"  {len(cause)} such as {placed(cause[0])}"
            shown += len(cause)
            continue
        for issue in cause if examples == 0 else cause[: examples or EXAMPLES]:
            yield f"  {placed(issue)}"
            yield from excerpt(issue)
            shown += 1
    if count > shown:
        yield f"  ... and {count - shown} more ({rest})"


def placed(issue: Issue) -> str:
    """ "path:line: message" """
    where = ":".join(str(part) for part in (issue.path, issue.line) if part is not None)
    return printable(f"{where}: {issue.message}" if where else issue.message)


_VALUE = re.compile(r"""'[^']*?(\.\w{1,5})?'|"[^"]*?(\.\w{1,5})?"|\d+(?:\.\d+)?""")


def _by_cause(group: Sequence[Issue]) -> list[list[Issue]]:
    """Findings whose messages differ in names and numbers only, together; extensions must be the same.

    One list where the causes are too many to be told apart.
    """
    causes: dict[str, list[Issue]] = {}
    for issue in group:
        causes.setdefault(_VALUE.sub(r"\1\2", issue.message), []).append(issue)
    return list(causes.values()) if len(causes) <= EXAMPLES else [list(group)]


def doubted_fixes(issues: Iterable[Issue]) -> set[str]:
    """The fixes that some finding about these data speaks against."""
    graves = {issue.rule for issue in issues if issue.severity == "error"}
    return {fix for rule in graves if rule in RULES_BY_ID for fix in RULES_BY_ID[rule].doubts}


def proposed_fixes(group: Sequence[Issue], doubted: Set[str]) -> list[str]:
    """The fixes that repair findings of a group, without those that are in doubt."""
    return [fix for fix in dict.fromkeys(issue.repair for issue in group) if fix and fix not in doubted]


def _fixable(issues: Sequence[Issue], doubted: Set[str]) -> Iterator[str]:
    unsure = {*doubted, "map-classes"}  # that one has to be told the new names
    fixable = [issue.repair for issue in issues if issue.repair and issue.repair not in unsure]
    if fixable:
        fixes = ",".join(dict.fromkeys(fixable))
        yield f"[*] {len(fixable)} fixable by annotools fix SOURCE OUTPUT --fix {fixes}"


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
    return "".join(_json_pieces(result, result))


def _json_pieces(result: ValidationResult, issues: Iterable[Issue]) -> Iterator[str]:
    yield '{\n "issues": ['
    yield from items((issue.as_dict() for issue in issues), "  ")
    yield f'],\n "summary": {indented(result.summary.as_dict(), " ")}\n}}\n'


def pieces(result: ValidationResult, form: str, version: str) -> Iterator[str]:
    """A report in a format that does not group findings, while they come; afterwards they are forgotten."""
    issues = result.once()
    if form == "concise":
        return map(_concise, issues)
    if form == "json":
        return _json_pieces(result, issues)
    if form == "github":
        from annotools.validation.reports.github import line

        return map(line, issues)
    from annotools.validation.reports import sarif

    return sarif.pieces(issues, result.root, version)


def junit(result: ValidationResult, *, strict: bool = False) -> str:
    """See annotools.validation.reports.junit."""
    from annotools.validation.reports import junit

    return junit.junit(result, strict=strict)


def github(result: ValidationResult) -> str:
    """See annotools.validation.reports.github."""
    from annotools.validation.reports import github

    return github.github(result)


def sarif(result: ValidationResult, version: str) -> str:
    """See annotools.validation.reports.sarif."""
    from annotools.validation.reports import sarif

    return sarif.sarif(result, version)
