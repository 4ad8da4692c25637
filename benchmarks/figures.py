"""All tables of README.md in this folder: runs the script of each, and writes what it printed.

    make bench [SHORT=--short] [PEERS=DIR] [TABLES="startup overlap"]
    python benchmarks/figures.py [--short] [--peers DIR] [--folder DIR] [NAME ...]

Hours, with --short minutes. What a script prints stands between `<!-- table NAME -->` and `<!-- end -->`,
with the arguments, the day, the commit, and the load of the machine at the end. Where a text quotes a figure,
it stands between `<!-- figure TABLE | ROW | COLUMN -->` and `<!-- end -->`, is taken from the table, and
rounded to two digits; --quotes does only that. Nothing between these marks is typed by hand.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

HERE = Path(__file__).parent
TABLES = HERE / "README.md"
QUOTING = (HERE.parent / "README.md", TABLES)

SCRIPTS: dict[str, tuple[str, str]] = {
    "startup": ("startup.py", "--runs 5"),
    "convert": ("convert_tfrecord.py PEERS FOLDER", "--files 200,1000 --runs 3"),
    "read": ("read_peers.py PEERS FOLDER", "--files 1000 --runs 3"),
    "read_xml": ("read_xml.py FOLDER", "--files 1000 --runs 3"),
    "validate": ("validate.py PANLABEL FOLDER", "--files 1000 --runs 3"),
    "validate_memory": ("validate.py --files 1000 --runs 1 --memory 5000,100000 FOLDER", "--memory 500,2000"),
    "overlap": ("overlap.py", "--boxes 2500,10000 --runs 1"),
    "framing": ("framing.py", "--records 500 --runs 3"),
    "verify": ("verify.py", "--files 500 --runs 3"),
    "planning": ("planning.py FOLDER", "--sizes 1000,10000 --runs 1"),
    "memory": ("memory.py FOLDER", "--files 500,2000"),
    "beam": ("beam.py", "--files 200 --runs 1"),
    "stats": ("stats.py FOLDER", "--files 1000 --runs 1"),
    "view": ("view.py FOLDER", "--files 1000 --runs 1"),
    "evaluate": ("evaluate.py", "--images 500 --detections 5000 --runs 1"),
    "targets": ("targets.py", "--images 128 --runs 2"),
    "loader": ("loader.py PEERS", "--images 256 --rounds 2"),
}
"""By name of the table: the script with its arguments, and what makes it short."""

_TABLE = re.compile(r"<!-- table (\w+) -->\n(.*?)<!-- end -->", re.S)
_QUOTE = re.compile(r"<!-- figure (\w+) \| ([^|>]+?) \| ([^|>]+?) -->(.*?)<!-- end -->", re.S)


def replace_table(text: str, name: str, content: str) -> str:
    """`text` with another table of that name. KeyError where it has none."""
    if name not in {match[1] for match in _TABLE.finditer(text)}:
        raise KeyError(name)
    new = f"<!-- table {name} -->\n{content.strip()}\n\n<!-- end -->"
    return _TABLE.sub(lambda match: new if match[1] == name else match[0], text)


def cell(text: str, table: str, row: str, column: str) -> str:
    """The first cell of that row and column in the tables of that name. KeyError where there is none."""
    header: list[str] = []
    for content in (match[2] for match in _TABLE.finditer(text) if match[1] == table):
        for line in content.splitlines():
            if not line.startswith("|"):
                header = []
                continue
            cells = [one.strip() for one in line.strip("|").split("|")]
            header = header or cells
            if cells[0] == row and column in header:
                return cells[header.index(column)]
    raise KeyError(f"{table} | {row} | {column}")


def rounded(figure: str) -> str:
    """Two digits of a number: 2.94 is 2.9, 12.7 is 13, 0.0512 is 0.051."""
    return f"{float(f'{float(figure.replace(chr(44), str())):.2g}'):g}"


def quotes(text: str, tables: str) -> Iterator[tuple[str, str, str]]:
    """(where it is from, what it says, what the table says) of each quoted figure."""
    for match in _QUOTE.finditer(text):
        yield " | ".join(match.groups()[:3]), match[4], rounded(cell(tables, match[1], match[2], match[3]))


def with_quotes(text: str, tables: str) -> str:
    """`text` with each quoted figure as the tables have it now."""

    def new(match: re.Match[str]) -> str:
        figure = rounded(cell(tables, match[1], match[2], match[3]))
        return f"<!-- figure {match[1]} | {match[2]} | {match[3]} -->{figure}<!-- end -->"

    return _QUOTE.sub(new, text)


def machine() -> str:
    """What the tables were made on."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    packages = []
    for name in ("lxml", "numpy", "tensorflow"):
        try:
            packages.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    python = f"Python {platform.python_version()}"
    return f"{model}, {os.cpu_count()} cores, {platform.system()}; {python}, {', '.join(packages)}."


def stamp(arguments: str) -> str:
    """A line under a table; the commit is the last one that changed the package."""
    commit = _git("log", "-1", "--format=%h", "--", "../annotools")
    if _git("status", "--porcelain", "--", "../annotools"):
        commit += " and changes"
    load = f", load {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    return f"`{arguments}`, {time.strftime('%Y-%m-%d')}, {commit}{load}"


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True).stdout.strip()


def run(name: str, folder: str, peers: str | None, more: str) -> str | None:
    """What the script of a table printed, with its stamp; None where it failed. more: arguments for it."""
    command = SCRIPTS[name][0]
    panlabel = peers and os.path.join(peers, "panlabel", "bin", "panlabel")
    values = {
        "PEERS": ["--peers", peers] if peers else [],
        "PANLABEL": ["--panlabel", panlabel] if panlabel and os.path.exists(panlabel) else [],
        "FOLDER": ["--folder", folder],
    }
    words = [*command.split(), *more.split()]
    arguments = [part for word in words for part in values.get(word, [word])]
    done = subprocess.run([sys.executable, str(HERE / arguments[0]), *arguments[1:]], stdout=-1, text=True)
    if done.returncode:
        print(f"{name}: exit {done.returncode}; its table stays as it is", file=sys.stderr)
        return None
    printed = re.sub(r"(?m)^([^|\n].*)\n\|", r"\1\n\n|", done.stdout.strip())  # Markdown wants a blank line
    shown = " ".join(word for word in words if word not in values)
    return f"{printed}\n\n{stamp(shown)}"


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    text = path.read_text(encoding="utf-8")
    if (new := change(text)) != text:
        path.write_text(new, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: all: {', '.join(SCRIPTS)}")
    parser.add_argument("--short", action="store_true", help="few files and rounds: minutes")
    parser.add_argument("--arguments", default="", help="for the scripts of the named tables, instead")
    parser.add_argument("--peers", help="where peers.py has installed them")
    parser.add_argument("--folder", help="where to work, and to keep the data; default: a new one")
    parser.add_argument("--quotes", action="store_true", help="run nothing")
    args = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as temporary:
        for name in () if args.quotes else args.names or SCRIPTS:
            print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
            more = args.arguments or (SCRIPTS[name][1] if args.short else "")
            found = run(name, args.folder or temporary, args.peers, more)
            failed += found is None
            if found is not None:
                rewrite(TABLES, lambda text, name=name, found=found: replace_table(text, name, found))  # type: ignore[misc]
    if not args.quotes:
        rewrite(TABLES, lambda text: replace_table(text, "machine", machine()))
    tables = TABLES.read_text(encoding="utf-8")
    for path in QUOTING:
        rewrite(path, lambda text: with_quotes(text, tables))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
