"""`--to coco`, read by pycocotools and by a plain walk over the XML."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from plain_xml import plain_reading
from tampering import rules

import annotools
from annotools.records import Edges


def open_with_pycocotools(path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    coco = pytest.importorskip("pycocotools.coco")
    found = coco.COCO(str(path))
    capsys.readouterr()  # it talks
    return found


def compare(coco: Any, expected: dict[str, list[tuple[str, Edges, int]]]) -> None:
    names = {one["id"]: one["name"] for one in coco.loadCats(coco.getCatIds())}
    images = coco.loadImgs(coco.getImgIds())
    assert {Path(one["file_name"]).stem for one in images} == set(expected)
    assert len(coco.getAnnIds()) == sum(map(len, expected.values()))
    for image in images:
        wanted = expected[Path(image["file_name"]).stem]
        objects = coco.loadAnns(coco.getAnnIds(imgIds=image["id"]))
        assert [names[one["category_id"]] for one in objects] == [name for name, _, _ in wanted]
        for one, (_, (xmin, ymin, xmax, ymax), difficult) in zip(objects, wanted, strict=True):
            assert one["bbox"] == [xmin, ymin, xmax - xmin, ymax - ymin]
            assert one["area"] == (xmax - xmin) * (ymax - ymin)
            assert (one["difficult"], one["ignore"], one["iscrowd"]) == (difficult, difficult, 0)
    objects = [name for one in expected.values() for name, _, _ in one]
    for name, count in Counter(objects).items():
        assert len(coco.getAnnIds(catIds=coco.getCatIds(catNms=[name]))) == count


def test_pycocotools_reads_what_the_xml_says(
    sample_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    annotools.convert(sample_data, tmp_path / "out", to="coco", split="train=1.0")
    coco = open_with_pycocotools(tmp_path / "out" / "annotations" / "instances_train.json", capsys)
    compare(coco, plain_reading(sample_data))


def test_pycocotools_reads_a_real_set(bccd: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = annotools.convert(
        bccd, tmp_path / "out", to="coco", on_error="skip", fix="clip", split="train=1.0"
    )
    assert annotools.verify(tmp_path / "out", against=bccd).ok
    coco = open_with_pycocotools(tmp_path / "out" / "annotations" / "instances_train.json", capsys)
    assert len(coco.getImgIds()) == result.ledger.images.written == 364
    assert len(coco.getAnnIds()) == result.ledger.objects.written == 4888 - result.ledger.objects.lost.total()
    assert coco.getImgIds() == list(range(1, 365))
    results = [
        {"image_id": one["image_id"], "category_id": one["category_id"], "bbox": one["bbox"], "score": 1.0}
        for one in coco.loadAnns(coco.getAnnIds())
    ]
    evaluation = pytest.importorskip("pycocotools.cocoeval").COCOeval(coco, coco.loadRes(results), "bbox")
    evaluation.params.maxDets = [1, 10, 1000]
    evaluation.evaluate()
    evaluation.accumulate()
    capsys.readouterr()
    assert float(evaluation.eval["precision"].max()) == 1.0


def test_splits_ids_and_flags(tree: Any, tmp_path: Path) -> None:
    tree.add("a", [("杯", 1, 2, 9, 9)]).add("b", [("cup", 1.5, 2.25, 9, 9), ("cup", 3, 4, 8, 9)]).add("c", [])
    path = tree.root / "Annotations" / "b.xml"
    text = path.read_text().replace(
        "<difficult>0<", "<truncated>1</truncated><pose>Left</pose><difficult>1<", 1
    )
    path.write_text(text)
    tree.lists(train=["a", "c"], val=["b"])
    out = tmp_path / "out"
    annotools.convert(tree.root, out, to="coco", source_id="numeric")
    train, val = (
        json.loads((out / "annotations" / f"instances_{name}.json").read_bytes()) for name in ("train", "val")
    )
    assert [(one["id"], one["file_name"]) for one in train["images"]] == [(1, "a.jpg"), (3, "c.jpg")]
    assert val["images"] == [{"id": 2, "file_name": "b.jpg", "width": 60, "height": 40}]
    assert train["categories"] == val["categories"]
    assert [(one["id"], one["name"]) for one in val["categories"]] == [(1, "cup"), (2, "杯")]
    flags = {"truncated": 1, "difficult": 1, "occluded": 0, "ignore": 1, "iscrowd": 0}
    assert val["annotations"][0] == {
        "id": 1, "image_id": 2, "category_id": 1, "bbox": [1.5, 2.25, 7.5, 6.75], "area": 50.625,
        "segmentation": [], "pose": "Left", **flags,
    }  # fmt: skip
    assert val["annotations"][1]["difficult"] == 0
    assert "杯".encode() not in (out / "annotations" / "instances_val.json").read_bytes()
    assert annotools.verify(out, against=tree.root).ok


def test_a_turned_image_has_its_upright_size(tree: Any, make_picture: Any, tmp_path: Path) -> None:
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    tree.add("turned", [("cup", 1, 2, 9, 55)], image=make_picture(exif=exif), size=(40, 60, 3))
    annotools.convert(tree.root, tmp_path / "out", to="coco")
    found = json.loads((tmp_path / "out" / "annotations" / "instances_train.json").read_bytes())
    assert (found["images"][0]["width"], found["images"][0]["height"]) == (40, 60)
    assert found["annotations"][0]["bbox"] == [1, 2, 8, 53]


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b'"bbox": [5, 6, 25, 29]', b'"bbox": [5, 6, 25, 28]', "box"),  # another area
        (b'"bbox": [5, 6, 25, 29], "area": 725', b'"bbox": [5, 6, 65, 29], "area": 1885', "box"),
        (b'"ignore": 0', b'"ignore": 2', "flag"),
        (b'"category_id": 1', b'"category_id": 7', "label"),
        (b'"image_id": 1', b'"image_id": 9', "undecodable"),
        (b'"bbox": [5, 6, 25, 29]', b'"bbox": [5, 6, NaN, 29]', "undecodable"),
        (b'"bbox": [5, 6, 25, 29]', b'"bbox": [5, 6, 25]', "undecodable"),
        (b'"images": [', b'"pictures": [', "undecodable"),
        (b'"name": "shoes"', b'"name": "hat"', "label-map"),
        (b"]\n}", b"]\n", "undecodable"),
    ],
)
def test_verify_sees_what_was_changed(old: bytes, new: bytes, rule: str, tree: Any, tmp_path: Path) -> None:
    tree.add("a").add("b")
    annotools.convert(tree.root, tmp_path / "out", to="coco")
    file = tmp_path / "out" / "annotations" / "instances_train.json"
    data = file.read_bytes()
    assert old in data
    file.write_bytes(data.replace(old, new, 1))
    found = rules(annotools.verify(tmp_path / "out"))
    assert found["shard-sha256"] == 1
    assert rule in found


def test_a_file_too_many(tree: Any, tmp_path: Path) -> None:
    annotools.convert(tree.add("a").root, tmp_path / "out", to="coco")
    (tmp_path / "out" / "annotations" / "instances_val.json").write_text("{}")
    assert rules(annotools.verify(tmp_path / "out")) == {"shard-unlisted": 1}
