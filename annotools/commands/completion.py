"""`annotools completion`: a script with which a shell completes commands, options and files."""

from __future__ import annotations

import argparse

SHELLS = ("bash", "zsh", "fish", "tcsh", "powershell")


EXAMPLES = """\
    eval "$(annotools completion bash)"
"""


def add_completion_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS)


def run_completion(args: argparse.Namespace) -> int:
    """Print the script. It is made from the parser of all commands."""
    import shtab

    print(shtab.complete(args.parsers(), args.shell))
    return 0
