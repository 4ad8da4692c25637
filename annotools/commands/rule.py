"""`annotools rule`: what a rule finds and why, with samples and the repair."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from annotools.commands.colour import paint

if TYPE_CHECKING:
    from annotools.validation.rules.pages import Page

_COSTS = {
    "nothing": "convert leaves out nothing for it",
    "object": "convert leaves out the object",
    "image": "convert leaves out the image",
    "set": "convert writes nothing at all",
}
_WIDTH = 100


EXAMPLES = """\
    annotools rule box-inverted
    annotools rule 'size-*' --format json
"""


def add_rule_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "id", nargs="*", metavar="ID", help="of the rule; box-* works (default: a list of all)"
    )
    parser.add_argument("--all", action="store_true", help="explain every rule")
    parser.add_argument("--format", default="text", choices=["text", "json"])


def run_rule(args: argparse.Namespace) -> int:
    """Print the explanations, or the list of all rules. OptionError for a rule that there is not."""
    from annotools.issues import RULES
    from annotools.validation.rules.pages import pages
    from annotools.validation.settings import expand

    wanted = {rule.id for rule in RULES} if args.all or not args.id else expand(args.id, "ID")
    chosen = [page for id, page in pages().items() if id in wanted]
    if args.format == "json":
        print(json.dumps([page.as_dict() for page in chosen], indent=2))
    elif args.all or args.id:
        print("\n\n".join("\n".join(_explained(page)) for page in chosen))
    else:
        print("\n".join(listed()))
    return 0


def listed() -> Iterator[str]:
    """One line for each rule."""
    from annotools.issues import RULES

    for rule in RULES:
        notes = [] if rule.fix is None else [f"--fix {rule.fix}"]
        notes += ["on request"] if rule.on_request else []
        told = f"  ({', '.join(notes)})" if notes else ""
        yield f"{rule.id:<28} {rule.severity:<8} {rule.summary}{told}"


def _explained(page: Page) -> Iterator[str]:
    rule = page.rule
    asked = ", only on request (--extend-select)" if rule.on_request else ""
    yield paint(f"{rule.id}: {rule.severity}{asked}; {_COSTS[rule.cost]}", "bold")
    yield from ("", *_wrapped(rule.summary), "", *_paragraphs(page.why))
    for kind, sample in (("bad", page.bad), ("good", page.good)):
        if sample:
            yield from ("", f"{kind}:", *(f"    {line}".rstrip() for line in sample.split("\n")))
    yield ""
    if rule.fix is not None:
        from annotools.repair.fixes import FIXES

        yield f"repair: annotools fix SOURCE OUTPUT --fix {rule.fix}"
        yield f"        ({FIXES[rule.fix]})"
    yield f"not wanted: annotools validate SOURCE --ignore {rule.id}"


def _paragraphs(text: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        if number:
            yield ""
        if paragraph.startswith(("```", "|", "- ")):
            yield from paragraph.split("\n")
        else:
            yield from _wrapped(paragraph)


def _wrapped(text: str) -> Sequence[str]:
    return textwrap.wrap(text.strip(), _WIDTH, break_long_words=False, break_on_hyphens=False)
