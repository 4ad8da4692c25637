"""What is wrong with a set as a whole is said by convert as by validate, and stops what it must."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools.cli import main
from annotools.issues import DATA_SET_RULES, DataError, Issue
from annotools.validation.rules.duplicates import other_image

VOC = Path(__file__).parents[1] / "data" / "voc"
WITH_OPTIONS = {
    "images-elsewhere",
    "near-duplicate-image",
    "coordinate-origin",
    "archive-member-ignored",
    "class-unknown",
}
"""Rules all of whose cases need options of validate."""

CUP = ("cup", 5, 6, 30, 35)


def of_set(issues: Any) -> list[tuple[str, str, str | None]]:
    """What the rules on whole sets say; blanks around names are found file by file, by validate alone."""
    found = (i for i in issues if i.rule in DATA_SET_RULES and "has blanks around it" not in i.message)
    return sorted((i.rule, i.message, i.path or "") for i in found)


def convert(source: Path, out: Path, **options: Any) -> tuple[Issue, ...]:
    try:
        return annotools.convert(source, out, **{"to": "tfrecord"} | options).issues
    except DataError as error:
        return error.issues


@pytest.mark.parametrize("rule", sorted(DATA_SET_RULES))
@pytest.mark.parametrize("shards", [1, 4])
def test_convert_says_what_validate_says(rule: str, shards: int, tmp_path: Path) -> None:
    cases = [*(VOC / "invalid" / rule).iterdir(), *(VOC / "clean" / rule).iterdir()]
    compared = 0
    for case in sorted(cases):
        if (case / "options.json").exists():
            continue
        said = of_set(annotools.validate(case))
        assert of_set(convert(case, tmp_path / f"{case.parents[1].name}-{case.name}", shards=shards)) == said
        compared += 1
    assert compared or rule in WITH_OPTIONS


def test_normalised_boxes_stop_a_conversion_also_with_skip(tmp_path: Path) -> None:
    case = VOC / "invalid" / "normalised-boxes" / "shares"
    for on_error in ("fail", "skip"):
        with pytest.raises(DataError) as caught:
            annotools.convert(case, tmp_path / "out", to="tfrecord", on_error=on_error)
        assert "normalised-boxes" in {i.rule for i in caught.value.issues if i.severity == "error"}
        assert not (tmp_path / "out").exists()


def test_a_shard_that_is_kept_still_counts_for_the_set(tree: Any, tmp_path: Path, make_picture: Any) -> None:
    for number in range(12):
        tree.add(f"a{number}", [("bowl", 5, 6, 30, 35)], image=make_picture())
    tree.add("b", [("bowk", 5, 6, 30, 35)])
    first = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", shards=3)
    again = annotools.convert(tree.root, tmp_path / "out", to="tfrecord", shards=3)
    assert again.reused == 3
    assert of_set(again.issues) == of_set(first.issues) == of_set(annotools.validate(tree.root))
    assert "class-misspelt" in again.counts
    assert "duplicate-image" in again.counts


def test_swapping_is_not_proposed_where_many_are_inverted(
    tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inverted = [("cup", 40, 6 + n, 20, 35) for n in range(3)]
    tree.add("a", [*inverted, CUP])
    command = ["convert", str(tree.root), str(tmp_path / "out"), "--to", "tfrecord", "--workers", "1"]
    for words in (["validate", str(tree.root)], command):
        assert main(words) == 1
        said = "".join(capsys.readouterr())
        assert "many-inverted-boxes" in said
        assert "look at pictures first" in said
        assert "--fix swap-inverted" not in said
    tree.add("b", [("cup", 5 + n, 6, 40, 35) for n in range(30)])
    for words in (["validate", str(tree.root)], command):
        assert main(words) == 1
        assert "--fix swap-inverted" in "".join(capsys.readouterr())


def test_boxes_without_a_partner_are_named(tree: Any, make_picture: Any) -> None:
    tree.add("a", [CUP, ("pen", 1, 1, 9, 9)], image=make_picture())
    tree.add("b", [("cup", 6, 6, 30, 36), ("cup", 40, 5, 55, 30)], image=make_picture())
    (issue,) = annotools.validate(tree.root, select="duplicate-image*").issues
    assert (issue.rule, Path(issue.path or "").name) == ("duplicate-image-conflict", "b.jpg")
    assert issue.message.endswith(
        "a.jpg, but other boxes: 'cup' (40, 5, 55, 30) only here, 'pen' (1, 1, 9, 9) only there"
    )
    assert other_image(issue) == f"{tree.root}/JPEGImages/a.jpg"


@pytest.mark.parametrize("to", ["tfrecord", "pickle"])
def test_given_splits_that_leak_are_an_error_of_convert_too(
    tree: Any, tmp_path: Path, make_picture: Any, to: str
) -> None:
    tree.add("a", image=make_picture()).add("b", image=make_picture()).add("c").lists(
        train=["a", "c"], test=["b"]
    )
    for options in ({}, {"shards": 2}) if to == "tfrecord" else ({},):
        issues = convert(tree.root, tmp_path / "out", to=to, **options)
        assert [i.message for i in issues if i.rule == "leak-between-splits"] == [
            f"image: the same bytes as {tree.root}/JPEGImages/a.jpg; this one is in test, that one in train"
        ]
    single = convert(tree.root, tmp_path / "all.pkl", to="pickle")
    assert "leak-between-splits" in {i.rule for i in single}


def test_the_folder_beside_the_source_is_named(
    tree: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree.add("a").add("b")
    command = ["convert", str(tree.root / "Annotations"), str(tmp_path / "out"), "--to", "tfrecord"]
    assert main(command) == 1
    said = capsys.readouterr().err
    assert "2 annotations have none below the source, but ../JPEGImages has 'a.jpg'" in said
    assert main(["validate", str(tree.root / "Annotations"), "--image-folder", "../JPEGImages"]) == 0
