"""`annotools verify`: flags to keyword arguments, the result to text or JSON."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from annotools.commands.colour import paint
from annotools.commands.flags import add_flags, keywords
from annotools.sources.storage import printable
from annotools.verification.options import VerifyOptions

if TYPE_CHECKING:
    from annotools.verification.verify import VerifyResult


EXAMPLES = """\
    annotools verify out
    annotools verify out --against VOCdevkit/VOC2007 --images decode
"""


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("output", help="folder that `annotools convert` wrote, or a single .pkl")
    add_flags(parser, VerifyOptions)
    parser.add_argument("--format", default="text", choices=["text", "json"])


def run_verify(args: argparse.Namespace) -> int:
    """Print every fault and what was read; 1 if there are faults, else 0."""
    from annotools.verification.verify import verify

    result = verify(args.output, **keywords(VerifyOptions, args))
    print(to_json(result) if args.format == "json" else to_text(result))
    return 0 if result.ok else 1


def to_text(result: VerifyResult) -> str:
    """One line for each fault and each shard that was salvaged, and a line that sums up."""
    lines = [printable(str(fault)) for fault in result.faults]
    total = sum(result.counts.values())
    if total > len(result.faults):
        lines.append(f"... and {total - len(result.faults)} more")
    lines += [f"salvaged: {printable(str(saved))}" for saved in result.salvaged]
    read = (
        f"{_count(result.shards, 'file')}, {_count(result.records, 'record')}, "
        f"{_count(result.objects, 'object')}, {result.bytes / 1e6:.1f} MB"
    )
    rules = ", ".join(f"{rule} {count}" for rule, count in result.counts.items())
    verdict = f"{_count(total, 'fault')} ({rules})" if total else "no faults"
    lines.append(f"{read}: {paint(verdict, 'red' if total else 'green')}")
    return "\n".join(lines)


def to_json(result: VerifyResult) -> str:
    """The same as JSON: schemas/verification.schema.json. ASCII, for names may hold anything."""
    return json.dumps(
        {
            "faults": [fault.as_dict() for fault in result.faults],
            "salvaged": [saved.as_dict() for saved in result.salvaged],
            "summary": {
                "shards": result.shards,
                "records": result.records,
                "objects": result.objects,
                "bytes": result.bytes,
                "faults": sum(result.counts.values()),
                "rules": dict(result.counts),
            },
        },
        indent=2,
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
