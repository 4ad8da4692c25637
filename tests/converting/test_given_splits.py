"""The splits that a data set brings, in all layouts: each image and each object is in exactly one sum."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from small_sources import put

import annotools
from annotools.formats import tfrecord
from annotools.issues import DataError
from annotools.sources.source import open_source

STEMS = "abcdef"
TRAIN, TEST = "abcd", "ef"


BOX = (
    "<object><name>cup</name><difficult>0</difficult><bndbox><xmin>5</xmin><ymin>6</ymin><xmax>30</xmax>"
    "<ymax>35</ymax></bndbox></object>"
)


def picture_of(stem: str) -> bytes:
    output = BytesIO()
    Image.new("RGB", (60, 40), (40 * STEMS.find(stem) + 20, 99, 9)).save(output, "JPEG")
    return output.getvalue()


def put_pair(root: Path, stem: str, xml: str, image: str) -> None:
    """An image with as many boxes as its letter says, from 1."""
    size = "<size><width>60</width><height>40</height><depth>3</depth></size>"
    boxes = BOX * (1 + STEMS.index(stem))
    text = f"<annotation><filename>{stem}.jpg</filename>{size}{boxes}</annotation>"
    put(root / xml / f"{stem}.xml", text.encode())
    put(root / image / f"{stem}.jpg", picture_of(stem))


def voc(root: Path, stems: str = STEMS) -> Path:
    for stem in stems:
        put_pair(root, stem, "Annotations", "JPEGImages")
    return root


def lines(names: str) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


Lists = Mapping[str, bytes]
M = "ImageSets/Main"
PLAIN = {"train": lines(TRAIN), "test": lines(TEST)}
WIDE = {"train": "a\r\nb\r\nc\r\nd".encode("utf-16"), "test": b"\xfe\xff" + "e\nf\n".encode("utf-16-be")}
LISTS: dict[str, tuple[Lists, str]] = {
    "ImageSets/Main": ({f"{M}/{name}.txt": text for name, text in PLAIN.items()}, "test"),
    "ImageSets": ({f"ImageSets/{name}.txt": text for name, text in PLAIN.items()}, "test"),
    "Main": ({f"Main/{name}.txt": text for name, text in PLAIN.items()}, "test"),
    "root": ({f"{name}.txt": text for name, text in PLAIN.items()}, "test"),
    "folder of lists": ({"splits/train.txt": lines(TRAIN), "splits/val.txt": lines(TEST)}, "val"),
    "other names": ({"train_list.txt": lines(TRAIN), "test_ids.txt": lines(TEST)}, "test"),
    "paths": (
        {
            "train.txt": b"o/a.jpg\no/b.jpg\no/c.jpg\n./o/d.jpg\n",
            "val.txt": b"/x/y/e.jpg\n/x/y/f.jpg\n",
        },
        "val",
    ),
    "UTF-16": ({f"{M}/{name}.txt": text for name, text in WIDE.items()}, "test"),
    "lists of classes": (
        {
            f"{M}/cup_train.txt": b"a 1\nb -1\nc -1\nd 0\n",
            f"{M}/pen_train.txt": b"a -1\nb 1\nc -1\nd -1\n",
            f"{M}/cup_test.txt": b"e 1\nf 1\n",
        },
        "test",
    ),
    "a union": ({f"Main/{name}.txt": text for name, text in {**PLAIN, "all": lines(STEMS)}.items()}, "test"),
    "twice": ({"train.txt": lines("abcda"), "test.txt": lines(TEST)}, "test"),
}


def check(root: Path, splits: tuple[str, str]) -> Any:
    result = annotools.convert(root, root.parent / "out", to="tfrecord", shards=1)
    images, objects = result.ledger.images, result.ledger.objects
    assert (images.found, images.written) == (6, 6)
    assert (objects.found, objects.written) == (21, 21)
    found = {name: (one["records"], one["objects"]) for name, one in result.manifest["splits"].items()}
    assert found == {splits[0]: (4, 10), splits[1]: (2, 11)}
    return result


@pytest.mark.parametrize("layout", LISTS)
def test_lists(tmp_path: Path, layout: str) -> None:
    files, other = LISTS[layout]
    root = voc(tmp_path / "set")
    for name, content in files.items():
        put(root / name, content)
    rules = set(check(root, ("train", other)).counts)
    assert rules == {"a union": {"split-overlap"}, "twice": {"list-entry-doubled"}}.get(layout, set())


FOLDERS: dict[tuple[str, str], tuple[str, str]] = {
    ("train", "test"): ("train", "test"),
    ("Train", "Test"): ("Train", "Test"),
    ("training data", "testing data"): ("training", "testing"),
    ("training_set", "test_set"): ("training", "test"),
    ("TrainingSet", "ValidationSet"): ("training", "validation"),
    ("train_data", "val_data"): ("train", "val"),
    ("trainset", "valset"): ("train", "val"),
    ("train2017", "val2017"): ("train2017", "val2017"),
    ("train-images", "test-images"): ("train", "test"),
    ("shelf_train", "shelf_test"): ("train", "test"),
    ("训练集", "测试集"): ("训练", "测试"),
}


@pytest.mark.parametrize("names", FOLDERS)
@pytest.mark.parametrize(
    "form", ["{}|{}", "{}/Annotations|{}/JPEGImages", "xml/{}|img/{}", "x/{}/labels|x/{}/images"]
)
def test_folders(tmp_path: Path, names: tuple[str, str], form: str) -> None:
    xml, image = form.split("|")
    for name, stems in zip(names, (TRAIN, TEST), strict=True):
        for stem in stems:
            put_pair(tmp_path / "set", stem, xml.format(name), image.format(name))
    assert not check(tmp_path / "set", FOLDERS[names]).counts


@pytest.mark.parametrize("names", [("train", "test"), ("Training", "Testing")])
def test_annotations_and_images_in_folders_of_their_own(tmp_path: Path, names: tuple[str, str]) -> None:
    for name, stems in zip(names, (TRAIN, TEST), strict=True):
        for stem in stems:
            put_pair(tmp_path / "set", stem, f"{name}_annotations", f"{name}_images")
    check(tmp_path / "set", (names[0].lower(), names[1].lower()))


def test_images_that_no_list_names_are_counted_with_their_objects(tmp_path: Path) -> None:
    put(voc(tmp_path / "set") / "ImageSets/Main/train.txt", lines(TRAIN))
    result = annotools.convert(tmp_path / "set", tmp_path / "out", to="tfrecord")
    assert (result.ledger.images.found, dict(result.ledger.images.lost)) == (6, {"not-in-split": 2})
    assert (result.ledger.objects.found, dict(result.ledger.objects.lost)) == (21, {"not-in-split": 11})
    assert result.counts == {"image-in-no-list": 1}
    assert not annotools.verify(tmp_path / "out", against=tmp_path / "set").faults


def test_an_image_in_two_splits(tmp_path: Path) -> None:
    root = voc(tmp_path / "set")
    put(root / "ImageSets/Main/train.txt", lines("abcde"))
    put(root / "ImageSets/Main/test.txt", lines(TEST))
    with pytest.raises(DataError) as caught:
        annotools.convert(root, tmp_path / "out", to="tfrecord")
    assert "split-overlap" in {issue.rule for issue in caught.value.issues}
    result = annotools.convert(root, tmp_path / "out", to="tfrecord", on_error="skip")
    assert {name: one["records"] for name, one in result.manifest["splits"].items()} == {
        "train": 4,
        "test": 2,
    }
    assert (result.ledger.images.found, result.ledger.objects.written) == (6, 21)


def test_what_is_named_like_a_list_and_is_none(tmp_path: Path) -> None:
    root = voc(tmp_path / "set")
    put(root / "test.txt", b"notes on the test\nof 2019\n")
    assert open_source(root).splits == ()
    assert open_source(root).issues() == []
    put(root / "train.txt", b"a\nsee the readme\nfor more\n")
    (issue,) = open_source(root).issues()
    assert (issue.rule, issue.severity) == ("list-names-missing-image", "warning")


def test_folders_go_before_files_that_may_be_lists(tmp_path: Path) -> None:
    for name, stems in (("train", TRAIN), ("valid", TEST)):
        for stem in stems:
            put_pair(tmp_path / "set", stem, name, name)
    put(tmp_path / "set" / "train.txt", lines(STEMS))
    assert open_source(tmp_path / "set").splits == ("train", "valid")


def test_a_folder_of_pictures_without_annotations_makes_no_split(tmp_path: Path) -> None:
    for stem in STEMS:
        put_pair(tmp_path / "set", stem, "", "")
    put(tmp_path / "set/test_images/g.jpg", picture_of("g"))
    source = open_source(tmp_path / "set")
    assert source.splits == ()
    assert [issue.rule for issue in source.issues()] == ["annotation-missing"]


def test_a_list_in_a_code_page_of_windows(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for name in ("货架", "café"):
        put(root / "Annotations" / f"{name}.xml", b"<annotation/>")
        put(root / "JPEGImages" / f"{name}.jpg", name.encode())
    put(root / "ImageSets/Main/train.txt", "货架\r\n".encode("gb18030"))
    put(root / "ImageSets/Main/test.txt", "café\r\n".encode("cp1252"))
    source = open_source(root)
    assert {pair.id: pair.split for pair in source.pairs()} == {"货架": "train", "café": "test"}
    assert source.issues() == []


def test_a_list_that_names_nothing_at_all_is_one_error(tmp_path: Path) -> None:
    put(voc(tmp_path / "set") / "ImageSets/Main/train.txt", b"x1\nx2\nx3\n")
    errors = [issue for issue in open_source(tmp_path / "set").issues() if issue.severity == "error"]
    assert [(one.rule, one.line) for one in errors] == [("list-names-missing-image", 1)]
    assert "none of its 3 lines" in errors[0].message


def test_the_list_of_one_class_alone(tmp_path: Path) -> None:
    root = voc(tmp_path / "set", "abc")
    put(root / "ImageSets/Main/cup_train.txt", b"a 1\nb -1\nc 0\n")
    source = open_source(root)
    assert {pair.id: pair.split for pair in source.pairs()} == {"a": "train", "b": None, "c": "train"}
    assert any("1 image with -1" in issue.message for issue in source.issues())
    put(root / "ImageSets/Main/pen_train.txt", b"a -1\nb 1\nc -1\n")
    assert all(pair.split == "train" for pair in open_source(root).pairs())


@pytest.mark.parametrize("form", ["lists", "folders"])
def test_a_test_set_without_annotations_is_no_loss(tmp_path: Path, form: str) -> None:
    """VOC2012 and contests publish the pictures of the test set only."""
    root = tmp_path / "set"
    for stem in TRAIN:
        put_pair(
            root,
            stem,
            "Annotations" if form == "lists" else "train",
            "JPEGImages" if form == "lists" else "train",
        )
    for stem in TEST:
        put(root / ("JPEGImages" if form == "lists" else "test") / f"{stem}.jpg", picture_of(stem))
    if form == "lists":
        put(root / "ImageSets/Main/train.txt", lines(TRAIN))
        put(root / "ImageSets/Main/test.txt", lines(TEST))
    result = annotools.convert(root, tmp_path / "out", to="tfrecord")
    assert result.ledger.images.written == 4
    assert dict(result.ledger.images.lost) == {"annotation-missing": 2}
    assert not annotools.verify(tmp_path / "out", against=root).faults


def test_the_recipe_for_two_data_sets_under_one_folder(tmp_path: Path) -> None:
    """VOC2007 + VOC2012: an output each, the same classes, read as one."""
    for year, stems in (("VOC2007", "abc"), ("VOC2012", "cdef")):
        put(voc(tmp_path / year, stems) / "ImageSets/Main/trainval.txt", lines(stems))
        classes = annotools.ClassMap.from_names(["cup"])
        annotools.convert(tmp_path / year, tmp_path / f"out{year}", to="tfrecord", classes=classes)
    outputs = [tmp_path / "outVOC2007", tmp_path / "outVOC2012"]
    assert sorted(one.source_id for one in tfrecord.read(outputs, split="trainval")) == [
        f"{stem}.jpg" for stem in "abccdef"
    ]
