"""The `annotools` command: a thin shell. Each command brings its own arguments and its own `run`.

Exit codes: 0 clean, 1 the data has problems, 2 usage or I/O, 130 interrupted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from annotools import __version__
from annotools.commands import classes, convert, evaluate, fix, stats, validate, verify
from annotools.errors import AnnotoolsError
from annotools.files.system import discard

Run = Callable[[argparse.Namespace], int]


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="annotools",
        description="Pascal VOC XML to typed records, pickle and sharded TFRecord.",
    )
    parser.add_argument("--version", action="version", version=f"annotools {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add(
        commands,
        "convert",
        "convert annotations and images to pickle or TFRecord",
        convert.add_convert_arguments,
        convert.run_convert,
    )
    _add(
        commands,
        "verify",
        "check that an output is whole and is what its source says",
        verify.add_verify_arguments,
        verify.run_verify,
    )
    _add(
        commands,
        "classes",
        "list the classes of a source, or write them as a class file",
        classes.add_classes_arguments,
        classes.run_classes,
    )
    _add(
        commands,
        "validate",
        "check annotations and images against the rules",
        validate.add_validate_arguments,
        validate.run_validate,
    )
    _add(
        commands,
        "fix",
        "write repaired copies of the annotations, by the rules that are named",
        fix.add_fix_arguments,
        fix.run_fix,
    )
    _add(
        commands,
        "evaluate",
        "compare detections with the ground truth: average precision, errors by kind",
        evaluate.add_evaluate_arguments,
        evaluate.run_evaluate,
    )
    _add(
        commands,
        "stats",
        "say what is in a data set: classes, sizes, splits, places worth a look",
        stats.add_stats_arguments,
        stats.run_stats,
    )
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    add_arguments: Callable[[argparse.ArgumentParser], None],
    run: Run,
) -> None:
    parser = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
    add_arguments(parser)
    parser.set_defaults(run=run)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    ours, beam_options = convert.split_beam_options(sys.argv[1:] if argv is None else argv)
    args = build_parser().parse_args(ours)
    args.beam_options = beam_options
    args.version = __version__
    run: Run = args.run
    try:
        return run(args)
    except AnnotoolsError as error:
        print(f"annotools: {error}{_notes(error)}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        print(f"annotools: interrupted{_notes(error)}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output has gone (`annotools ... | head`); Python would complain once more at exit
        discard(sys.stdout.fileno())
        return 2


def _notes(error: BaseException) -> str:
    return "".join(f"; {note}" for note in getattr(error, "__notes__", ()))


if __name__ == "__main__":
    sys.exit(main())
