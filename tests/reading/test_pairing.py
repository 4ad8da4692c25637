"""Which image belongs to which annotation, and what is said where that is not plain."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from small_sources import copied, lists, make, put, rules, table, xml

from annotools.sources.source import open_source

pytestmark = pytest.mark.usefixtures("memory")


VOC = ["Annotations/a.xml", "Annotations/b.xml", "JPEGImages/a.jpg", "JPEGImages/b.jpg"]


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
    assert table(open_source(tmp_path))[0][2] == "JPEGImages/y/a.jpg"


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
    make(tmp_path, "a.xml", "a.png", "a.jpg", "b.xml", "b.webp", "b.gif", "b.PNG", "c.xml", "c.tif", "c.bmp")
    put(tmp_path / "a.xml", xml("somewhere/A.png"))
    put(tmp_path / "c.xml", xml("c.tif"))
    source = open_source(tmp_path)
    assert table(source) == [
        ("a", "a.xml", "a.png", None),
        ("a.jpg", None, "a.jpg", None),
        ("b", "b.xml", None, None),
        ("b.PNG", None, "b.PNG", None),
        ("b.gif", None, "b.gif", None),
        ("b.webp", None, "b.webp", None),
        ("c", "c.xml", "c.bmp", None),
        ("c.tif", None, "c.tif", None),
    ]
    # nobody hears that the candidates for b have no annotation, nor of the TIFF that c.bmp was made from
    assert rules(source) == [("stem-collision", "info", "c.xml"), ("stem-collision", "warning", "a.xml")]
    assert "not " + str(tmp_path / "a.jpg") in source.issues()[0].message


def test_a_list_means_the_annotated_one_of_two_images(tmp_path: Path) -> None:
    make(tmp_path, "JPEGImages/a.jpg", "JPEGImages/a.png")
    put(tmp_path / "Annotations/a.xml", xml("a.jpg"))
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
    issue, _ = source.issues()
    assert issue.rule == "list-names-missing-image"
    assert "several" in issue.message
    assert [(pair.id, pair.split) for pair in source.pairs()] == [("x/a", None), ("y/a", "test")]


def test_images_in_the_same_folder_as_the_xml_go_first(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, "x/images/a.jpg", "x/a.xml", "x/a.jpg", "b/b.xml", "b/b.jpg"))
    assert table(source)[1] == ("x/a", "x/a.xml", "x/a.jpg", None)


def test_two_xml_of_one_stem_get_different_ids(tmp_path: Path) -> None:
    source = open_source(make(tmp_path, "xml/a.xml", "labels/a.xml", "images/a.jpg"))
    assert [row[0] for row in table(source) if row[1]] == ["labels/a", "xml/a"]


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
