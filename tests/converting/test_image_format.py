"""`--image-format`: images that readers of a record choke on are encoded anew, and no others."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import annotools
from annotools.formats import tfrecord
from annotools.images.header import read_header
from annotools.images.readable import is_sequence, why_unreadable
from annotools.issues import DataError

SIZE = (60, 40)


def saved(picture: PIL.Image.Image, fmt: str, **options: Any) -> bytes:
    output = BytesIO()
    picture.save(output, fmt, **options)
    return output.getvalue()


@pytest.fixture
def odd(tree: Any, make_picture: Any) -> Any:
    """Two files that everybody decodes and five that TensorFlow, or plain code, does not."""
    with PIL.Image.open(BytesIO(make_picture(*SIZE))) as picture:
        colours = picture.convert("RGB")
    colours.putpixel((3, 3), (250, 10, 90))
    alpha = colours.convert("RGBA")
    alpha.putalpha(128)
    turned = colours.rotate(90, expand=True)
    exif = PIL.Image.Exif()
    exif[274] = 6
    tree.add("good")
    tree.add("palette", image=saved(colours.quantize(16), "PNG"), extension=".png")
    tree.add("bmp", image=saved(colours.quantize(16), "BMP"), extension=".bmp")
    tree.add("alpha", image=saved(alpha, "WEBP", lossless=True, exact=True), extension=".webp")
    tree.add(
        "webp", image=saved(turned, "WEBP", lossless=True, exif=exif), extension=".webp", size=(60, 40, 3)
    )
    tree.add("tiff", image=saved(colours, "TIFF"), extension=".tif")
    tree.add("moving", image=saved(
        colours.quantize(8), "GIF", save_all=True, append_images=[colours.rotate(180).quantize(8)]
    ), extension=".gif")  # fmt: skip
    return tree


ODD = {"bmp", "alpha", "webp", "tiff", "moving"}


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_they_are_encoded_anew_and_no_others(odd: Any, form: str, tmp_path: Path) -> None:
    result = annotools.convert(odd.root, tmp_path / "out", to="tfrecord", image_format=form)
    assert result.manifest["repairs"] == {"image-format": 5}
    assert result.ledger.images.written == 7
    examples = {example.id: example for example in tfrecord.read(tmp_path / "out")}
    for name, example in examples.items():
        original = next((odd.root / "JPEGImages").glob(f"{name}.*")).read_bytes()
        image = read_header(example.encoded)
        assert why_unreadable(example.encoded, image, len(example.encoded)) is None
        assert not is_sequence(image)
        assert (example.width, example.height) == (image.width, image.height) == SIZE
        assert (example.encoded != original) == (name in ODD)
        if name in ODD:
            assert (example.format, example.filename) == (
                form,
                f"{name}.{'jpg' if form == 'jpeg' else 'png'}",
            )
            with PIL.Image.open(BytesIO(original)) as shown, PIL.Image.open(BytesIO(example.encoded)) as made:
                upright = shown.rotate(-90, expand=True) if name == "webp" else shown
                apart = np.abs(np.asarray(upright.convert("RGB"), int) - np.asarray(made.convert("RGB"), int))
            assert apart.max() == 0 if form == "png" else apart.mean() < 4
    assert annotools.verify(tmp_path / "out", against=odd.root, images="decode").ok


def test_without_it_they_stop_the_conversion_with_what_to_do(odd: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        annotools.convert(odd.root, tmp_path / "out", to="tfrecord")
    lost = {Path(issue.path or "").stem: issue for issue in caught.value.issues if issue.severity == "error"}
    assert lost.keys() == {"bmp", "alpha", "tiff", "moving"}
    assert {lost[name].rule for name in ("bmp", "alpha", "moving")} == {"image-undecodable"}
    assert "--image-format" in lost["bmp"].message
    assert not (tmp_path / "out").exists()


def test_with_on_error_skip_they_are_lost_and_counted(odd: Any, tmp_path: Path) -> None:
    result = annotools.convert(odd.root, tmp_path / "out", to="tfrecord", on_error="skip")
    assert result.ledger.images.lost["image-undecodable"] == 3
    assert result.ledger.images.written == 3


def test_an_output_that_keeps_images_says_nothing_of_it(tree: Any, tmp_path: Path) -> None:
    tree.add("good")
    result = annotools.convert(tree.root, tmp_path / "out", to="tfrecord")
    assert "image_format" not in result.manifest["options"]
    result = annotools.convert(tree.root, tmp_path / "png", to="tfrecord", image_format="png")
    assert result.manifest["options"]["image_format"] == "png"
    assert result.manifest["repairs"] == {}
    names = "train-00000-of-00001.tfrecord"
    assert (tmp_path / "out" / names).read_bytes() == (tmp_path / "png" / names).read_bytes()


def test_pickles_do_not_read_pixels(odd: Any, tmp_path: Path) -> None:
    result = annotools.convert(odd.root, tmp_path / "a.pkl", to="pickle", on_error="skip")
    assert result.ledger.images.lost["image-undecodable"] == 0
