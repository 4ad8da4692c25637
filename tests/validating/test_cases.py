"""Every rule against its cases: small data sets in tests/data/voc/invalid/<rule>/ and clean/<rule>/.

A case is a folder. `expect.txt` lists every finding of a run with all rules, one a line: the rule, the file
with its line, `#` and the object. `options.json` has keyword arguments of `validate`. A new case is a new
folder.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from annotools.validation.checker import check_annotation
from annotools.validation.rules.catalogue import RULES, RULES_BY_ID
from annotools.validation.settings import make_selection
from annotools.validation.validate import validate

VOC = Path(__file__).parents[1] / "data" / "voc"
CASES = sorted(file.parent for kind in ("invalid", "clean") for file in (VOC / kind).glob("*/*/expect.txt"))
FILES = sorted((VOC / "invalid").glob("*/*.xml"))
DIALECTS = sorted((VOC / "valid").glob("*.xml"))
# The cases of parsing are single files.
PARSED = {"unparsable", "wrong-root", "encoding", "missing-field", "field-invalid"}


def findings(case: Path) -> set[str]:
    options = {}
    if (case / "options.json").exists():
        options = json.loads((case / "options.json").read_text())
    source = case / options.pop("source", ".")
    if "classes" in options:
        options["classes"] = case / options["classes"]
    found = set()
    for issue in validate(source, **options):
        path = "" if issue.path is None else Path(issue.path).relative_to(case).as_posix()
        line = "" if issue.line is None else f":{issue.line}"
        index = "" if issue.object_index is None else f" #{issue.object_index}"
        found.add(f"{issue.rule} {path}{line}{index}".strip())
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(VOC).as_posix())
def test_case_gives_the_findings_it_lists_and_no_other(case: Path) -> None:
    assert findings(case) == set((case / "expect.txt").read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.relative_to(VOC).as_posix())
def test_case_is_in_the_folder_of_its_rule(case: Path) -> None:
    rules = {line.split()[0] for line in (case / "expect.txt").read_text(encoding="utf-8").splitlines()}
    assert (case.parent.name in rules) == (case.parents[1].name == "invalid")
    assert rules <= set(RULES_BY_ID)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(VOC).as_posix())
def test_single_file_that_cannot_be_read_well(file: Path) -> None:
    found = {issue.rule for issue in check_annotation(file, make_selection())}
    # These files show one fault of the text, and most have no <size> at all.
    assert found - {"size-missing", "box-outside-image"} == {file.parent.name}


@pytest.mark.parametrize("file", DIALECTS, ids=lambda file: file.stem)
def test_dialect_of_a_tool_is_no_error(file: Path) -> None:
    issues = check_annotation(file, make_selection(extend_select="schema"))
    errors = {issue.rule for issue in issues if issue.severity == "error"}
    # Some of their objects have another shape instead of a box, which is of no use for training.
    assert errors <= {"box-missing"}
    warnings = {issue.rule for issue in issues if issue.severity == "warning"}
    assert warnings <= {"size-missing", "rotated-box-ignored", "class-case-or-blank-variant"}


@pytest.mark.parametrize("kind", ["invalid", "clean"])
def test_every_rule_has_cases(kind: str) -> None:
    with_cases = {case.parent.name for case in CASES if case.parents[1].name == kind}
    assert {rule.id for rule in RULES} - with_cases - PARSED == set()
