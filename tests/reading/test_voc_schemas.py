"""schemas/voc.xsd and schemas/record.schema.json, executed on every case."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from annotools import schema, testing
from annotools.formats import voc
from annotools.records import Annotation

VOC = Path(__file__).parents[1] / "data" / "voc"
VALID = sorted((VOC / "valid").glob("*.xml"))
INVALID = sorted((VOC / "invalid").glob("*/*.xml"))
SLOW = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# What XSD 1.0 cannot say, or where tags mean something else elsewhere: the reader's business alone.
BEYOND_XSD = {
    "1e999", "action_empty", "polygon_text", "two_difficult_by_case", "two_sizes", "cx_missing",
}  # fmt: skip


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", VALID, ids=_name)
def test_xsd_accepts_every_dialect_and_what_is_written(path: Path) -> None:
    data = path.read_bytes()
    assert voc.schema_issues(data) == []
    assert voc.schema_issues(voc.to_xml(voc.parse(data))) == []


@SLOW
@given(testing.annotations())
def test_xsd_accepts_everything_that_is_written(annotation: Annotation) -> None:
    assert voc.schema_issues(voc.to_xml(annotation)) == []


@pytest.mark.parametrize(
    "path",
    [path for path in INVALID if path.parent.name in ("missing-field", "field-invalid", "box-not-finite")],
    ids=_name,
)
def test_xsd_refuses_what_it_can_see(path: Path) -> None:
    data = path.read_bytes()
    issues = voc.schema_issues(data, "a.xml")
    if path.stem in BEYOND_XSD:
        assert issues == []
        return
    assert {(issue.rule, issue.severity, issue.path) for issue in issues} == {("schema", "error", "a.xml")}
    _, faults = voc.inspect(data)
    # a missing child is reported at its parent, whose end tag may follow
    assert any(abs((issue.line or 0) - (fault.line or 0)) <= 1 for issue in issues for fault in faults)


@pytest.mark.parametrize("rule", ["unparsable", "encoding"])
def test_an_unreadable_file_is_reported_as_that(rule: str) -> None:
    for path in (VOC / "invalid" / rule).glob("*.xml"):
        assert [issue.rule for issue in voc.schema_issues(path.read_bytes())] == [rule]


def test_lines_count_from_the_top_of_the_file() -> None:
    data = b"\n\n<annotation>\n<segmented>x</segmented></annotation>"
    assert [issue.line for issue in voc.schema_issues(data)] == [4]


@pytest.fixture(scope="module")
def validator() -> Any:
    loaded = schema.load("record.schema.json")
    jsonschema.Draft202012Validator.check_schema(loaded)
    return jsonschema.Draft202012Validator(loaded)


def _as_json(annotation: Annotation) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(annotation)))


@pytest.mark.parametrize("path", VALID, ids=_name)
def test_json_schema_accepts_the_records_of_the_cases(path: Path, validator: Any) -> None:
    validator.validate(json.loads(path.with_suffix(".json").read_text(encoding="utf-8")))
    validator.validate(_as_json(voc.parse(path.read_bytes(), str(path))))


def test_json_schema_accepts_every_record(validator: Any) -> None:
    @SLOW
    @given(testing.annotations())
    def accepts(annotation: Annotation) -> None:
        validator.validate(_as_json(annotation))

    accepts()


@pytest.mark.parametrize("path", INVALID, ids=_name)
def test_json_schema_accepts_what_could_be_read_of_a_faulty_file(path: Path, validator: Any) -> None:
    annotation, _ = voc.inspect(path.read_bytes())
    if annotation is not None:
        validator.validate(_as_json(annotation))


def test_json_schema_names_exactly_the_fields_of_the_records(validator: Any) -> None:
    record = _as_json(voc.parse((VOC / "valid" / "voc2012_layout.xml").read_bytes()))
    for change in (
        {"colour": "red"},
        {"filename": 3},
        {"segmented": 1},
        {"size": {"width": 1.5, "height": 1, "depth": 1}},
        {"size": {"width": 1, "height": 1}},
        {"objects": [{**record["objects"][0], "name": None}]},
        {"objects": [{**record["objects"][0], "bndbox": [1, 2, 3, 4]}]},
        {"objects": [{**record["objects"][0], "rotated": {"points": [], "extras": []}}]},
        {"objects": [{**record["objects"][0], "actions": [["run", 1]]}]},
    ):
        assert not validator.is_valid({**record, **change}), change
    for name in record:
        assert not validator.is_valid({key: value for key, value in record.items() if key != name}), name
