"""docs/rules.md tells the truth: every rule, its severity and its fix, and samples that do what they say."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from annotools.validation.rules.catalogue import RULES, RULES_BY_ID
from annotools.validation.validate import validate

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs" / "rules.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### ([a-z0-9-]+)\n(.*?)(?=^###? |\Z)", PAGE, re.MULTILINE | re.DOTALL))


class Sample(NamedTuple):
    rule: str
    kind: str
    text: str


SAMPLES = [
    Sample(rule, kind, text)
    for rule, section in SECTIONS.items()
    for kind, language, text in re.findall(
        r"^(Bad|Good):\n\n```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL
    )
    if language == "xml"
]


def test_page_lists_every_rule_in_the_order_of_the_catalogue() -> None:
    assert list(SECTIONS) == [rule.id for rule in RULES]


@pytest.mark.parametrize("rule", RULES_BY_ID)
def test_section_states_severity_and_fix_and_has_two_samples(rule: str) -> None:
    entry = RULES_BY_ID[rule]
    head = f"*{entry.severity}"
    head += ", on request" if entry.on_request else ""
    head += f"; fix: `{entry.fix}`" if entry.fix else ""
    assert SECTIONS[rule].strip().startswith(f"{head}.* ")
    assert [kind for kind in ("Bad", "Good") if f"\n{kind}:\n" in SECTIONS[rule]] == ["Bad", "Good"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample.rule}-{sample.kind}")
def test_sample(sample: Sample, tmp_path: Path) -> None:
    text = sample.text
    if not text.startswith("<annotation"):
        text = f"<annotation>\n{text}</annotation>\n"
    (tmp_path / "a.xml").write_text(text)
    found = {issue.rule for issue in validate(tmp_path, select=sample.rule, images="none")}
    assert found == ({sample.rule} if sample.kind == "Bad" else set())


def test_there_are_samples_to_run() -> None:
    assert len(SAMPLES) > 40


def hooks() -> dict[str, dict[str, str]]:
    """.pre-commit-hooks.yaml, whose few lines need no YAML parser."""
    found: dict[str, dict[str, str]] = {}
    for line in (REPOSITORY / ".pre-commit-hooks.yaml").read_text().splitlines():
        if match := re.fullmatch(r"(- |  )(\w+): (.*)", line):
            if match[1] == "- ":
                found[match[3]] = current = {}
            current[match[2]] = match[3]
    return found


@pytest.mark.parametrize("hook", hooks())
def test_pre_commit_hook_runs(hook: str, tree: Any) -> None:
    command = shlex.split(hooks()[hook]["entry"])
    program = Path(sys.executable).with_name(command[0])
    if not program.exists():
        pytest.skip("the annotools command is not installed beside this Python")
    tree.add("a", [("shoes", 30, 6, 5, 35)]).add("b")
    files = (
        [tree.root]
        if hooks()[hook].get("pass_filenames") == "false"
        else (tree.root / "Annotations").iterdir()
    )
    run = subprocess.run([program, *command[1:], *map(str, files)], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (1, "")
    assert "a.xml:7: bndbox: xmin is 30" in run.stdout
    assert re.search(hooks()[hook]["files"], "Annotations/a.xml")
