"""One notion of a blank, and class names that only a program can tell apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.classes.spelling import cleaned
from annotools.cli import main

BOX = (5, 6, 30, 35)
ONE, TWO = "caf\u00e9", "cafe\u0301"


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\u2003", "\u2028", "\u0085", " ", "\t"])
@pytest.mark.parametrize("form", ["{1}cup", "cup{1}", "{1}{1}cup {1}"])
def test_a_blank_of_any_kind_around_a_name_is_none_of_it(
    tree: Any, tmp_path: Path, blank: str, form: str
) -> None:
    tree.add("a", [(form.format("", blank), *BOX), ("cup", 1, 1, 20, 20)])
    (issue,) = annotools.validate(tree.root).issues
    assert (issue.rule, issue.severity, issue.object_index) == ("class-case-or-blank-variant", "warning", 0)
    assert issue.line is not None
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    assert result.manifest["classes"] == {"cup": 1}
    assert result.counts["class-case-or-blank-variant"] == 1
    fixed = annotools.fix(tree.root, tmp_path / "fixed", fixes="strip-class-names")
    assert fixed.counts == {"strip-class-names": 1}
    assert annotools.validate(tmp_path / "fixed").issues == []


@pytest.mark.parametrize("inside", ["  ", "\u00a0", "\n\t", "\u3000"])
def test_any_white_space_inside_of_a_name_is_one_blank(tree: Any, tmp_path: Path, inside: str) -> None:
    tree.add("a", [(f"traffic{inside}light", *BOX), ("traffic light", 1, 1, 20, 20)])
    (issue,) = annotools.validate(tree.root).issues
    assert (issue.rule, issue.object_index) == ("class-case-or-blank-variant", 0)
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    assert result.manifest["classes"] == {"traffic light": 1}
    assert result.counts["class-case-or-blank-variant"] == 1


@pytest.mark.parametrize(
    ("rare", "common"),
    [(TWO, ONE), (ONE, TWO), ("cup\u200b", "cup"), ("\ufeffcup", "cup"), ("c\u00adup", "cup")],
)
def test_names_that_look_the_same_are_shown_with_escapes_and_the_repair_unites_them(
    tree: Any, tmp_path: Path, rare: str, common: str
) -> None:
    tree.add("a", [(rare, *BOX), (common, 1, 1, 20, 20), (common, 2, 2, 30, 30)])
    (issue,) = annotools.validate(tree.root).issues
    assert f"name: {rare!a} is a spelling variant of {common!a} (2 objects)" in issue.message
    assert issue.repair == "strip-class-names"
    annotools.fix(tree.root, tmp_path / "fixed", fixes="strip-class-names")
    assert annotools.validate(tmp_path / "fixed").issues == []
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", fix="strip-class-names")
    assert len(result.manifest["classes"]) == 1
    assert result.counts == {}


def test_another_spelling_is_a_matter_of_map_classes(tree: Any) -> None:
    tree.add("a", [("Traffic Light", *BOX), ("traffic_light", 1, 1, 20, 20), ("traffic_light", 2, 2, 30, 30)])
    (issue,) = annotools.validate(tree.root).issues
    assert issue.repair == "map-classes"
    assert issue.message.endswith("(--map-class 'Traffic Light'=traffic_light)")


def test_joiners_inside_of_words_stay() -> None:
    assert (
        cleaned("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645")
        == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    )
    assert cleaned("cup\u200d ") == "cup"
    assert cleaned("\u200b") == "\u200b"  # nothing would be left


def test_classes_says_which_files_it_cannot_read(tree: Any, capsys: pytest.CaptureFixture[str]) -> None:
    tree.add("a").add("b", []).add("bad", xml=b"<annotation>\n<object>")
    assert main(["classes", str(tree.root)]) == 1
    said = capsys.readouterr()
    assert said.out == "1\t1\tshoes\n"
    assert "error: unparsable (1)" in said.err
    assert "bad.xml:2: " in said.err
    (tree.root / "Annotations" / "bad.xml").unlink()
    assert main(["classes", str(tree.root)]) == 0


def test_an_xml_file_under_the_name_of_an_image_is_an_error_of_convert_too(tree: Any, tmp_path: Path) -> None:
    tree.add("a").add("b", xml=None, image=b"<annotation></annotation>")
    with pytest.raises(annotools.DataError) as caught:
        annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    (issue,) = [i for i in caught.value.issues if i.severity == "error"]
    assert (issue.rule, Path(issue.path or "").name) == ("image-unreadable", "b.jpg")
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", on_error="skip")
    assert result.ledger.images.lost == {"image-unreadable": 1}


@pytest.mark.parametrize("depth", ["none", "header", "decode"])
def test_what_is_wrong_with_the_source_is_said_at_every_depth(tree: Any, depth: str) -> None:
    tree.add("a").add("b").lists(train=["a", "b", "ghost"], val=["b"])
    found = {issue.rule for issue in annotools.validate(tree.root, images=depth).issues}
    assert {"list-names-missing-image", "split-overlap"} <= found
