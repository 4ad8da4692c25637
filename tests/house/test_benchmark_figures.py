"""No figure is typed by hand: tables are what scripts printed, and texts quote tables."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BENCHMARKS = REPOSITORY / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import figures  # noqa: E402

TABLES = figures.TABLES.read_text(encoding="utf-8")
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")

SAMPLE = """
<!-- table speed -->
Some words.

| program | us | times |
|---------|----|-------|
| ours | 1,234.5 | |
| theirs | 2,100 | 2.94 |

| program | MB |
|---------|----|
| ours | 30 |

<!-- end -->
It is <!-- figure speed | theirs | times -->9<!-- end --> times as fast.
"""


def test_each_script_has_its_table_and_each_table_its_script() -> None:
    marked = re.findall(r"<!-- table (\w+) -->", TABLES)
    assert sorted(marked) == sorted({*figures.SCRIPTS, "machine"})
    assert TABLES.count("<!-- end -->") == len(marked) + TABLES.count("<!-- figure ")
    for command, _ in figures.SCRIPTS.values():
        assert (BENCHMARKS / command.split()[0]).is_file()


def test_quoted_figures_are_those_of_the_tables() -> None:
    found = [*figures.quotes(README, TABLES), *figures.quotes(TABLES, TABLES)]
    assert found
    assert [(where, said) for where, said, is_ in found if said != is_] == []


def test_readme_has_no_other_comparison() -> None:
    """`3 times as fast`, `2.9x`: only as a quote."""
    rest = re.sub(r"<!-- figure .*?<!-- end -->", "", README, flags=re.S)
    rest = re.sub(r"```.*?```", "", rest, flags=re.S)
    assert re.findall(r"\b(?:[\d.]+|twice|half)\s*(?:x\b|times\b)?\s+as\s+fast", rest) == []
    assert re.findall(r"\b\d+(?:\.\d+)?\s*(?:times|x faster|us an image)\b", rest) == []


def test_a_cell_is_found_by_table_row_and_column() -> None:
    assert figures.cell(SAMPLE, "speed", "ours", "us") == "1,234.5"
    assert figures.cell(SAMPLE, "speed", "ours", "MB") == "30"
    for place in [("speed", "nobody", "us"), ("speed", "ours", "h"), ("size", "ours", "us")]:
        with pytest.raises(KeyError):
            figures.cell(SAMPLE, *place)


@pytest.mark.parametrize(
    ("cell", "quoted"),
    [("2.94", "2.9"), ("12.71", "13"), ("0.0512", "0.051"), ("1,234.5", "1200"), ("3", "3")],
)
def test_a_quote_has_two_digits(cell: str, quoted: str) -> None:
    assert figures.rounded(cell) == quoted


def test_a_quote_follows_its_table() -> None:
    ((where, said, is_),) = figures.quotes(SAMPLE, SAMPLE)
    assert (where, said, is_) == ("speed | theirs | times", "9", "2.9")
    assert "times -->2.9<!-- end --> times as fast" in figures.with_quotes(SAMPLE, SAMPLE)


def test_a_table_is_replaced_and_nothing_else() -> None:
    new = figures.replace_table(SAMPLE, "speed", "| a |\n|---|\n| \\1 |\n")
    assert "| \\1 |\n\n<!-- end -->\nIt is" in new
    assert "theirs |" not in new.split("It is")[0]
    assert figures.replace_table(new, "speed", "| a |\n|---|\n| \\1 |") == new
    with pytest.raises(KeyError):
        figures.replace_table(SAMPLE, "size", "")


def test_a_script_is_run_and_its_table_written(tmp_path: Path) -> None:
    """A copy of the folder, so that the tables of this checkout stay."""
    for name in (
        "figures.py",
        "startup.py",
        "measure.py",
        "README.md",
        "convert_tfrecord.py",
        "dataset.py",
        "peers.py",
    ):
        (tmp_path / "benchmarks").mkdir(exist_ok=True)
        (tmp_path / "benchmarks" / name).write_bytes((BENCHMARKS / name).read_bytes())
    (tmp_path / "README.md").write_text(README, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "benchmarks" / "figures.py"), "--short", "startup"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    text = (tmp_path / "benchmarks" / "README.md").read_text(encoding="utf-8")
    block = text.split("<!-- table startup -->")[1].split("<!-- end -->")[0]
    assert "| annotools --help" in block
    assert "`startup.py --runs 5`, 2" in block
    assert "cores, " in text.split("<!-- table machine -->")[1].split("<!-- end -->")[0]
