"""Which data sets are recognised, and by what: their layouts, keywords, and what is none."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from small_sources import lists, make, rules, table

from annotools.errors import SourceError
from annotools.sources.source import open_source

pytestmark = pytest.mark.usefixtures("memory")


VOC = ["Annotations/a.xml", "Annotations/b.xml", "JPEGImages/a.jpg", "JPEGImages/b.jpg"]


TRAIN_TEST: list[tuple[str, str | None]] = [("a", "train"), ("b", "test")]


# layout name: (files, expected (id, split))
LAYOUTS: dict[str, tuple[list[str], list[tuple[str, str | None]]]] = {
    "voc": (VOC, [("a", None), ("b", None)]),
    "voc-in-a-devkit": ([f"VOCdevkit/VOC2007/{name}" for name in VOC], [("a", None), ("b", None)]),
    "flat": (["a.xml", "a.jpg", "b.xml", "b.png"], [("a", None), ("b", None)]),
    "nested": (["x/a.xml", "x/a.jpg", "y/z/a.xml", "y/z/a.jpg"], [("x/a", None), ("y/z/a", None)]),
    "imagesets-and-images-in-a-folder-of-another-name": (
        [*(f"DET/{name}" for name in ("Annotations/val/a.xml", "Data/val/a.JPEG", "ImageSets/DET/val.txt"))],
        [("a", "val")],
    ),
    "nested-with-folders-of-a-kind": (
        [f"data/{part}/{name}" for part in "01" for name in ("xml/a.xml", "img/a.jpg")],
        [("0/a", None), ("1/a", None)],
    ),
    "roboflow": (
        ["train/a.xml", "train/a.jpg", "test/b.xml", "test/b.jpg", "README.roboflow.txt", "data.jpg.txt"],
        TRAIN_TEST,
    ),
    "split-then-kind": (
        ["train/annotations/a.xml", "train/images/a.jpg", "test/annotations/b.xml", "test/images/b.jpg"],
        TRAIN_TEST,
    ),
    "split-then-voc": (
        [
            "train/Annotations/a.xml",
            "train/JPEGImages/a.jpg",
            "test/Annotations/b.xml",
            "test/JPEGImages/b.jpg",
        ],
        TRAIN_TEST,
    ),
    "kind-then-split": (
        ["annotations/train/a.xml", "images/train/a.jpg", "annotations/test/b.xml", "images/test/b.jpg"],
        TRAIN_TEST,
    ),
    "images-then-split": (
        ["images/train/a.xml", "images/train/a.jpg", "images/test/b.xml", "images/test/b.jpg"],
        TRAIN_TEST,
    ),
    "only-images-in-splits": (["xml/a.xml", "xml/b.xml", "train/a.jpg", "test/b.jpg"], TRAIN_TEST),
    "xmls-and-imgs": (["xmls/a.xml", "imgs/a.bmp", "xmls/b.xml", "imgs/b.GIF"], [("a", None), ("b", None)]),
    "labels-with-txt": (
        [
            "labels/a.xml",
            "images/a.webp",
            "labels/classes.txt",
            "images/a.txt",
            "labels/b.xml",
            "images/b.jpeg",
        ],
        [("a", None), ("b", None)],
    ),
    "junk": (
        [
            *VOC,
            "__MACOSX/Annotations/._a.xml",
            "Annotations/._a.xml",
            ".git/a.xml",
            "JPEGImages/.a.jpg",
            "JPEGImages/Thumbs.db",
            "JPEGImages/.DS_Store",
            "SegmentationClass/a.png",
            "SegmentationObject/a.png",
            "AnnotationsVisualization/a.jpg",
        ],
        [("a", None), ("b", None)],
    ),
    "unknown-names": (
        ["boxes/a.xml", "photos/a.jpg", "boxes/b.xml", "photos/b.jpg"],
        [("a", None), ("b", None)],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("top", ["", "my set v3/"])
def test_layouts(tmp_path: Path, layout: str, top: str) -> None:
    names, expected = LAYOUTS[layout]
    source = open_source(make(tmp_path, *(top + name for name in names)))
    pairs = list(source.pairs())
    assert sorted((pair.id, pair.split) for pair in pairs) == sorted(expected)
    assert [pair.id for pair in pairs] == sorted(pair.id for pair in pairs)
    for pair in pairs:
        assert pair.xml is not None
        assert pair.image is not None
        stem = Path(pair.id).name
        assert Path(pair.xml).stem == Path(pair.image).stem == stem
        assert source.read_bytes(pair.image) == pair.image.encode()
        assert source.size(pair.image) == len(source.read_bytes(pair.image))
        assert source.display(pair.image) == str(tmp_path / pair.image)
    assert source.issues() == []
    assert source.splits == tuple(dict.fromkeys(split for _, split in expected if split))
    for split in source.splits:
        assert table(source, split) == [row for row in table(source) if row[3] == split]
    assert len(source) == len(expected)


def test_the_real_sets(bccd: Path, microcontrollers: Path) -> None:
    for root, counts in (
        (bccd, {"train": 205, "val": 87, "test": 72}),
        (bccd / "BCCD", {"train": 205, "val": 87, "test": 72}),
        (microcontrollers, {"train": 142, "test": 7}),
        (microcontrollers / "images", {"train": 142, "test": 7}),
        (microcontrollers / "images" / "train", {None: 142}),
    ):
        source = open_source(root)
        pairs = list(source.pairs())
        assert Counter(pair.split for pair in pairs) == counts
        assert source.issues() == []
        files = {
            os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(root)
            for name in names
            if name.endswith((".xml", ".jpg"))
        }
        assert {name for pair in pairs for name in (pair.xml, pair.image)} == files
        assert len(pairs) == len(source) == len({pair.id for pair in pairs}) == len(files) // 2
        assert all(pair.id == Path(pair.xml or "").stem == Path(pair.image or "").stem for pair in pairs)
        first = pairs[0]
        assert source.read_bytes(first.xml or "") == (root / (first.xml or "")).read_bytes()
        assert source.read_header(first.image or "").format == "jpeg"
    trainval = open_source(bccd).pairs("trainval")
    assert sum(1 for _ in trainval) == 205 + 87


def test_keywords_name_the_folders(tmp_path: Path) -> None:
    make(tmp_path / "set", "boxes/x/a.xml", "boxes/b.xml", "photos/x/a.jpg", "photos/b.jpg", "other/c.xml")
    make(tmp_path / "elsewhere", "b.jpg", "x/a.jpg", "c.jpg")
    root = tmp_path / "set"
    source = open_source(root, annotations="boxes", images="photos")
    assert table(source) == [
        ("b", "boxes/b.xml", "photos/b.jpg", None),
        ("x/a", "boxes/x/a.xml", "photos/x/a.jpg", None),
    ]
    assert source.display("boxes/b.xml") == str(root / "boxes/b.xml")
    source = open_source(root, annotations="boxes", images=tmp_path / "elsewhere")
    assert [(pair.id, pair.image) for pair in source.pairs()] == [
        ("b", "elsewhere/b.jpg"),
        ("c", "elsewhere/c.jpg"),
        ("x/a", "elsewhere/x/a.jpg"),
    ]
    assert source.display("elsewhere/b.jpg") == str(tmp_path / "elsewhere/b.jpg")
    assert source.read_bytes("elsewhere/b.jpg") == b"b.jpg"
    source = open_source(root / "boxes", images=root / "photos")
    assert [pair.image for pair in source.pairs()] == ["photos/b.jpg", "photos/x/a.jpg"]
    with pytest.raises(SourceError) as caught:
        open_source(root, annotations="nowhere")
    assert (caught.value.field, caught.value.found) == ("annotations", "nowhere")


def test_lists_are_used_with_keywords(tmp_path: Path) -> None:
    make(tmp_path, "boxes/a.xml", "boxes/b.xml", "photos/a.jpg", "photos/b.jpg")
    source = open_source(lists(tmp_path, train="a\n", test="b\n"), annotations="boxes", images="photos")
    assert [(pair.id, pair.split) for pair in source.pairs()] == TRAIN_TEST


def test_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, *VOC, "flat/a.xml", "flat/a.png", "flat/b.png", "flat/c.xml")
    source = open_source(tmp_path / "Annotations" / "b.xml")
    assert table(source) == [("b", "Annotations/b.xml", "JPEGImages/b.jpg", None)]
    assert source.display("Annotations/b.xml") == str(tmp_path / "Annotations/b.xml")
    assert source.issues() == []
    assert table(open_source(tmp_path / "flat/a.xml")) == [("a", "a.xml", "a.png", None)]
    make(tmp_path, "Annotations/c.jpg")
    assert open_source(tmp_path / "Annotations" / "b.xml").issues() == []
    assert table(open_source(tmp_path / "flat/c.xml")) == [("c", "c.xml", None, None)]
    monkeypatch.chdir(tmp_path / "flat")
    source = open_source("a.xml")
    assert table(source) == [("a", "a.xml", "a.png", None)]
    assert source.display("a.xml") == "a.xml"


def test_several_data_sets_are_not_mixed(tmp_path: Path) -> None:
    make(tmp_path, *(f"{year}/{name}" for year in ("VOC2007", "VOC2012") for name in VOC))
    with pytest.raises(SourceError, match="several data sets") as caught:
        open_source(tmp_path)
    assert "'VOC2007', 'VOC2012'" in str(caught.value)
    source = open_source(tmp_path, annotations="VOC2012/Annotations", images="VOC2012/JPEGImages")
    assert table(source)[0] == ("a", "VOC2012/Annotations/a.xml", "VOC2012/JPEGImages/a.jpg", None)
    for part in ("one", "two"):
        make(tmp_path / "lists", f"{part}/xml/a.xml", f"{part}/img/a.jpg", f"{part}/ImageSets/Main/train.txt")
    with pytest.raises(SourceError, match="several data sets"):
        open_source(tmp_path / "lists")
    assert len(open_source(tmp_path / "VOC2007")) == 2


def test_what_lies_outside_of_a_tree_is_told(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *VOC, "sample.jpg"))
    assert [(rule, severity) for rule, severity, _ in rules(source)] == [("outside-layout", "info")]
    source = open_source(make(tmp_path, "old/c.xml"))
    assert len(source) == 2
    (issue,) = source.issues()
    assert (issue.rule, issue.severity) == ("outside-layout", "warning")
    assert issue.message.startswith("1 .xml and 1 images")


def test_a_mask_is_not_the_image_of_a_tree_without_images(tmp_path: Path) -> None:
    """CVAT exports annotations, lists and masks, and images only on request."""
    names = ("Annotations/a.xml", "ImageSets/Main/val.txt", "SegmentationClass/a.png")
    assert table(open_source(make(tmp_path, *names))) == [("a", "Annotations/a.xml", None, None)]


def test_sources_that_are_none(tmp_path: Path) -> None:
    for path, words in (
        (tmp_path / "nowhere", "does not exist"),
        (make(tmp_path / "empty", "readme.md"), "no annotation files"),
        (make(tmp_path / "bare", "JPEGImages/a.jpg"), "no annotation files"),
        (make(tmp_path, "a.jpg") / "a.jpg", "cannot be read as an archive"),
    ):
        with pytest.raises(SourceError, match=words) as caught:
            open_source(path)
        assert caught.value.path == str(path)
