"""What docs/rules.md says of each rule: why it matters, a bad and a good sample.

The page is the one place for this. A wheel carries it as `annotools/docs/rules.md`; in a checkout, and in an
editable install of one, it stands beside the package.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from annotools.errors import SourceError
from annotools.issues import RULES_BY_ID, Rule
from annotools.records import record

_PACKAGE: Final = Path(__file__).parents[2]
_SECTION: Final = re.compile(r"^### ([a-z0-9-]+)\n(.*?)(?=^###? |\Z)", re.MULTILINE | re.DOTALL)
_SAMPLE: Final = re.compile(r"^(Bad|Good):\n\n```\w*\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
_HEAD: Final = re.compile(r"\*[^*]*\.\* ")
_LINK: Final = re.compile(r"\[([^]]+)\]\([^)]*\)")


@record
class Page:
    """One rule.

    why    paragraphs of text
    bad    a sample that gives the rule, as text; good: one that does not
    """

    rule: Rule
    why: str
    bad: str
    good: str

    def as_dict(self) -> dict[str, Any]:
        rule = self.rule
        return {
            "id": rule.id,
            "topic": rule.topic,
            "severity": rule.severity,
            "on_request": rule.on_request,
            "what": rule.summary,
            "why": self.why,
            "cost": rule.cost,
            "fix": rule.fix,
            "bad": self.bad,
            "good": self.good,
        }


@functools.cache
def pages() -> Mapping[str, Page]:
    """The pages by rule, in the order of RULES. SourceError where the text is missing."""
    sections = dict(_SECTION.findall(_text()))
    return {id: _page(rule, sections.get(id, "")) for id, rule in RULES_BY_ID.items()}


def _text() -> str:
    for folder in (_PACKAGE / "docs", _PACKAGE.parent / "docs"):
        file = folder / "rules.md"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise SourceError("the page of the rules is missing", path=str(_PACKAGE / "docs" / "rules.md"))


def _page(rule: Rule, section: str) -> Page:
    samples = dict(_SAMPLE.findall(section))
    why = _LINK.sub(r"\1", _HEAD.sub("", _SAMPLE.sub("", section).strip(), count=1))
    paragraphs = re.sub(r"\n{3,}", "\n\n", why)
    return Page(rule, paragraphs, *(samples.get(kind, "").rstrip("\n") for kind in ("Bad", "Good")))
