"""JUnit XML, as CI servers read it: a test case for each file with findings, one for all clean files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from annotools.issues import Issue
from annotools.sources.storage import printable

if TYPE_CHECKING:
    from annotools.validation.result import ValidationResult

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(result: ValidationResult, *, strict: bool = False) -> str:
    """A report in the format that Jenkins, GitLab and Azure read.

    A file with an error (with `strict`, a warning) is a failed test; other findings are its output.
    """
    cases: dict[str, list[Issue]] = {}
    for issue in result:
        cases.setdefault(issue.path or "(data set)", []).append(issue)
    blocking = {"error", "warning"} if strict else {"error"}
    body = []
    failures = 0
    for path, issues in cases.items():
        bad = [issue for issue in issues if issue.severity in blocking]
        rest = [issue for issue in issues if issue.severity not in blocking]
        failures += bool(bad)
        body.append(f'  <testcase classname="annotools" name={_attribute(printable(path))}>')
        if bad:
            rules = ", ".join(sorted({issue.rule for issue in bad}))
            lines = _text("\n".join(printable(str(issue)) for issue in bad))
            body.append(
                f'    <failure message={_attribute(rules)} type="{bad[0].severity}">{lines}</failure>'
            )
        if rest:
            lines = _text("\n".join(printable(f"{issue.severity}: {issue}") for issue in rest))
            body.append(f"    <system-out>{lines}</system-out>")
        body.append("  </testcase>")
    files = result.summary.files
    clean = f"{files} annotations of {printable(result.root)} were checked"
    body.append(f'  <testcase classname="annotools" name={_attribute(clean)}/>')
    tests = len(cases) + 1
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f'<testsuites tests="{tests}" failures="{failures}" errors="0">\n'
        f' <testsuite name="annotools validate" tests="{tests}" failures="{failures}" errors="0">\n'
        + "\n".join(body)
        + "\n </testsuite>\n</testsuites>\n"
    )


def _attribute(text: str) -> str:
    quoted = _text(text).replace('"', "&quot;").replace("\n", "&#10;").replace("\t", "&#9;")
    return f'"{quoted}"'


def _text(text: str) -> str:
    # xml.sax.saxutils would do this too, and load an HTTP client for it.
    text = _NOT_XML.sub("?", text).replace("\r", "?")
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
