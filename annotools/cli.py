"""The `annotools` command: a thin shell. Each command brings its own arguments and its own `run`.

Exit codes: 0 clean, 1 the data has problems, 2 usage or I/O, 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from annotools import __version__
from annotools.errors import AnnotoolsError
from annotools.files.system import discard

GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "convert": {
        "convert": "convert annotations and images to TFRecord, pickle, COCO or YOLO",
        "verify": "check that an output is whole and is what its source says",
        "classes": "list the classes of a source, or write them as a class file",
    },
    "check and repair": {
        "validate": "check annotations and images against the rules",
        "rule": "explain a rule: what it finds, why it matters, a bad and a good sample, the repair",
        "fix": "write repaired copies of the annotations, by the rules that are named",
    },
    "look": {
        "stats": "say what is in a data set: classes, sizes, splits, places worth a look",
        "show": "draw a contact sheet: pictures with boxes, names, flags and problems",
        "report": "write one HTML page: charts, pictures with boxes, findings, what changed",
        "diff": "say what changed from one data set to another: images, objects, classes",
    },
    "measure": {
        "evaluate": "compare detections with the ground truth: average precision, errors by kind",
    },
    "your shell": {
        "completion": "print a script that completes commands and options in a shell",
    },
}
COMMANDS: Final = {name: summary for group in GROUPS.values() for name, summary in group.items()}
"""Name and summary of each command. `commands/NAME.py` has its `add_NAME_arguments` and `run_NAME`."""


class Parser(argparse.ArgumentParser):
    """One line for a wrong command line, with the word that was probably meant."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}{self._hint(message)} (see {self.prog} --help)\n")

    def _hint(self, message: str) -> str:
        if wrong := re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message):
            return _did_you_mean(wrong[1], re.findall(r"[^\s',]+", wrong[2]))
        if wrong := re.search(r"unrecognized arguments: (--?[^\s=]+)", message):
            return _did_you_mean(wrong[1], self._option_string_actions)
        return ""


class RootParser(Parser):
    """Its help lists the commands by what one wants."""

    def format_help(self) -> str:
        lines = [f"usage: {self.prog} COMMAND ...", "", self.description or "", ""]
        for title, commands in GROUPS.items():
            lines += [f"{title}:", *(f"  {name:<11} {summary}" for name, summary in commands.items()), ""]
        lines += [f"{self.prog} COMMAND --help has the options and examples of a command.", *_NOTES]
        return "\n".join(lines) + "\n"


_NOTES: Final = (
    "-V, --version tells the version. NO_COLOR and FORCE_COLOR say whether there are colours.",
    "Exit codes: 0 clean, 1 the data has problems, 2 usage or I/O, 130 interrupted.",
)


def _did_you_mean(word: str, known: Iterable[str]) -> str:
    import difflib  # nobody waits for it but who has mistyped

    close = difflib.get_close_matches(word, list(known), n=1)
    return f", did you mean {close[0]}?" if close else ""


def build_parser(only: str | None = None) -> Parser:
    """The parser of all commands; with `only` the arguments of that command alone are loaded."""
    parser = RootParser(
        prog="annotools",
        description="Pascal VOC XML: look at it, check it, repair it, convert it for training.",
    )
    parser.add_argument("-V", "--version", action="version", version=f"annotools {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if only in (None, name):
            module: Any = importlib.import_module(f"annotools.commands.{name}")
            getattr(module, f"add_{name}_arguments")(command)
            command.epilog = f"examples:\n{module.EXAMPLES}"
            command.set_defaults(run=getattr(module, f"run_{name}"), parser=command)
    return parser


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command line; SystemExit with 2 and one line on stderr for a wrong one."""
    beam_options: Sequence[str] = ()
    if argv[:1] == ["convert"]:
        from annotools.commands.convert import split_beam_options

        argv, beam_options = split_beam_options(argv)
    name = next((word for word in argv if not word.startswith("-")), None)
    args, unknown = build_parser(name if name in COMMANDS else "").parse_known_args(argv)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.beam_options, args.version, args.parsers = beam_options, __version__, build_parser
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    # Records hold no circles, and what one image needs is freed at once: looking for garbage after every 700
    # new objects takes 5% of a validation and a tenth of `--help`.
    gc.set_threshold(20_000, 20, 50)
    _make_printable()
    try:
        args = parse(list(sys.argv[1:] if argv is None else argv))
        run: Callable[[argparse.Namespace], int] = args.run
        code = run(args)
        sys.stdout.flush()
        return code
    except AnnotoolsError as error:
        _complain(f"{error}{_notes(error)}")
        return error.exit_code
    except KeyboardInterrupt as error:
        print(f"annotools: interrupted{_notes(error)}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # the reader of our output has gone (`annotools ... | head`); Python would complain once more at exit
        discard(sys.stdout.fileno())
        return 2
    except OSError as error:
        if error.filename is not None:
            raise
        print(f"annotools: the output cannot be written: {error.strerror}", file=sys.stderr)
        discard(sys.stdout.fileno())
        return 2


def _make_printable() -> None:
    """Print what the terminal's encoding cannot hold as an escape, and not as an error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and stream.errors == "strict":
            reconfigure(errors="backslashreplace")


def _complain(text: str) -> None:
    """One line on stderr, whatever a name in it holds."""
    from annotools.commands.colour import paint
    from annotools.sources.storage import printable

    print(f"{paint('annotools', 'red', sys.stderr)}: {printable(text)}", file=sys.stderr)


def _notes(error: BaseException) -> str:
    return "".join(f"; {note}" for note in getattr(error, "__notes__", ()))


if __name__ == "__main__":
    sys.exit(main())
