"""The VOC reader: every dialect, and every fault with its line."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from annotools.errors import ParseError
from annotools.formats import voc
from annotools.records import Annotation, Box, Point, Polygon, Size

VOC = Path(__file__).parents[1] / "data" / "voc"
VALID = sorted((VOC / "valid").glob("*.xml"))
# The rules of the reader; the other folders belong to the rules that look at records.
READER_RULES = (
    "unparsable", "encoding", "wrong-root", "missing-field", "field-invalid", "box-missing", "box-not-finite",
)  # fmt: skip
INVALID = sorted(path for rule in READER_RULES for path in (VOC / "invalid" / rule).glob("*.xml"))


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


def _as_json(annotation: Annotation | None) -> Any:
    assert annotation is not None
    return json.loads(json.dumps(dataclasses.asdict(annotation)))


def one(inside: str, before: str = "") -> bytes:
    """A file with one object, whose tag stands in line 2."""
    return f"<annotation>{before}\n<object>{inside}</object>\n</annotation>".encode()


BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox>"


@pytest.mark.parametrize("path", VALID, ids=_name)
def test_valid_file_gives_the_record_beside_it(path: Path) -> None:
    annotation, issues = voc.inspect(path.read_bytes())
    assert issues == []
    assert _as_json(annotation) == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", VALID, ids=_name)
def test_reading_twice_and_writing_in_between_gives_the_same(path: Path) -> None:
    data = path.read_bytes()
    annotation = voc.parse(data, str(path))
    assert voc.parse(data) == annotation
    assert annotation.xml_path == str(path)
    assert voc.parse(voc.to_xml(annotation)) == annotation
    assert voc.object_names(data) == [item.name for item in annotation.objects]


@pytest.mark.parametrize("path", INVALID, ids=_name)
def test_invalid_file_gives_its_rule_and_only_that(path: Path) -> None:
    data = path.read_bytes()
    annotation, issues = voc.inspect(data, "x.xml")
    assert {(issue.rule, issue.severity) for issue in issues} == {(path.parent.name, "error")}
    assert all(issue.path == "x.xml" for issue in issues)
    unreadable = path.parent.name in ("unparsable", "encoding", "wrong-root")
    assert (annotation is None) == unreadable
    names = [item.name for item in annotation.objects] if annotation else []
    assert voc.object_names(data) == names
    with pytest.raises(ParseError) as caught:
        voc.parse(data, "x.xml")
    assert caught.value.path == "x.xml"
    assert caught.value.line == issues[0].line
    assert caught.value.expected or path.parent.name == "box-missing"


def test_every_rule_of_the_reader_has_cases() -> None:
    assert {path.parent.name for path in INVALID} == set(READER_RULES)


@pytest.mark.parametrize(
    ("data", "rule", "line", "index", "field", "found"),
    [
        (one(f"<name>a</name>\n{BOX.replace('>3<', '>x<')}"), "field-invalid", 3, 0, "xmax", "x"),
        (one(f"<name>a</name>\n{BOX.replace('<ymin>2</ymin>', '')}"), "missing-field", 3, 0, "ymin", None),
        (one(f"<name>a</name>\n\n{BOX.replace('>2<', '> <')}"), "missing-field", 4, 0, "ymin", ""),
        (one(f"<name>a</name>{BOX}</object>\n<object>\n{BOX}"), "missing-field", 3, 1, "name", None),
        (one("\n<name>a</name>"), "box-missing", 2, 0, "bndbox", None),
        (one(f"<name>a</name>{BOX.replace('>1<', '>nan<')}"), "box-not-finite", 2, 0, "xmin", "nan"),
        (b"<annotation>\n<size><width>w</width></size></annotation>", "field-invalid", 2, None, "width", "w"),
        (b"\n\n<?xml version='1.0'?>\n<annotation>\n<b></annotation>", "unparsable", 5, None, None, None),
        ("\ufeff\n<annotation>\n<b></annotation>".encode("utf-16"), "unparsable", 3, None, None, None),
        (b"\n\n<annotation>\n\xff</annotation>", "encoding", 4, None, None, b"\xff</annot"),
        (b"\n<annotations/>", "wrong-root", 2, None, "root", "<annotations>"),
        (b"\n<annotation>\n<!DOCTYPE", "unparsable", 3, None, None, "<!DOCTYPE"),
    ],
)  # fmt: skip
def test_a_fault_says_where_and_what(
    data: bytes, rule: str, line: int, index: int | None, field: str | None, found: object
) -> None:
    _, issues = voc.inspect(data)
    assert [(issue.rule, issue.line, issue.object_index) for issue in issues] == [(rule, line, index)]
    with pytest.raises(ParseError) as caught:
        voc.parse(data)
    error = caught.value
    assert (error.line, error.field, error.found) == (line, field, found)
    for part in (field, found):
        assert part is None or str(part) in issues[0].message


def test_a_faulty_object_stays_so_that_indices_fit() -> None:
    good = f"<name>b</name>{BOX}"
    data = one(f"{BOX}</object><object><name>a</name><bndbox/></object><object>{good}")
    annotation, issues = voc.inspect(data)
    assert annotation is not None
    assert [(item.name, item.bndbox) for item in annotation.objects] == [
        ("", Box(1, 2, 3, 4)), ("a", None), ("b", Box(1, 2, 3, 4)),
    ]  # fmt: skip
    assert [(issue.rule, issue.object_index) for issue in issues] == [
        ("missing-field", 0), *[("missing-field", 1)] * 4,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[(text, True) for text in ("1", "true", "TRUE", "Yes", " 1 ", "1.0")],
        *[(text, False) for text in ("0", "false", "False", "NO", "\n0\n", "0.0")],
        *[(text, None) for text in ("", "  ", "None", "none")],
    ],
)
def test_flags(text: str, value: bool | None) -> None:
    annotation = voc.parse(one(f"<name>a</name><occluded>{text}</occluded>{BOX}"))
    assert annotation.objects[0].occluded is value


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12.0), ("-3", -3.0), ("+3", 3.0), ("4.", 4.0), (".5", 0.5), ("1e2", 100.0), ("007", 7.0)],
)
def test_numbers(text: str, value: float) -> None:
    box = voc.parse(one(f"<name>a</name>{BOX.replace('>1<', f'>{text}<')}")).objects[0].bndbox
    assert box == Box(value, 2, 3, 4)


@pytest.mark.parametrize("tag", ["segmented", "depth"])
def test_what_nothing_is_computed_from_is_a_warning(tag: str) -> None:
    text = f"<{tag}>perhaps</{tag}>"
    before = text if tag == "segmented" else f"<size>{text}</size>"
    annotation, issues = voc.inspect(one(f"<name>a</name>{BOX}", before))
    assert annotation is not None
    assert [(issue.rule, issue.severity, issue.object_index) for issue in issues] == [
        ("field-invalid", "warning", None)
    ]
    assert voc.parse(one(f"<name>a</name>{BOX}", before)) == annotation


@pytest.mark.parametrize(
    "inside",
    [
        f'<name lang="en">a</name>{BOX}',
        f"<name>a<b/></name>{BOX}",
        f"<name>a</name>{BOX}stray",
        f"<name>a</name>{BOX.replace('<bndbox>', '<bndbox>stray')}",
        f"<name>a</name>{BOX.replace('<bndbox>', '<bndbox><name>x</name>')}",
        "<name>a</name>" + BOX.replace("<bndbox>", '<bndbox id="1">'),
        f'<name>a</name>{BOX}<part no="1"><name>b</name></part>',
        f'<name>a</name>{BOX}<actions at="dawn"><walking>1</walking></actions>',
        f'<name>a</name>{BOX}<polygon><pt id="1"><x>1</x><y>2</y></pt></polygon>',
        f'<name>a</name>{BOX}<actions><walking sure="no">1</walking></actions>',
        f"<name>a</name>{BOX.replace('<bndbox>', '<bndbox><Difficult>1</Difficult>')}",
        f"<name>a</name>{BOX}<polygon>stray<x1>1</x1><y1>2</y1></polygon>",
    ],
)
def test_what_has_no_place_in_the_record_is_counted(inside: str) -> None:
    annotation, issues = voc.inspect(one(inside))
    assert annotation is not None
    assert annotation.objects[0].name == "a"
    assert annotation.objects[0].bndbox == Box(1, 2, 3, 4)
    assert [(issue.rule, issue.severity, issue.object_index) for issue in issues] == [
        ("unknown-tag", "info", 0)
    ]


def test_shapes_and_actions_survive_what_is_merely_not_kept() -> None:
    polygon = '<polygon><pt id="1"><x>1</x><y>2</y></pt></polygon>'
    annotation = voc.parse(one(f'<name>a</name>{polygon}<actions><walking sure="no">1</walking></actions>'))
    assert annotation.objects[0].polygon == Polygon((Point(1, 2),))
    assert annotation.objects[0].actions == (("walking", True),)


def test_attributes_of_objects_are_kept_whatever_the_prefix_of_the_root() -> None:
    inside = "<v:object id='1'><v:name>a</v:name></v:object><annotation/>"
    annotation, _ = voc.inspect(f"<v:annotation xmlns:v='u'>{inside}</v:annotation>".encode())
    assert annotation is not None
    assert annotation.objects[0].xml_attributes == (("id", "1"),)


@pytest.mark.parametrize(
    "attributes",
    [
        "<attributes>red, broken</attributes>",
        "<attributes><attribute><name>a</name></attribute></attributes>",
        "<attributes><attribute><name>a</name><value>1</value><unit>px</unit></attribute></attributes>",
        '<attributes><attribute id="1"><name>a</name><value>1</value></attribute></attributes>',
        "<attributes><attribute>stray<name>a</name><value>1</value></attribute></attributes>",
        "<attributes><attribute><name>a</name>stray<value>1</value></attribute></attributes>",
        "<attributes><colour>red</colour></attributes>",
        '<attributes kind="none"/>',
    ],
)
def test_attributes_that_are_not_those_of_cvat_are_kept_as_they_stand(attributes: str) -> None:
    annotation = voc.parse(one(f"<name>a</name>{BOX}{attributes}"))
    assert annotation.objects[0].attributes == ()
    assert annotation.objects[0].extras == (attributes,)
    assert voc.parse(voc.to_xml(annotation)) == annotation


def test_unknown_tags_of_a_box_or_size_move_up_to_their_owner() -> None:
    box = BOX.replace("<bndbox>", "<bndbox><score>1</score>")
    annotation = voc.parse(one(f"<name>a</name>{box}", "<size><unit>px</unit></size>"))
    assert annotation.extras == ("<unit>px</unit>",)
    assert annotation.objects[0].extras == ("<score>1</score>",)


def test_only_direct_children_count() -> None:
    inner = f"<part><name>p</name>{BOX.replace('>1<', '>0<')}</part><near><bndbox/><object/></near>"
    annotation = voc.parse(one(f"{inner}<name>a</name>{BOX}"))
    assert [(item.name, item.bndbox) for item in annotation.objects] == [("a", Box(1, 2, 3, 4))]


def test_labelme_size_yields_to_a_voc_size() -> None:
    labelme = "<imagesize><nrows>3</nrows><ncols>4</ncols></imagesize>"
    assert voc.parse(one(f"<name>a</name>{BOX}", labelme)).size == Size(4, 3)
    both = f"{labelme}<size><width>8</width></size>"
    assert voc.parse(one(f"<name>a</name>{BOX}", both)).size == Size(8)


def test_polygon_points_go_by_their_number_and_the_last_is_not_repeated() -> None:
    tags = "<y2>4</y2><x10>9</x10><x1>1</x1><y10>9</y10><x2>3</x2><y1>2</y1><x11>1</x11><y11>2</y11>"
    polygon = voc.parse(one(f"<name>a</name><polygon>{tags}</polygon>")).objects[0].polygon
    assert polygon == Polygon((Point(1, 2), Point(3, 4), Point(9, 9)))


def test_namespaces_do_not_matter() -> None:
    plain = one(f"<name>a</name>{BOX}<mine><b/></mine>")
    default = plain.replace(b"<annotation>", b'<annotation xmlns="urn:x">')
    prefixed = re.sub(rb"<(/?)(\w)", rb"<\1v:\2", plain)
    prefixed = prefixed.replace(b"<v:annotation>", b'<v:annotation xmlns:v="u">')
    assert voc.parse(default) == voc.parse(prefixed) == voc.parse(plain)


def test_a_graded_flag_costs_no_object() -> None:
    """KITTI has truncated as a fraction, occluded from 0 to 3, and -1 where nothing is known."""
    file = Path(__file__).parents[1] / "data/voc/invalid/field-invalid/graded_flags/a.xml"
    car, van = voc.parse(file.read_bytes()).objects
    assert (car.truncated, car.occluded) == (True, True)
    assert (van.truncated, van.occluded) == (None, False)
    _, issues = voc.inspect(file.read_bytes())
    assert {issue.severity for issue in issues} == {"info"}
