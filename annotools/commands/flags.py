"""Flags of a command from a record of options, and keywords from what they were given.

add_flags(parser, FixOptions)                        # --images {copy,link,none}, --dry-run
fix(source, output, **keywords(FixOptions, args))
"""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from annotools.options import SAME, Option, described

_SHORT = {"--quiet": "-q"}


def add_flags(parser: argparse.ArgumentParser, record: Any) -> None:
    """A flag for each option of a record, in the order of its fields."""
    groups: dict[str, Any] = {"": parser}
    for name, about, default in described(record):
        if about.flag != "":
            if about.group not in groups:
                groups[about.group] = parser.add_argument_group(about.group)
            flag = about.flag_of(name)
            flags = [_SHORT[flag], flag] if flag in _SHORT else [flag]
            groups[about.group].add_argument(*flags, dest=name, **_argument(about, default))


def _argument(about: Option, default: Any) -> dict[str, Any]:
    """What argparse is told about an option. An absent flag sets nothing: the keyword keeps its default."""
    allowed = ", ".join(about.choices)
    shown: dict[str, Any] = {"help": about.help.format(default=default, choices=allowed).replace("%", "%%")}
    absent = default if about.absent is SAME else about.absent
    if isinstance(default, bool):
        return {**shown, "action": "store_const", "const": not absent, "default": absent}
    if about.gather is not None:
        shown["action"] = "append"
    if about.choices:
        shown["choices"] = about.choices
    else:
        shown["metavar"] = about.metavar
    return {
        **shown,
        "type": about.read,
        "required": default is dataclasses.MISSING,
        "default": argparse.SUPPRESS if about.absent is SAME else about.absent,
    }


def keywords(record: Any, args: argparse.Namespace) -> dict[str, Any]:
    """The keywords that the command line gives; of an absent flag none, so that the default holds."""
    given = {}
    for name, about, _ in described(record):
        if about.flag != "" and hasattr(args, name):
            value = getattr(args, name)
            given[name] = value if about.gather is None else about.gather(value)
    return given
