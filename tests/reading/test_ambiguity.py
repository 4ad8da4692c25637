"""Several images fit an annotation, or several annotations an image: evidence decides, or nothing does."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from small_sources import copied, lists, make, put, table

from annotools.errors import SourceError
from annotools.sources.ambiguity import several_folders
from annotools.sources.source import Source, open_source

pytestmark = pytest.mark.usefixtures("memory")


def says(filename: str = "", folder: str = "", path: str = "") -> bytes:
    tags = {"folder": folder, "filename": filename, "path": path}
    text = "".join(f"<{tag}>{text}</{tag}>" for tag, text in tags.items() if text)
    return f"<annotation>{text}</annotation>".encode()


def image_of(source: Source, image_id: str) -> str | None:
    return next(pair.image for pair in source.pairs() if pair.id == image_id)


def why(source: Source, image_id: str) -> tuple[str, list[str], list[str]] | None:
    found = source.ambiguity(next(pair for pair in source.pairs() if pair.id == image_id))
    return None if found is None else (found.kind, list(found.images), list(found.xmls))


SETS = ["images/set_1/a.jpg", "images/set_2/a.jpg"]


@pytest.mark.parametrize(
    ("filename", "folder", "path", "expected"),
    [
        ("set_2/a.jpg", "set_1", "/x/set_1/a.jpg", "set_2"),
        ("a.jpg", "set_2", "/x/set_1/a.jpg", "set_2"),
        ("a.jpg", "other", "C:\\data\\set_2\\a.jpg", "set_2"),
        ("a.jpg", "", "/home/me/set_2/images/a.jpg", "set_2"),
        ("set_3/a.jpg", "set_2", "", "set_2"),
        ("SET_2\\A.JPG", "", "", "set_2"),
        ("images/set_2/a.png", "", "", "set_2"),
        ("", "/set_2/", "", "set_2"),
        ("", "", "set_2/a.jpg", "set_2"),
        ("a.jpg", "images", "/images/a.jpg", None),
        ("a.jpg", "", "", None),
        ("", "", "", None),
        ("set_3/a.jpg", "set_4", "set_5/a.jpg", None),
    ],
)
def test_what_the_annotation_says_decides_in_this_order(
    tmp_path: Path, filename: str, folder: str, path: str, expected: str | None
) -> None:
    put(make(tmp_path, *SETS) / "annotations/a.xml", says(filename, folder, path))
    source = open_source(tmp_path)
    assert image_of(source, "a") == (expected and f"images/{expected}/a.jpg")
    assert why(copied(source), "a") == (None if expected else ("several", SETS, []))


@pytest.mark.parametrize("names", list(itertools.permutations("pqr")))
def test_the_order_of_names_decides_nothing(tmp_path: Path, names: tuple[str, str, str]) -> None:
    """The same files under other names of folders give the same pairs."""
    first, second, third = names
    make(tmp_path, f"images/{first}/a.jpg", f"images/{second}/a.jpg", f"images/{third}/a.jpg")
    put(tmp_path / "boxes/a.xml", says(f"{second}/a.jpg"))
    put(tmp_path / "other/b.xml", says(f"{third}/a.jpg"))
    put(tmp_path / "other/c.xml", says("a.jpg"))
    source = open_source(tmp_path)
    assert image_of(source, "boxes/a") == f"images/{second}/a.jpg"
    assert image_of(source, "other/b") == f"images/{third}/a.jpg"
    # of the images that c may mean, one is left when the others have gone to those that name them
    assert image_of(source, "other/c") == f"images/{first}/a.jpg"


def test_two_annotations_that_name_one_image(tmp_path: Path) -> None:
    make(tmp_path, "images/shelf.jpg", "images/other.jpg")
    for name in ("1", "2"):
        put(tmp_path / f"annotations/{name}.xml", says("shelf.jpg"))
    source = open_source(tmp_path)
    claims = ["annotations/1.xml", "annotations/2.xml"]
    for name in ("1", "2"):
        assert image_of(source, name) is None
        assert why(source, name) == ("contested", ["images/shelf.jpg"], claims)
    assert [issue.path for issue in source.issues()] == [str(tmp_path / "images/other.jpg")]


@pytest.mark.parametrize(
    "files",
    [
        ("xml/a.xml", "labels/a.xml"),
        ("v1/a.xml", "v2/a.xml"),
        ("v1/Annotations/a.xml", "v2/Annotations/a.xml"),
    ],
)
def test_two_annotations_of_one_stem_and_one_image(tmp_path: Path, files: tuple[str, str]) -> None:
    source = open_source(make(tmp_path, *files, "images/a.jpg"))
    claims = sorted(files)
    rows = [row for row in table(source) if row[1]]
    assert [row[2] for row in rows] == [None, None]
    assert [why(source, row[0]) for row in rows] == [("contested", ["images/a.jpg"], claims)] * 2


def test_who_has_the_image_is_told(tmp_path: Path) -> None:
    make(tmp_path, "a.xml", "a.jpg", "old/a.xml", "shelf1/b.xml", "shelf1/b.jpg", "shelf2/b.xml")
    source = open_source(tmp_path)
    assert image_of(source, "a") == "a.jpg"
    assert why(source, "old/a") == ("taken", ["a.jpg"], ["a.xml"])
    # folders side by side have the same names for other pictures: this image is just not there
    assert why(source, "shelf2/b") == ("elsewhere", ["shelf1/b.jpg"], ["shelf1/b.xml"])


def test_evidence_goes_before_an_image_beside_the_annotation(tmp_path: Path) -> None:
    put(make(tmp_path, "a.jpg", "images/a.jpg") / "a.xml", says("a.jpg", folder="images"))
    assert image_of(open_source(tmp_path), "a") == "images/a.jpg"


def test_mirrored_folders(tmp_path: Path) -> None:
    """An image beside its annotation, and of the others each kind in its folder."""
    root = tmp_path / "train"
    make(root, "a.xml", "a.jpg", "labels/a.xml", "images/a.jpg", "b/c.xml", "b/c.jpg", "d/c.xml", "d/c.jpg")
    found = {xml: image for _, xml, image, _ in table(open_source(tmp_path)) if xml}
    assert found == {
        "train/a.xml": "train/a.jpg",
        "train/labels/a.xml": "train/images/a.jpg",
        "train/b/c.xml": "train/b/c.jpg",
        "train/d/c.xml": "train/d/c.jpg",
    }


def test_a_lost_claim_is_not_made_good_by_another_image(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "a.png", "labels/a.xml")
    for name in ("a.xml", "labels/a.xml"):
        put(tmp_path / name, says("a.jpg"))
    source = open_source(tmp_path)
    found = {xml: image for _, xml, image, _ in table(source) if xml}
    assert found == {"a.xml": "a.jpg", "labels/a.xml": None}
    assert why(source, "labels/a") == ("taken", ["a.jpg"], ["a.xml"])


@pytest.mark.parametrize("readable", ["png", "jpg", "webp"])
@pytest.mark.parametrize("other", ["tif", "TIFF", "jp2", "ppm", "heic"])
def test_the_readable_twin_wins(tmp_path: Path, readable: str, other: str) -> None:
    make(tmp_path, f"JPEGImages/a.{other}", f"JPEGImages/a.{readable}", f"JPEGImages/b.{other}")
    put(tmp_path / "Annotations/a.xml", says(f"a.{other}"))
    source = open_source(tmp_path)
    assert image_of(source, "a") == f"JPEGImages/a.{readable}"
    assert [issue.path for issue in source.issues() if issue.severity != "info"] == [
        str(tmp_path / f"JPEGImages/b.{other}")
    ]


def test_annotations_of_the_same_images_are_several_data_sets(tmp_path: Path) -> None:
    make(tmp_path, *(f"{v}/Annotations/{stem}.xml" for v in ("v1", "v2", "v3") for stem in "ab"))
    make(tmp_path, *(f"images/{stem}.jpg" for stem in "ab"))
    with pytest.raises(SourceError, match="several data sets") as caught:
        open_source(tmp_path)
    message = str(caught.value)
    assert "'v1/Annotations', 'v2/Annotations', 'v3/Annotations'" in message
    assert "--annotations DIR --image-folder DIR" in message
    for v in ("v1", "v2", "v3"):
        source = open_source(tmp_path, annotations=f"{v}/Annotations", images="images")
        assert [row[1:3] for row in table(source)] == [
            (f"{v}/Annotations/{stem}.xml", f"images/{stem}.jpg") for stem in "ab"
        ]


def test_a_few_annotations_twice_are_errors_of_these(tmp_path: Path) -> None:
    """Half of the smaller folder makes it another data set; less is a mistake in a few files."""
    make(tmp_path, *(f"images/{n}.jpg" for n in range(10)), *(f"cats/{n}.xml" for n in range(5)))
    make(tmp_path, *(f"dogs/{n}.xml" for n in range(3, 10)))
    source = open_source(tmp_path)
    assert [row[1] for row in table(source) if row[2] is None] == [
        "cats/3.xml", "cats/4.xml", "dogs/3.xml", "dogs/4.xml",
    ]  # fmt: skip


def test_a_set_with_lists_beside_another_over_one_folder_of_images(tmp_path: Path) -> None:
    root = make(
        tmp_path, *(f"db/gts/A/Annotations/{n}.xml" for n in "ab"), *(f"db/gts/B/{n}.xml" for n in "ab")
    )
    make(tmp_path, *(f"db/images/{n}.jpg" for n in "ab"))
    put(root / "db/gts/A/ImageSets/Main/default.txt", b"a\nb\n")
    with pytest.raises(SourceError, match="'db/gts/A/Annotations', 'db/gts/B'"):
        open_source(root)
    source = open_source(root, annotations="db/gts/B", images="db/images")
    assert (table(source), source.splits) == (
        [(n, f"db/gts/B/{n}.xml", f"db/images/{n}.jpg", None) for n in "ab"],
        (),
    )
    source = open_source(root, annotations="db/gts/A/Annotations", images="db/images")
    assert [pair.split for pair in source.pairs()] == ["default", "default"]
    for name in ("a", "b"):
        (root / f"db/gts/B/{name}.xml").unlink()
    assert [row[2] for row in table(open_source(root))] == ["db/images/a.jpg", "db/images/b.jpg"]


def test_every_data_set_is_named(tmp_path: Path) -> None:
    names = [f"a_folder_with_a_long_name_{number:02d}" for number in range(12)]
    for name in names:
        lists(make(tmp_path / name, "Annotations/a.xml", "JPEGImages/a.jpg"), train="a\n")
    with pytest.raises(SourceError) as caught:
        open_source(tmp_path)
    assert all(f"'{name}'" in str(caught.value) for name in names)


@pytest.mark.parametrize(
    ("contested", "sizes", "expected"),
    [
        ([["v1/a", "v2/a"], ["v1/b", "v2/b"]], {"v1/": 4, "v2/": 9}, ("v1/", "v2/")),
        ([["v1/a", "v2/a"], ["v1/b", "v2/b"]], {"v1/": 5, "v2/": 9}, ()),
        ([["v1/a", "v2/a"]], {"v1/": 1, "v2/": 1}, ()),
        ([["v1/a", "v2/a"], ["v1/b", "v3/b"]], {"v1/": 2, "v2/": 1, "v3/": 1}, ()),
        ([["v1/a", "v1/b"], ["v1/c", "v1/d"]], {"v1/": 4}, ()),
    ],
)
def test_when_folders_are_several_data_sets(
    contested: list[list[str]], sizes: dict[str, int], expected: tuple[str, ...]
) -> None:
    assert several_folders(contested, sizes) == expected


def test_an_image_in_another_folder_that_can_be_read(tmp_path: Path) -> None:
    """Where nothing else tells, a TIFF is not the image: the copy that was made of it is."""
    put(make(tmp_path, "scans/a.tif", "small/a.png") / "xml/a.xml", says("a.bmp"))
    assert image_of(open_source(tmp_path), "a") == "small/a.png"
    put(tmp_path / "xml/a.xml", says("scans/a.tif"))
    assert image_of(open_source(tmp_path), "a") == "scans/a.tif"
