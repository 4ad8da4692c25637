"""Findings of the rules for the report: which of them it shows, and what it says of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from annotools.issues import RULES, RULES_BY_ID, Issue
from annotools.sources.storage import printable
from annotools.validation.rules.duplicates import other_image
from annotools.validation.validate import validate
from annotools.view.options import ReportOptions
from annotools.view.pictures import Album, SourceAlbum

SEVERITIES: Final = ("error", "warning", "info")
_ORDER: Final = {rule.id: (SEVERITIES.index(rule.severity), place) for place, rule in enumerate(RULES)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `key` is the path or the id of its picture, `other` the path of a second one.

    found, expected   of its message; `expected` is "" where the message has no such part
    fix               the `--fix` that repairs it, None without
    """

    severity: str
    rule: str
    key: str | None
    path: str
    line: int | None
    found: str
    expected: str
    fix: str | None
    object_index: int | None
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """All that the rules found: how many of each rule and severity, and those that are kept, the worst first.

    near   whether pictures that look alike were looked for
    """

    counts: dict[str, int]
    severities: dict[str, int]
    kept: dict[str, list[Finding]]
    near: bool

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def in_turn(self) -> Iterator[Finding]:
        """The first of each rule, then the second of each, and so on."""
        for place in range(max(map(len, self.kept.values()), default=0)):
            yield from (some[place] for some in self.kept.values() if place < len(some))

    def shown(self, limit: int) -> list[Finding]:
        """At most `limit`: all of rules that find little, and of the others as many each as there is room."""
        left, quota = limit, {}
        for done, rule in enumerate(sorted(self.kept, key=lambda rule: len(self.kept[rule]))):
            quota[rule] = min(len(self.kept[rule]), left // (len(self.kept) - done))
            left -= quota[rule]
        return [finding for rule, some in self.kept.items() for finding in some[: quota[rule]]]


def find(album: Album, options: ReportOptions) -> Findings:
    """Run the rules over an album; of each rule at most `options.findings` findings are kept."""
    counts: Counter[str] = Counter()
    severities = dict.fromkeys(SEVERITIES, 0)
    kept: dict[str, list[Finding]] = {}
    near = isinstance(album, SourceAlbum) and not options.quick
    for key, issue in _issues(album, options, near=near):
        counts[issue.rule] += 1
        severities[issue.severity] += 1
        some = kept.setdefault(issue.rule, [])
        if len(some) < options.findings:
            some.append(_finding(key, issue, album.path))
    order = sorted(kept, key=lambda rule: _ORDER[rule])
    return Findings(
        counts={rule: counts[rule] for rule in order},
        severities=severities,
        kept={rule: kept[rule] for rule in order},
        near=near,
    )


def _issues(album: Album, options: ReportOptions, *, near: bool) -> Iterable[tuple[str | None, Issue]]:
    if isinstance(album, SourceAlbum):
        result = validate(
            album.source,
            split=options.split,
            classes=album.class_map,
            extend_select="near-duplicate-image" if near else (),
            workers=options.workers,
            progress=options.progress,
        )
        yield from ((issue.path, issue) for issue in result)
        return
    for entry in album.entries(options.split):
        for issue in entry.picture().issues:
            path = entry.paths[0] if entry.paths else album.path
            yield entry.id, replace(issue, path=issue.path or f"{path}: {entry.id}")


def below(path: str, root: str) -> str:
    """A path as it is below the source."""
    return printable(path.removeprefix(root).lstrip("!/\\") if path != root else path)


def _finding(key: str | None, issue: Issue, root: str) -> Finding:
    found, expected = split_message(issue.message)
    rule = RULES_BY_ID[issue.rule]
    return Finding(
        severity=issue.severity,
        rule=issue.rule,
        key=key,
        path=below(issue.path or "", root),
        line=issue.line,
        found=printable(found.replace(f"{root}/", "")),
        expected=printable(expected),
        fix=rule.fix,
        object_index=issue.object_index,
        other=other_image(issue),
    )


def split_message(message: str) -> tuple[str, str]:
    """What was found and what was expected, of the text of an issue."""
    if match := re.fullmatch(r"(.*) \(found (.*), expected (.*)\)", message, re.DOTALL):
        return f"{match[1]}: {match[2]}", match[3]
    if match := re.fullmatch(r"(.*) \(expected (.*)\)", message, re.DOTALL):
        return match[1], match[2]
    found, comma, expected = message.rpartition(", expected ")
    return (found, expected) if comma else (message, "")
