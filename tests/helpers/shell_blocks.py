"""Runs the shell commands of a text; `annotools ...` in this process, which saves its start each time."""

from __future__ import annotations

import doctest
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

from annotools import cli

REPOSITORY = Path(__file__).parents[2]
SHELL = set("|<>;&$*`(")
ELLIPSIS = doctest.OutputChecker()


def commands(text: str) -> list[tuple[str, int]]:
    """Command lines, continued ones in one, and the exit code that a comment `# exit code N` promises."""
    found = []
    for line in text.replace("\\\n", " ").splitlines():
        command, _, comment = line.partition("  #") if not line.startswith("#") else ("", "", "")
        if command.strip():
            promise = re.search(r"exit code (\d+)", comment)
            found.append((command.strip(), int(promise[1]) if promise else 0))
    return found


def run_block(example: Any) -> None:
    """A block of commands: each ends with 0, or with the exit code that its comment names."""
    for command, code in commands(example.parsed):
        run(command, code)


def run_console(example: Any) -> None:
    """A session: what stands below `$ command` is what it prints; `...` is anything."""
    parts = re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)
    assert parts[0] == "", "a session begins with $"
    for part in parts[1:]:
        line, _, wanted = part.replace("\\\n", " ").partition("\n")
        ((command, code),) = commands(line)
        printed = run(command, code)
        if wanted.strip() and not ELLIPSIS.check_output(wanted, printed, doctest.ELLIPSIS):
            raise AssertionError(f"$ {command}\nprints\n{printed}\nand not\n{wanted}")


def run(command: str, code: int = 0) -> str:
    """What a command prints. AssertionError for another exit code."""
    words = shlex.split(command)
    if words[:2] in (["pip", "install"], ["apt", "install"]) or words[0] in ("make", "git"):
        _look_at(words)
        return ""
    if words[0] == "annotools" and not SHELL & set(command):
        found, printed = _here(words[1:])
    else:
        found, printed = _elsewhere(command)
    assert found == code, f"$ {command}\nends with {found} and not {code}:\n{printed}"
    return printed


def _here(arguments: list[str]) -> tuple[int, str]:
    output = TextIOWrapper(BytesIO(), encoding="utf-8", write_through=True)
    with redirect_stdout(output), redirect_stderr(output):
        try:
            code = cli.main(arguments)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
    output.flush()
    return code, output.buffer.getvalue().decode()


def _elsewhere(command: str) -> tuple[int, str]:
    here = Path(sys.executable).parent
    prefix = f'export PATH="{here}:$PATH"; set -o pipefail; '
    if command.startswith("pytest"):
        command += " -p no:cacheprovider"
    done = subprocess.run(
        ["bash", "-c", prefix + command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout


def _look_at(words: list[str]) -> None:
    """Set-up is not run inside a test; what it names has to exist. tests/releasing installs the wheel."""
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        assert set(words[1:]) <= set(targets), words
    for extra in re.findall(r"\[([a-z,]+)\]", " ".join(words)):
        import tomllib

        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert set(extra.split(",")) <= set(project["optional-dependencies"]), extra
