"""annotools.testing, as another project's suite uses it."""

from __future__ import annotations

import subprocess
import sys
import unittest
from pathlib import Path
from typing import Any

import pytest

from annotools import testing
from annotools.classes.class_map import ClassMap
from annotools.errors import SourceError
from annotools.formats import voc
from annotools.testing import assert_valid_annotation, assert_valid_dataset, make_annotation


def test_dataset_that_is_valid(tree: Any) -> None:
    assert_valid_dataset(tree.add("a").root, strict=True)


def test_dataset_with_errors(tree: Any) -> None:
    tree.add("a", [("shoes", 30, 6, 5, 35)])
    with pytest.raises(AssertionError) as caught:
        assert_valid_dataset(tree.root)
    first, second = str(caught.value).splitlines()
    assert first == f"{tree.root} has 1 problem:"
    assert second.startswith(f"{tree.root}/Annotations/a.xml:7: box-inverted: ")
    assert_valid_dataset(tree.root, ignore="box-inverted")


def test_dataset_with_warnings_fails_when_strict(tree: Any) -> None:
    tree.add("a", [("shoes", 5, 6, 6, 35)])
    assert_valid_dataset(tree.root)
    with pytest.raises(AssertionError, match="box-tiny"):
        assert_valid_dataset(tree.root, strict=True)


def test_dataset_with_many_errors_shows_the_first(tree: Any) -> None:
    tree.add("a", [("shoes", 30, 6, 5, 35)] * 9)
    with pytest.raises(AssertionError) as caught:
        assert_valid_dataset(tree.root, shown=3)
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-1]) == (5, "... and 7 more")


def test_dataset_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        assert_valid_dataset(tmp_path / "absent")


def test_annotation_as_record_bytes_and_path(tmp_path: Path) -> None:
    good, bad = make_annotation(), make_annotation([("cup", 60, 20, 10, 80)])
    (tmp_path / "a.xml").write_bytes(voc.to_xml(bad))
    assert_valid_annotation(good, strict=True)
    assert_valid_annotation(voc.to_xml(good), strict=True)
    for value in (bad, voc.to_xml(bad), tmp_path / "a.xml", str(tmp_path / "a.xml")):
        with pytest.raises(AssertionError, match="box-inverted"):
            assert_valid_annotation(value)
    with pytest.raises(AssertionError, match="unparsable"):
        assert_valid_annotation(b"<annotation>")


def test_annotation_against_size_classes_and_rules() -> None:
    record = make_annotation([("cup", 10, 20, 60, 80)])
    with pytest.raises(AssertionError, match="box-outside-image"):
        assert_valid_annotation(record, width=50, height=100)
    assert_valid_annotation(record, width=50, height=100, ignore="box-outside-image")
    assert_valid_annotation(record, width=50, height=100, select="box-inverted")
    assert_valid_annotation(record, classes=["cup"])
    for classes in (["cups"], ClassMap.from_names(["pen"])):
        with pytest.raises(AssertionError, match="class-unknown"):
            assert_valid_annotation(record, classes=classes)


def test_made_annotation_is_a_record_like_any_other() -> None:
    record = make_annotation([("a", 1, 2, 3, 4), ("b", 5, 6, 7, 8)], width=20, height=10, folder="x")
    read = voc.parse(voc.to_xml(record))
    assert read == record
    assert [obj.name for obj in read.objects] == ["a", "b"]
    assert (read.size, read.folder) == (record.size, "x")


class TestInUnittest(unittest.TestCase):
    def test_assertions_raise_what_unittest_counts_as_a_failure(self) -> None:
        with self.assertRaises(self.failureException):  # noqa: PT027
            assert_valid_annotation(make_annotation([("cup", 60, 20, 10, 80)]))


def test_names_are_there_and_no_others() -> None:
    for name in ("annotations", "boxes", "objects", "assert_valid_dataset", "make_annotation"):
        assert name in dir(testing)
        assert callable(getattr(testing, name))
    with pytest.raises(AttributeError):
        _ = testing.assert_something


def test_importing_it_loads_neither_hypothesis_nor_lxml() -> None:
    script = (
        "import sys, annotools.testing; print(sorted({'hypothesis', 'lxml', 'numpy'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert run.stdout == "[]\n"
