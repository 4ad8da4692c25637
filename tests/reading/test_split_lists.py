"""The lists of an ImageSets folder and folders that are splits."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_sources import lists, make, put

from annotools.errors import SourceError
from annotools.sources.source import open_source

pytestmark = pytest.mark.usefixtures("memory")


def four(root: Path) -> Path:
    return make(
        root, *(name for stem in "abcd" for name in (f"Annotations/{stem}.xml", f"JPEGImages/{stem}.jpg"))
    )


@pytest.mark.parametrize(
    "texts",
    [
        {"train": "a\nb\n", "val": "c\n"},
        {"train": "\ufeffa\r\n\r\n  b  \r\n", "val": b"\xef\xbb\xbfc"},
        {"train": "a.jpg\nb.xml\n", "val": "JPEGImages/c.jpg\n"},
        {"train": "A\nB.JPG\n", "val": "./c\n"},
        {"train": "a.jpg 1\nb.jpg -1\n", "val": "c.jpg 1\n"},
        {"cup_train": "a.jpg 1\nb.jpg -1\n", "red_cup_train": "b.jpg 1\n", "cup_val": "c.jpg 1\n"},
        {"train": "a\nb\n", "val": "c\n", "cup_train": "a -1\nb  1\nd 0\n", "cup_val": "d 1\n"},
        {"train": "a\nb\n", "val": "c\n", "trainval": "a\nb\nc\nd\n", "cup_trainval": "a 1\n"},
        {"train": "a\nb\n", "cup_val": "c  0\n", "hat_val": ""},
    ],
)
def test_lists(tmp_path: Path, texts: dict[str, str | bytes]) -> None:
    source = open_source(lists(four(tmp_path), **texts))
    assert source.splits == ("train", "val")
    assert [(pair.id, pair.split) for pair in source.pairs()] == [
        ("a", "train"),
        ("b", "train"),
        ("c", "val"),
        ("d", None),
    ]
    assert [pair.id for pair in source.pairs("train")] == ["a", "b"]
    (issue,) = source.issues()
    assert (issue.rule, issue.severity) == ("image-in-no-list", "warning")
    assert issue.message.startswith(
        "1 annotated image is named by no list of 'train', 'val': JPEGImages/d.jpg;"
    )


def test_trainval_is_there_on_request_and_alone_it_is_a_split(tmp_path: Path) -> None:
    source = open_source(lists(four(tmp_path), train="a\n", val="b\n", trainval="a\nb\n", test="c\n"))
    assert source.splits == ("train", "val", "test")
    assert [(pair.id, pair.split) for pair in source.pairs("trainval")] == [
        ("a", "trainval"),
        ("b", "trainval"),
    ]
    (tmp_path / "ImageSets/Main/train.txt").unlink()
    assert open_source(tmp_path).splits == ("val", "test", "trainval")


def test_a_class_list_may_belong_to_a_split_of_any_name(tmp_path: Path) -> None:
    # CVAT: the split is called default, and each class has a list beside it
    texts = {"default": "a\nb\nc\nd\n", "cat_default": "a 1\nb -1\n", "big_cat_default": "a 1\nb -1\n"}
    source = open_source(lists(four(tmp_path), **texts))
    assert source.splits == ("default",)
    assert source.issues() == []


def test_lists_of_a_custom_name_come_last(tmp_path: Path) -> None:
    source = open_source(lists(four(tmp_path), default="a\n", test="b\n", my_train="c\nd\n"))
    assert source.splits == ("test", "default", "my_train")
    assert [pair.id for pair in source.pairs("my_train")] == ["c", "d"]


def test_lists_directly_in_imagesets_and_of_other_tasks(tmp_path: Path) -> None:
    put(four(tmp_path) / "ImageSets/train.txt", b"a\nb\n")
    put(tmp_path / "ImageSets/Layout/val.txt", b"c\n")
    assert open_source(tmp_path).splits == ("train",)
    lists(tmp_path, test="d\n")
    assert open_source(tmp_path).splits == ("test",)


def test_names_with_spaces_and_dots_in_lists(tmp_path: Path) -> None:
    names = ["shelf 1", "shelf", "x_jpg.rf.0a1b"]
    make(tmp_path, *(f"Annotations/{n}.xml" for n in names), *(f"JPEGImages/{n}.jpg" for n in names))
    source = open_source(lists(tmp_path, train="shelf 1\nx_jpg.rf.0a1b\n", val="shelf\n"))
    assert [pair.id for pair in source.pairs("train")] == ["shelf 1", "x_jpg.rf.0a1b"]
    assert [pair.id for pair in source.pairs("val")] == ["shelf"]


def test_a_list_that_names_nothing(tmp_path: Path) -> None:
    source = open_source(lists(four(tmp_path), train="a\n\nnobody.jpg\nb\nnobody.jpg\n", val="c\nd\n"))
    (issue,) = source.issues()
    assert (issue.rule, issue.severity, issue.line) == ("list-names-missing-image", "error", 3)
    assert issue.path == str(tmp_path / "ImageSets/Main/train.txt")
    assert "'nobody.jpg'" in issue.message


def test_a_pair_in_two_lists_comes_once_for_each(tmp_path: Path) -> None:
    source = open_source(lists(four(tmp_path), train="a\nb\nc\n", val="b\nc\n"))
    assert [(pair.id, pair.split) for pair in source.pairs()] == [
        ("a", "train"),
        ("b", "train"),
        ("b", "val"),
        ("c", "train"),
        ("c", "val"),
        ("d", None),
    ]
    assert len(source) == 4
    issue, _ = source.issues()
    assert (issue.rule, issue.severity) == ("split-overlap", "error")
    assert issue.message == "2 images are in the split 'train' and in 'val'"


def test_a_split_that_does_not_exist(tmp_path: Path) -> None:
    for source, expected in (
        (open_source(lists(four(tmp_path), train="a\n", val="b\n")), "train, val"),
        (open_source(make(tmp_path / "x", "a.xml", "a.jpg")), "None: this source has no splits"),
    ):
        with pytest.raises(SourceError) as caught:
            source.pairs("validation")
        assert caught.value.found == "validation"
        assert caught.value.expected == expected


def test_split_folders_keep_their_names(tmp_path: Path) -> None:
    names = ["valid/a", "Train/b", "val2017/c", "shelf/d", "testing/x/e"]
    source = open_source(make(tmp_path, *(f"{n}.xml" for n in names), *(f"{n}.jpg" for n in names)))
    assert source.splits == ("Train", "val2017", "valid", "testing")
    assert [(pair.id, pair.split) for pair in source.pairs()] == [
        ("a", "valid"),
        ("b", "Train"),
        ("c", "val2017"),
        ("shelf/d", None),
        ("x/e", "testing"),
    ]


def test_a_split_folder_alone_is_still_a_split(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, "top/train/a.xml", "top/train/a.jpg"))
    assert [(pair.id, pair.split) for pair in source.pairs()] == [("a", "train")]
