"""The command in a shell: closed pipes, full disks, terminals of other encodings, wrong words."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from annotools.cli import COMMANDS, GROUPS, build_parser, parse

ANNOTOOLS = (sys.executable, "-m", "annotools")


def run(*words: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ANNOTOOLS, *map(str, words)], text=True, stderr=subprocess.PIPE, check=False,
        **{"stdout": subprocess.PIPE, **options},
    )  # fmt: skip


@pytest.mark.parametrize("words", [("validate", "--rules"), ("classes", "SAMPLE"), ("--help",)])
def test_a_reader_that_goes_is_told_nothing(words: tuple[str, ...], sample_data: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    done = run(*(sample_data if word == "SAMPLE" else word for word in words), stdout=write)
    os.close(write)
    assert done.stderr == ""
    assert done.returncode == (0 if words == ("--help",) else 2)  # argparse itself ignores it in help


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("command", ["classes", "validate"])
def test_a_full_disk_is_not_a_fault_of_the_data(command: str, sample_data: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = run(command, sample_data, stdout=full)
    assert done.returncode == 2
    assert done.stderr == "annotools: the output cannot be written: No space left on device\n"


def test_names_that_a_terminal_cannot_show_are_escaped(tree: Any) -> None:
    tree.add("a", [("手机", 5, 6, 30, 35)])
    done = run("classes", tree.root, env={**os.environ, "PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stdout) == (0, "1\t1\t\\u624b\\u673a\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("validat", "."), "did you mean validate?"),
        (("convert", ".", "out", "--to", "tfrecords"), "did you mean tfrecord?"),
        (("convert", ".", "out", "--to", "tfrecord", "--shardz", "3"), "did you mean --shards?"),
        (("validate", ".", "--formt=json"), "did you mean --format?"),
        (("verify",), "the following arguments are required: output"),
        ((), "the following arguments are required: COMMAND"),
        (("nothing-like-it",), "invalid choice: 'nothing-like-it'"),
    ],
)
def test_a_wrong_command_line_is_one_line(words: tuple[str, ...], told: str) -> None:
    done = run(*words)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_version() -> None:
    assert run("-V").stdout == run("--version").stdout != ""


def test_every_command_is_there() -> None:
    for name in COMMANDS:
        assert f"annotools {name}" in run(name, "--help").stdout
    build_parser()


def test_a_command_loads_no_other() -> None:
    code = (
        "import sys, annotools.cli as cli; cli.parse(['classes', 'x']);"
        "print([name for name in sys.modules if name.startswith('annotools.commands.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "annotools.commands.evaluate" not in done.stdout
    assert "annotools.commands.classes" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh", "powershell"])
def test_completion_knows_every_command_and_option(shell: str) -> None:
    script = run("completion", shell).stdout
    assert all(name in script for name in COMMANDS)
    assert "box-origin" in script


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes(tmp_path: Path) -> None:
    (tmp_path / "complete").write_text(run("completion", "bash").stdout, encoding="utf-8")
    code = (
        "source ./complete; COMP_WORDS=(annotools verify --a); COMP_CWORD=2; "
        "complete=$(complete -p annotools | sed 's/.*-F \\([^ ]*\\).*/\\1/'); "
        "$complete annotools --a verify; echo ${COMPREPLY[@]}"
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "--against" in done.stdout, done.stderr


def test_help_lists_every_command_in_one_of_its_groups() -> None:
    told = run("--help").stdout
    for title, commands in GROUPS.items():
        section = told.split(f"\n{title}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines()] == list(commands)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples_that_parse(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    examples = done.stdout.split("\nexamples:\n")[1].splitlines()
    assert examples
    for line in examples:
        words = re.sub(r'eval "\$\((.*)\)"', r"\1", line.strip())
        name, *rest = shlex.split(words)
        assert name == "annotools"
        assert parse(rest).command == command


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({}, False), ({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False)],
)
@pytest.mark.parametrize("command", ["validate", "stats", "rule box-tiny", "verify", "diff"])
def test_colours(
    command: str, variables: dict[str, str], coloured: bool, sample_data: Path, tmp_path: Path
) -> None:
    words = {
        "validate": ["validate", sample_data],
        "stats": ["stats", sample_data],
        "verify": ["verify", tmp_path],
        "diff": ["diff", sample_data, sample_data / "Annotations" / "shelf-001.xml"],
    }.get(command, command.split())
    environment = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    done = run(*words, env={**environment, **variables})
    assert ("\x1b[" in done.stdout + done.stderr) == coloured
