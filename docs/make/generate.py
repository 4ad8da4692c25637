"""Writes the pages that follow from the code: `python docs/make/generate.py`. A test tells when that is due.

docs/cli.md     every command with its flags, from the parsers
docs/codes.md   every code under which something is left out, repaired or found wrong
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from annotools.cli import COMMANDS, build_parser
from annotools.issues import RULES
from annotools.repair.fixes import FIXES

DOCS = Path(__file__).parents[1]
NOTE = "<!-- Made by docs/make/generate.py from the code: change that, and run it again. -->"

LOST_ELSEWHERE = {"not-in-split": "The image is in none of the lists that `--split` names."}
LEFT_OUT = {
    "degenerate": "The box has no area after rounding.",
    "center-outside": "The centre of the object lies outside of the crop.",
    "outside": "Nothing of the object is in the picture.",
    "low-visibility": "Less of it is visible than `BoxPolicy(min_visibility)`.",
    "too-small": "Smaller than `min_size` or `min_area` in the output.",
    "too-long": "Longer and thinner than `max_aspect`.",
    "erased": "Cutout or RandomErase covers it.",
    "difficult": "`keep_difficult=False` leaves out difficult objects.",
    "max-boxes": '`overflow="drop_smallest"`: more objects than `max_boxes`.',
}
COST = {
    "object": "the object",
    "image": "the image",
    "set": "nothing can be written: the fault is of the set as a whole",
}


def cli_page() -> str:
    """Commands and flags."""
    parser = build_parser()
    actions = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    parts = [
        NOTE,
        "# The command line",
        "`annotools COMMAND --help` says the same in a terminal. The result goes to stdout, progress and log "
        "to stderr, a bar only to a terminal. Exit codes: 0 clean, 1 the data has problems, 2 usage or I/O, "
        "130 interrupted.",
        _table(("command", ""), ((f"[`{name}`](#{name})", COMMANDS[name]) for name in COMMANDS)),
    ]
    for name in COMMANDS:
        parts += _command(name, actions.choices[name])
    return "\n\n".join(parts) + "\n"


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    yield f"## {name}"
    yield f"{COMMANDS[name][0].upper()}{COMMANDS[name][1:]}."
    named = {"positional arguments": "Arguments", "options": "Options"}
    for group in parser._action_groups:
        rows = [
            (_flags(action), _help(parser, action)) for action in group._group_actions if _is_shown(action)
        ]
        if rows:
            title = str(group.title)
            yield _table((named.get(title, title[0].upper() + title[1:]), ""), rows)


def _is_shown(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._HelpAction) and action.help != argparse.SUPPRESS


def _flags(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else None
    if action.choices is not None and not action.metavar:
        value = "{" + ",".join(map(str, action.choices)) + "}"
    if not action.option_strings:
        return f"`{value or action.dest}`"
    if action.nargs != 0 and value is None:
        value = action.dest.upper()
    return "`" + ", ".join(action.option_strings) + (f" {value}" if value and action.nargs != 0 else "") + "`"


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    return f"{text}{'; ' if text else ''}required" if action.required and action.option_strings else text


def codes_page() -> str:
    """The codes of the ledger, of repairs, of the loader and of `verify`."""
    taken = [rule for rule in RULES if rule.cost != "nothing"]
    rules = ((f"[`{r.id}`](rules.md#{r.id})", r.summary, COST[r.cost], _code(r.fix)) for r in taken)
    removes = ((f"`{name}`", _sentence(text)) for name, text in FIXES.items() if name.startswith("drop-"))
    return (
        "\n\n".join(
            [
                NOTE,
                "# Codes",
                "What is not in an output is in its ledger, under one of these codes: in `manifest.json`, in "
                "the summary of `convert`, in `ConvertResult.ledger` and in `--report`. Found = written "
                "+ lost, for images and for objects.",
                "## What `convert --on-error skip` leaves out",
                _table(("code", "", "what is left out", "`--fix`"), rules),
                _table(("code", ""), ((f"`{code}`", text) for code, text in LOST_ELSEWHERE.items())),
                "## What repairs take away",
                _table(("code", ""), removes),
                "All repairs are listed with file and line, those that take nothing away too: [Fix](fix.md).",
                "## What the loader leaves out of a batch",
                "Counted in `left_out` of `make_dataset(..., left_out=True)`, by `explain` and by `apply`.",
                _table(("code", ""), ((f"`{code}`", text) for code, text in LEFT_OUT.items())),
                "## What `verify` finds",
                _table(("code", ""), _faults()),
            ]
        )
        + "\n"
    )


def _faults() -> Iterator[tuple[str, str]]:
    from annotools.verification import verify

    for codes, text in re.findall(
        r"^    ((?:[a-z0-9-]+, )*[a-z0-9-]+) +(.*)$", str(verify.__doc__), re.MULTILINE
    ):
        yield ", ".join(f"`{code}`" for code in codes.split(", ")), _sentence(text)


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:].rstrip(".") + "."


def _code(text: str | None) -> str:
    return f"`{text}`" if text else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *(map(_cell, row) for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    text = text.replace("|", "\\|")
    return text if text.startswith("`") else text.replace("<", "&lt;")


PAGES: dict[str, Callable[[], str]] = {"cli.md": cli_page, "codes.md": codes_page}

if __name__ == "__main__":
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), encoding="utf-8")
