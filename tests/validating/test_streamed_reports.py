"""Reports that are written while the findings come are those of all findings, and keep none of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from annotools.issues import Issue
from annotools.validation.reports import text as reports
from annotools.validation.result import Summary, ValidationResult
from annotools.validation.rules.catalogue import RULES


def result(count: int) -> ValidationResult:
    summary = Summary()

    def found() -> Iterator[Issue]:
        for number in range(count):
            summary.severities["error"] += 1
            yield Issue.of(RULES[number % len(RULES)].id, f'a "quoted"\nline [] {number}', "ü/a.xml", number)

    return ValidationResult(found(), summary, "root")


@pytest.mark.parametrize("count", [0, 1, 100])
@pytest.mark.parametrize("form", ["concise", "json", "github", "sarif"])
def test_pieces_are_the_report(form: str, count: int) -> None:
    whole = result(count)
    given = reports.sarif(whole, "1") if form == "sarif" else getattr(reports, form)(whole)
    streamed = result(count)
    assert "".join(reports.pieces(streamed, form, "1")) == given
    assert streamed.issues == []
    assert streamed.summary.severities["error"] == count
    assert len(whole.issues) == count


@pytest.mark.parametrize("form", ["json", "sarif"])
@pytest.mark.parametrize("count", [0, 2])
def test_json_is_laid_out_as_json_lays_it_out(form: str, count: int) -> None:
    given = "".join(reports.pieces(result(count), form, "1"))
    assert json.dumps(json.loads(given), ensure_ascii=False, indent=1) + "\n" == given


def test_what_was_found_before_comes_once_more() -> None:
    some = result(5)
    first = next(iter(some))
    again = list(some.once())
    assert again[0] == first
    assert len(again) == 5
    assert list(some) == []


def test_a_report_in_pieces_can_go_to_a_file(tmp_path: Path) -> None:
    from annotools.commands.validate import save

    save(reports.pieces(result(3), "json", "1"), str(tmp_path / "a.json"))
    assert len(json.loads((tmp_path / "a.json").read_bytes())["issues"]) == 3
