"""Ground truth from each kind of source: the ids, labels and boxes that the loader gives."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools import AnnotoolsError, DataError
from annotools.classes.class_map import ClassMap

CUP, PEN = (5, 6, 30, 35), (31, 2, 55, 39)
FOUND = {"a": ([CUP, (30, 2, 55, 39)], [0.9, 0.8], [0, 1]), "b": ([CUP], [0.7], [1])}


@pytest.fixture
def voc(tree: Any) -> Path:
    tree.add("a", [("cup", *CUP), ("pen", *PEN)]).add("b", [("pen", *CUP)]).add("c", [("hat", *PEN)])
    tree.lists(train=["c"], test=["a", "b"])
    return Path(tree.root)


def plain(result: Any) -> dict[str, Any]:
    """Without what a source alone knows."""
    return {key: value for key, value in result.as_dict().items() if key != "ledger"}


def test_every_kind_of_source_says_the_same(voc: Path, tmp_path: Path) -> None:
    archive = tmp_path / "voc.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in voc.rglob("*"):
            file.write(path, path.relative_to(voc.parent))
    sources = [archive]
    for to in ("pickle", "tfrecord", "tfds"):
        annotools.convert(voc, tmp_path / to, to=to, split="train,test")
        sources.append(tmp_path / to)
    sources.append(tmp_path / "pickle" / "test.pkl")
    # sorted names of the whole source, as `convert` gives ids: the hat is in train alone
    found = {
        image: (boxes, scores, [{0: 0, 1: 2}[label] for label in labels])
        for image, (boxes, scores, labels) in FOUND.items()
    }
    result = annotools.evaluate(voc, found)
    assert [(one.name, one.label) for one in result.classes] == [("cup", 0), ("hat", 1), ("pen", 2)]
    assert result.unscored == ("hat",)
    assert result.map == 1.0
    assert (result.images, result.objects) == (2, 3)
    for source in sources:
        assert plain(annotools.evaluate(source, found)) == plain(result)
    # one shard knows its own names and ids alone
    (shard,) = (tmp_path / "tfrecord").glob("test-*.tfrecord")
    alone = annotools.evaluate(shard, found)
    assert [(one.name, one.label) for one in alone.classes] == [("cup", 0), ("pen", 2)]
    assert alone.map == 1.0


def test_ids_and_labels_are_those_of_the_loader(tree: Any) -> None:
    tf = pytest.importorskip("tensorflow")
    from annotools.loader import make_dataset

    tree.add("a", [("cup", *CUP), ("pen", *PEN)]).add("b", [("pen", *CUP)])
    tree.lists(test=["a", "b"])
    (tree.root / "Annotations" / "b.xml").rename(tree.root / "Annotations" / "other.xml")
    (tree.root / "ImageSets" / "Main" / "test.txt").write_text("a\nother\n")
    found = {}
    for batch in make_dataset(tree.root, split="test", image_size=(40, 60), batch_size=1, ragged=True):
        boxes, labels = batch["bounding_boxes"]["boxes"][0], batch["bounding_boxes"]["labels"][0]
        found[batch["image_id"].numpy()[0]] = (boxes, tf.ones_like(labels), labels)
    assert set(found) == {b"a", b"b"}
    assert annotools.evaluate(tree.root, found).map == 1.0


def test_images_of_one_name_in_two_folders(tmp_path: Path, make_xml: Any, make_picture: Any) -> None:
    for shelf in ("top", "low"):
        for kind in ("Annotations", "JPEGImages"):
            (tmp_path / "voc" / kind / shelf).mkdir(parents=True)
        (tmp_path / "voc" / "Annotations" / shelf / "a.xml").write_bytes(make_xml("a.jpg", [("cup", *CUP)]))
        (tmp_path / "voc" / "JPEGImages" / shelf / "a.jpg").write_bytes(make_picture())
    found = {f"{shelf}/a": ([CUP], [0.5], [0]) for shelf in ("top", "low")}
    assert annotools.evaluate(tmp_path / "voc", found, split=None).map == 1.0
    annotools.convert(tmp_path / "voc", tmp_path / "out", to="tfrecord")
    assert annotools.evaluate(tmp_path / "out", found, split=None).map == 1.0


def test_classes_may_be_given(voc: Path, tmp_path: Path) -> None:
    ids = {"pen": 1, "cup": 5, "hat": 9}
    found = {"a": ([CUP, PEN], [0.9, 0.8], [4, 0]), "b": ([CUP], [0.7], [0])}
    ClassMap(ids).save(tmp_path / "classes.json")
    for classes in (ClassMap(ids), tmp_path / "classes.json"):
        result = annotools.evaluate(voc, found, classes=classes)
        assert result.map == 1.0
        assert [one.label for one in result.classes] == [0, 4, 8]
    with pytest.raises(DataError, match="hat") as caught:
        annotools.evaluate(voc, found, split="train", classes=ClassMap({"pen": 1, "cup": 5}))
    assert caught.value.issues[0].rule == "class-unknown"


def test_an_image_that_several_splits_list_counts_once(voc: Path) -> None:
    (voc / "ImageSets" / "Main" / "val.txt").write_text("a\n")
    result = annotools.evaluate(voc, FOUND, split=None, classes=ClassMap.from_names(["cup", "pen", "hat"]))
    assert (result.images, result.objects) == (3, 4)


def test_splits_that_do_not_exist(voc: Path, tmp_path: Path) -> None:
    annotools.convert(voc, tmp_path / "out", to="pickle", split="train")
    for source in (voc, tmp_path / "out", tmp_path / "out" / "train.pkl"):
        with pytest.raises(AnnotoolsError, match="no such split") as caught:
            annotools.evaluate(source, {}, split="dev")
        assert caught.value.exit_code == 2


def test_faulty_objects_end_it_or_are_counted(tree: Any) -> None:
    tree.add("a", [("cup", *CUP), ("cup", 50, 5, 40, 9)]).add("b", xml=b"<annotation>").add("c", xml=None)
    with pytest.raises(DataError, match="on_error='skip'") as caught:
        annotools.evaluate(tree.root, {}, split=None)
    assert {issue.rule for issue in caught.value.issues} >= {"box-inverted", "unparsable"}
    found = {name: ([CUP], [0.5], [0]) for name in "abc"}
    result = annotools.evaluate(tree.root, found, split=None, on_error="skip")
    assert result.map == 1.0
    assert result.ledger.as_dict() == {
        "images": {"found": 3, "written": 1, "skipped": {"annotation-missing": 1, "unparsable": 1}},
        "objects": {"found": 2, "written": 1, "dropped": {"box-inverted": 1}},
    }
    assert (result.detections, result.detections_left_out) == (1, 2)


def test_numbers_from_one_are_edges_on_both_sides(voc: Path, tmp_path: Path) -> None:
    """In the devkit a box from 1 to 10 is 10 pixels wide; as written it would be 9."""
    folder = tmp_path / "devkit"
    folder.mkdir()
    lines = {"cup": "a 0.9 5 6 30 35\n", "pen": "a 0.8 31 2 43 39\nb 0.7 5 6 30 35\n", "hat": ""}
    for name, text in lines.items():
        (folder / f"comp4_det_test_{name}.txt").write_text(text)
    # of 25 columns the detected pen has 13, and 13 / 25 > 0.5; as written 12 of 24, which is 0.5 too
    assert annotools.evaluate(voc, folder, iou=0.51).ap["pen"] == 1.0
    written = annotools.evaluate(voc, folder, iou=0.51, box_origin="as-written")
    assert written.ap["pen"] == pytest.approx(0.25)
    assert written.box_origin == "as-written"
    # with arrays both are read as they are written, unless the detector was trained on shifted boxes
    shifted = {
        "a": ([(4, 5, 30, 35), (30, 1, 55, 39)], [0.9, 0.8], [0, 2]),
        "b": ([(4, 5, 30, 35)], [0.7], [2]),
    }
    assert annotools.evaluate(voc, shifted, iou=0.99, box_origin="one-based").map == 1.0
    assert annotools.evaluate(voc, shifted, iou=0.99).map == 0.0


def test_an_output_knows_its_origin(voc: Path, tmp_path: Path) -> None:
    annotools.convert(voc, tmp_path / "out", to="pickle", split="train,test", box_origin="one-based")
    folder = tmp_path / "devkit"
    folder.mkdir()
    (folder / "comp4_det_test_cup.txt").write_text("a 0.9 5 6 30 35\n")
    result = annotools.evaluate(tmp_path / "out", folder, iou=0.99)
    assert (result.ap["cup"], result.box_origin) == (1.0, "one-based")
    with pytest.raises(AnnotoolsError, match="another origin") as caught:
        annotools.evaluate(tmp_path / "out", folder, box_origin="as-written")
    assert (caught.value.found, caught.value.expected) == ("as-written", "one-based")


def test_boxes_of_turned_images_lie_as_the_loader_shows_them(
    tree: Any, make_xml: Callable[..., bytes]
) -> None:
    from PIL import Image

    exif, file = Image.Exif(), BytesIO()
    exif[0x0112] = 6  # a quarter turn to the right
    Image.new("RGB", (60, 40)).save(file, "JPEG", exif=exif)
    tree.add("a", [("cup", 0, 10, 20, 40)], image=file.getvalue())  # <size> says that 60x40 is as stored
    found = {"a": ([(0, 0, 30, 20)], [0.9], [0])}
    assert annotools.evaluate(tree.root, found, split=None, iou=0.99).map == 1.0


def test_outputs_without_what_is_needed(voc: Path, tmp_path: Path) -> None:
    annotools.convert(voc, tmp_path / "out", to="ssd-pickle", split="test")
    with pytest.raises(AnnotoolsError, match="does not say which objects are difficult"):
        annotools.evaluate(tmp_path / "out", {})


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"form": "voc12"}, "--form"),
        ({"iou": 0}, "--iou"),
        ({"iou": 1.5}, "--iou"),
        ({"difficult": "drop"}, "--difficult"),
        ({"box_origin": "zero"}, "--box-origin"),
        ({"on_error": "ignore"}, "--on-error"),
    ],
    ids=str,
)
def test_options_that_make_no_sense(voc: Path, options: dict[str, Any], field: str) -> None:
    with pytest.raises(AnnotoolsError) as caught:
        annotools.evaluate(voc, {}, **options)
    assert (caught.value.field, caught.value.exit_code) == (field, 2)
