"""Several boxes in one object: each is counted, and the repair makes an object of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import annotools

HEAD = """<annotation>
\t<filename>a.jpg</filename>
\t<size><width>60</width><height>40</height><depth>3</depth></size>
"""
TOGETHER = """\t<object>
\t\t<name>cup</name>
\t\t<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>
\t\t<bndbox>
\t\t\t<xmin>30</xmin><ymin>5</ymin><xmax>50</xmax><ymax>35</ymax>
\t\t</bndbox>
\t\t<difficult>1</difficult>
\t\t<bndbox><xmin>3</xmin><ymin>4</ymin><xmax>9</xmax><ymax>70</ymax></bndbox>
\t</object>
"""
ALONE = """\t<object>
\t\t<name>pen</name>
\t\t<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>
\t</object>
"""


@pytest.fixture
def together(tree: Any) -> Path:
    root: Path = tree.add("a", xml=f"{HEAD}{TOGETHER}{ALONE}</annotation>\n".encode()).root
    return root


def test_each_box_is_found_and_lost(together: Path, tmp_path: Path) -> None:
    result = annotools.validate(together)
    assert result.summary.objects == 4
    found = [i for i in result.issues if i.rule == "field-invalid"]
    assert [(i.line, i.object_index, i.repair) for i in found] == [
        (7, 0, "split-object"),
        (11, 0, "split-object"),
    ]
    ledger = annotools.convert(together, tmp_path / "out", to="tfrecord", on_error="skip").ledger
    assert (ledger.objects.found, ledger.objects.written) == (4, 1)
    assert dict(ledger.objects.lost) == {"field-invalid": 3}


def test_split_object_while_converting(together: Path, tmp_path: Path) -> None:
    result = annotools.convert(together, tmp_path / "out", to="tfrecord", fix="split-object,clip")
    (record,) = annotools.read(tmp_path / "out")
    found = [(obj.name, obj.difficult, obj.bndbox and obj.bndbox.as_tuple()) for obj in record.objects]
    assert [(name, difficult) for name, difficult, _ in found] == [("cup", True)] * 3 + [("pen", False)]
    assert found[2][2] == pytest.approx((3, 4, 9, 40), abs=1e-4)
    assert result.manifest["repairs"] == {"clip": 1, "split-object": 1}
    assert result.ledger.objects.found == 4
    assert annotools.verify(tmp_path / "out", against=together).faults == ()


def test_the_file_has_an_object_for_each_box(together: Path, tmp_path: Path) -> None:
    result = annotools.fix(together, tmp_path / "fixed", fixes="split-object")
    assert result.counts == {"split-object": 1}
    assert result.changed == 1
    text = (tmp_path / "fixed" / "Annotations" / "a.xml").read_text()
    boxes = [line + "\n" for line in TOGETHER.splitlines()]
    first = [*boxes[:3], boxes[6], boxes[8]]
    second = [*boxes[:2], *boxes[3:7], boxes[8]]
    third = [*boxes[:2], boxes[6], *boxes[7:]]
    assert text == HEAD + "".join([*first, *second, *third]) + ALONE + "</annotation>\n"
    again = annotools.fix(tmp_path / "fixed", tmp_path / "again", fixes="split-object")
    assert (again.repairs, again.changed) == ([], 0)


def test_box_i_has_name_i_where_there_are_as_many(tree: Any, tmp_path: Path) -> None:
    def named(name: str, xmin: int) -> str:
        box = f"<xmin>{xmin}</xmin><ymin>2</ymin><xmax>50</xmax><ymax>30</ymax>"
        return f"<name>{name}</name><bndbox>{box}</bndbox>"

    text = f"<annotation><object>{named('cup', 1)}{named('pen', 5)}</object></annotation>"
    tree.add("a", xml=text.encode())
    annotools.fix(tree.root, tmp_path / "fixed", fixes="split-object")
    (fixed,) = annotools.read(tmp_path / "fixed")
    assert [(obj.name, obj.bndbox and obj.bndbox.xmin) for obj in fixed.objects] == [("cup", 1), ("pen", 5)]


def test_the_boxes_of_parts_are_not_those_of_the_object(tree: Any, tmp_path: Path) -> None:
    box = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>20</xmax><ymax>30</ymax></bndbox>"
    text = (
        f"<annotation><object><name>cup</name>{box}<part><name>head</name>{box}</part></object></annotation>"
    )
    tree.add("a", xml=text.encode())
    assert "field-invalid" not in {i.rule for i in annotools.validate(tree.root).issues}
    assert annotools.fix(tree.root, tmp_path / "fixed", fixes="split-object").repairs == []
