"""Sources: every layout gives the same pairs. The files hold just enough; no image is opened here."""

from __future__ import annotations

import os
import pickle
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from annotools.errors import ImageError, SourceError
from annotools.sources import catalogue
from annotools.sources.source import Pair, Source, open_source


@pytest.fixture(params=[catalogue.IN_MEMORY, 3], ids=["in memory", "on disk"], autouse=True)
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every source is listed twice: once when it fits in memory, as all of these do, and once as if not."""
    monkeypatch.setattr(catalogue, "IN_MEMORY", request.param)


def xml(filename: str = "") -> bytes:
    return f"<annotation><filename>{filename}</filename></annotation>".encode()


def make(root: Path, *names: str) -> Path:
    """A folder of files; XML is VOC without a file name, other files hold their own name."""
    for name in names:
        put(root / name, xml() if name.endswith(".xml") else name.encode())
    return root


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def table(source: Source, split: str | None = None) -> list[tuple[str, str | None, str | None, str | None]]:
    return [(pair.id, pair.xml, pair.image, pair.split) for pair in source.pairs(split)]


def copied(source: Source) -> Source:
    """What a worker process gets."""
    copy = pickle.loads(pickle.dumps(source))  # noqa: S301  # our own bytes
    assert isinstance(copy, Source)
    return copy


def rules(source: Source) -> list[tuple[str, str, str | None]]:
    root = os.path.join(source.root, "")
    return sorted((i.rule, i.severity, i.path and i.path.removeprefix(root)) for i in source.issues())


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


# Lists


def lists(root: Path, **texts: str | bytes) -> Path:
    for name, text in texts.items():
        content = text.encode() if isinstance(text, str) else text
        put(root / "ImageSets" / "Main" / f"{name}.txt", content)
    return root


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
    assert source.issues() == []


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
    texts = {"default": "a\nb\n", "cat_default": "a 1\nb -1\n", "big_cat_default": "a 1\nb -1\n"}
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
    (issue,) = source.issues()
    assert (issue.rule, issue.severity) == ("split-overlap", "warning")
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


# Pairing


@pytest.mark.parametrize("extension", ["jpg", "JPEG", "png", "BMP", "gif", "webp", "tif"])
def test_any_image_extension(tmp_path: Path, extension: str) -> None:
    source = open_source(make(tmp_path, "Annotations/a.XML", f"JPEGImages/a.{extension}"))
    assert table(source) == [("a", "Annotations/a.XML", f"JPEGImages/a.{extension}", None)]


def test_lone_files_are_pairs_with_a_gap(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *VOC, "Annotations/c.xml", "JPEGImages/d.jpg"))
    assert table(source)[2:] == [
        ("c", "Annotations/c.xml", None, None),
        ("d", None, "JPEGImages/d.jpg", None),
    ]
    assert rules(source) == [("annotation-missing", "warning", "JPEGImages/d.jpg")]


def test_case_and_unicode_form_do_not_matter_where_nothing_fits_exactly(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "été") for form in ("NFC", "NFD"))
    make(tmp_path, f"Annotations/{composed}.xml", f"JPEGImages/{decomposed}.jpg")
    make(tmp_path, "Annotations/IMG_1.xml", "JPEGImages/img_1.JPG")
    make(tmp_path, "Annotations/b.xml", "JPEGImages/b.jpg", "Annotations/B.xml", "JPEGImages/B.jpg")
    source = open_source(tmp_path)
    assert table(source) == [
        ("B", "Annotations/B.xml", "JPEGImages/B.jpg", None),
        ("IMG_1", "Annotations/IMG_1.xml", "JPEGImages/img_1.JPG", None),
        ("b", "Annotations/b.xml", "JPEGImages/b.jpg", None),
        (composed, f"Annotations/{composed}.xml", f"JPEGImages/{decomposed}.jpg", None),
    ]
    assert source.issues() == []


def test_the_place_goes_before_the_bare_stem(tmp_path: Path) -> None:
    names = ["Annotations/x/a.xml", "Annotations/y/a.xml", "JPEGImages/x/a.jpg", "JPEGImages/y/a.jpg"]
    source = open_source(make(tmp_path, *names, "Annotations/c.xml", "JPEGImages/z/c.jpg"))
    assert table(source) == [
        ("c", "Annotations/c.xml", "JPEGImages/z/c.jpg", None),
        ("x/a", "Annotations/x/a.xml", "JPEGImages/x/a.jpg", None),
        ("y/a", "Annotations/y/a.xml", "JPEGImages/y/a.jpg", None),
    ]


def test_a_stem_that_is_not_unique_pairs_nothing(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, "Annotations/a.xml", "JPEGImages/x/a.jpg", "JPEGImages/y/a.jpg"))
    # neither x/a.jpg nor y/a.jpg has a better claim, and the XML names none
    assert table(source) == [
        ("a", "Annotations/a.xml", None, None),
        ("x/a", None, "JPEGImages/x/a.jpg", None),
        ("y/a", None, "JPEGImages/y/a.jpg", None),
    ]
    put(tmp_path / "Annotations/a.xml", xml("C:\\shelf\\y\\a.jpg"))
    assert table(open_source(tmp_path))[0][2] == "JPEGImages/x/a.jpg"


def test_filename_decides_where_no_stem_fits(tmp_path: Path) -> None:
    make(tmp_path, "JPEGImages/shelf.jpg", "JPEGImages/watch.png", "JPEGImages/book.jpg", "JPEGImages/e.jpg")
    for name, filename in {
        "1": "shelf.jpg",
        "2": "C:\\Users\\me\\WATCH.PNG",
        "3": "book",
        "4": "e.png",
        "5": "",
        "6": "nowhere.jpg",
    }.items():
        put(tmp_path / f"Annotations/{name}.xml", xml(filename))
    put(tmp_path / "Annotations/7.xml", b"not XML")
    source = open_source(tmp_path)
    assert [(pair.id, pair.image) for pair in source.pairs()] == [
        ("1", "JPEGImages/shelf.jpg"),
        ("2", "JPEGImages/watch.png"),
        ("3", "JPEGImages/book.jpg"),
        ("4", "JPEGImages/e.jpg"),
        ("5", None),
        ("6", None),
        ("7", None),
    ]


def test_one_image_for_two_annotations_of_its_stem(tmp_path: Path) -> None:
    """Neither has a better claim, so neither gets it by its stem."""
    source = open_source(make(tmp_path, "x/a.xml", "y/a.xml", "z/a.jpg"))
    assert [(pair.id, pair.image) for pair in source.pairs()] == [
        ("x/a", None),
        ("y/a", None),
        ("z/a", "z/a.jpg"),
    ]


def test_the_stem_goes_before_filename_and_the_other_image_is_told(tmp_path: Path) -> None:
    make(tmp_path, *VOC)
    put(tmp_path / "Annotations/a.xml", xml("b.jpg"))
    put(tmp_path / "Annotations/c.xml", xml("b.jpg"))
    source = open_source(tmp_path)
    a, b, c = source.pairs()
    assert (a.image, b.image, c.image) == ("JPEGImages/a.jpg", "JPEGImages/b.jpg", None)
    for filename in ("b.jpg", "B.JPG", "/home/me/b.jpg", "..\\b.jpg", "b", "b.png"):
        assert source.image_named(a, filename) == "JPEGImages/b.jpg", filename
        assert source.image_named(c, filename) == "JPEGImages/b.jpg", filename
    for filename in ("", "a.jpg", "A.jpg", "a", "a.png", "x/a.jpg", "nowhere.jpg", "../../etc/passwd", "/"):
        assert source.image_named(a, filename) is None, filename
    again = copied(source)
    assert again.image_named(a, "b.jpg") == "JPEGImages/b.jpg"


def test_image_named_prefers_its_own_folder(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, "x/a.xml", "x/a.jpg", "x/b.jpg", "w/b.jpg", "w/a.jpg", "w/a.xml"))
    pairs = {pair.id: pair for pair in source.pairs()}
    assert source.image_named(pairs["x/a"], "b.jpg") == "x/b.jpg"
    assert source.image_named(pairs["w/a"], "b.jpg") == "w/b.jpg"
    assert source.image_named(pairs["x/a"], "a.jpg") is None


def test_filename_never_leads_out_of_the_source(tmp_path: Path) -> None:
    make(tmp_path, "secret.jpg")
    root = make(tmp_path / "set", "Annotations/a.xml", "JPEGImages/b.jpg")
    for filename in ("../../secret.jpg", str(tmp_path / "secret.jpg"), "..", "../..", "/etc/passwd"):
        put(root / "Annotations/a.xml", xml(filename))
        source = open_source(root)
        assert table(source)[0] == ("a", "Annotations/a.xml", None, None)
        assert source.image_named(next(source.pairs()), filename) is None


def test_two_images_of_one_stem(tmp_path: Path) -> None:
    make(tmp_path, "a.xml", "a.png", "a.jpg", "b.xml", "b.webp", "b.gif", "b.PNG")
    put(tmp_path / "a.xml", xml("somewhere/A.png"))
    source = open_source(tmp_path)
    assert table(source) == [
        ("a", "a.xml", "a.png", None),
        ("a.jpg", None, "a.jpg", None),
        ("b", "b.xml", "b.PNG", None),
        ("b.gif", None, "b.gif", None),
        ("b.webp", None, "b.webp", None),
    ]
    assert rules(source) == [("stem-collision", "warning", "a.xml"), ("stem-collision", "warning", "b.xml")]
    assert "not " + str(tmp_path / "a.jpg") in source.issues()[0].message


def test_a_list_means_the_annotated_one_of_two_images(tmp_path: Path) -> None:
    make(tmp_path, "Annotations/a.xml", "JPEGImages/a.jpg", "JPEGImages/a.png")
    source = open_source(lists(tmp_path, train="a\n"))
    assert table(source, "train") == [("a", "Annotations/a.xml", "JPEGImages/a.jpg", "train")]
    assert [rule for rule, _, _ in rules(source)] == ["stem-collision"]


def test_a_list_means_the_annotated_one_of_two_places(tmp_path: Path) -> None:
    make(tmp_path, "Annotations/y/a.xml", "JPEGImages/y/a.jpg", "JPEGImages/x/a.jpg")
    source = open_source(lists(tmp_path, train="a\n"))
    assert [(pair.id, pair.split) for pair in source.pairs()] == [("x/a", None), ("y/a", "train")]


def test_a_list_that_could_mean_two(tmp_path: Path) -> None:
    names = ["x/a", "y/a"]
    make(tmp_path, *(f"Annotations/{n}.xml" for n in names), *(f"JPEGImages/{n}.jpg" for n in names))
    source = open_source(lists(tmp_path, train="a\n", test="y/a\n"))
    (issue,) = source.issues()
    assert issue.rule == "list-names-missing-image"
    assert "several" in issue.message
    assert [(pair.id, pair.split) for pair in source.pairs()] == [("x/a", None), ("y/a", "test")]


def test_images_in_the_same_folder_as_the_xml_go_first(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, "x/images/a.jpg", "x/a.xml", "x/a.jpg", "b/b.xml", "b/b.jpg"))
    assert table(source)[1] == ("x/a", "x/a.xml", "x/a.jpg", None)


def test_two_xml_of_one_stem_get_different_ids(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, "xml/a.xml", "labels/a.xml", "images/a.jpg"))
    rows = table(source)
    assert [row[0] for row in rows] == ["labels/a", "xml/a"]
    assert [row[2] for row in rows] == ["images/a.jpg", None]
    assert rules(source) == [("stem-collision", "warning", "xml/a.xml")]


def test_ids_need_the_split_only_where_two_would_be_alike(tmp_path: Path) -> None:
    names = ["train/a", "test/a", "train/b", "test/c"]
    source = open_source(make(tmp_path, *(f"{n}.xml" for n in names), *(f"{n}.jpg" for n in names)))
    assert [pair.id for pair in source.pairs()] == ["b", "c", "test/a", "train/a"]


def test_names_that_hurt(tmp_path: Path) -> None:
    stems = [
        "two\nlines",
        "quo\"te's",
        "<&>",
        "x" * 251,
        "\udcff\udcfe",
        "tab\t",
        " leading",
        "日本",
        "a\\b",
        "-n",
    ]
    for stem in stems:
        put(tmp_path / "JPEGImages" / f"{stem}.jpg", b"image")
        put(tmp_path / "Annotations" / f"{stem}.xml", xml())
    source = copied(open_source(tmp_path))
    pairs = list(source.pairs())
    assert len(pairs) == len({pair.id for pair in pairs}) == len(stems)
    assert {Path(pair.xml or "").stem for pair in pairs} == set(stems)
    for pair in pairs:
        assert pair.image is not None
        assert source.read_bytes(pair.image) == b"image"
        assert source.display(pair.image).isprintable()
        pair.id.encode()
    assert not source.issues()


# The folder itself


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
    assert caught.value.found == "VOC2007, VOC2012"
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


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    make(tmp_path / "real", "a.jpg", "b.jpg")
    root = make(tmp_path / "set", "Annotations/a.xml", "Annotations/b.xml", "Annotations/c.xml")
    (root / "JPEGImages").symlink_to(tmp_path / "real")
    (root / "Annotations" / "again").symlink_to(root)
    (tmp_path / "real" / "c.jpg").symlink_to(tmp_path / "nowhere.jpg")
    source = open_source(root)
    assert [(pair.id, pair.image) for pair in source.pairs()] == [
        ("a", "JPEGImages/a.jpg"),
        ("b", "JPEGImages/b.jpg"),
        ("c", None),
    ]


def test_files_that_vanish_or_are_none(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *VOC))
    (tmp_path / "JPEGImages/a.jpg").unlink()
    (tmp_path / "Annotations/a.xml").unlink()
    with pytest.raises(ImageError, match="No such file") as caught:
        source.read_bytes("JPEGImages/a.jpg")
    assert caught.value.path == str(tmp_path / "JPEGImages/a.jpg")
    with pytest.raises(SourceError, match="No such file"):
        source.read_bytes("Annotations/a.xml")
    with pytest.raises(SourceError):
        source.size("JPEGImages/a.jpg")
    os.mkfifo(tmp_path / "JPEGImages/pipe.jpg")  # reading it would wait for ever
    assert "JPEGImages/pipe.jpg" not in [pair.image for pair in open_source(tmp_path).pairs()]


def test_a_fingerprint_tells_a_changed_file(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *VOC))
    path, name = tmp_path / "Annotations/a.xml", "Annotations/a.xml"
    before = source.fingerprint(name)
    assert source.fingerprint(name) == before
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    later = source.fingerprint(name)
    put(path, xml("another.jpg"))
    os.utime(path, ns=(0, path.stat().st_mtime_ns))
    assert len({before, later, source.fingerprint(name)}) == 3
    path.unlink()
    with pytest.raises(SourceError, match="No such file") as caught:
        source.fingerprint(name)
    assert caught.value.path == str(path)


def test_an_xml_too_large_to_be_one_is_not_read(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, *VOC))
    with open(tmp_path / "Annotations/a.xml", "wb") as file:
        file.truncate(2 << 30)
    with pytest.raises(SourceError, match="too large") as caught:
        source.read_bytes("Annotations/a.xml")
    assert caught.value.found == f"{2 << 30} bytes"
    assert len(source.read_head("Annotations/a.xml")) == 64 << 10


def test_an_unreadable_folder_is_not_skipped(tmp_path: Path) -> None:
    make(tmp_path, *VOC, "more/c.xml")
    (tmp_path / "more").chmod(0)
    if os.access(tmp_path / "more", os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(SourceError, match="cannot be listed"):
        open_source(tmp_path)


def test_a_source_stays_small(tmp_path: Path) -> None:
    """The listing goes to every worker: about 100 bytes an image, none of it Python objects."""
    ids = [f"img_{number:06}" for number in range(2000)]
    names: Iterable[str] = (f"{n}.{e}" for n in ids for e in ("xml", "jpg"))
    for name in names:
        (tmp_path / name).touch()
    source = open_source(tmp_path)
    assert [pair.id for pair in source.pairs()] == ids
    assert len(pickle.dumps(source)) < 100 * len(ids)
    assert next(source.pairs()) == Pair(ids[0], f"{ids[0]}.xml", f"{ids[0]}.jpg", None)
