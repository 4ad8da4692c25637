"""What several tests need: a small VOC set written by hand-made text, and the two real data sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared" / "data"


@pytest.fixture(scope="session")
def bccd() -> Path:
    return _shared("bccd")


@pytest.fixture(scope="session")
def microcontrollers() -> Path:
    return _shared("microcontrollers")


def _shared(name: str) -> Path:
    path = SHARED / name
    if not path.is_dir():
        pytest.skip(f"the real data set {name} is not beside this checkout")
    return path


@pytest.fixture(scope="session")
def sample_data() -> Path:
    return REPOSITORY / "sample_data"


def picture(width: int = 60, height: int = 40, fmt: str = "JPEG", *, mode: str = "RGB", **save: Any) -> bytes:
    """The bytes of a small image with a gradient, so that no two pixels of a row are alike."""
    from PIL import Image

    gradient = Image.linear_gradient("L").resize((width, height)).rotate(90, expand=False)
    output = BytesIO()
    gradient.convert(mode).save(output, fmt, **save)
    return output.getvalue()


def voc_xml(
    filename: str,
    objects: Sequence[tuple[str, Any, Any, Any, Any]],
    size: tuple[Any, Any, Any] | None = (60, 40, 3),
) -> bytes:
    """VOC text in labelImg's order: line 2 is the file name, objects start at line 4 and take 10 lines."""
    lines = ["<annotation>", f"\t<filename>{filename}</filename>"]
    if size is not None:
        width, height, depth = size
        lines.append(f"\t<size><width>{width}</width><height>{height}</height><depth>{depth}</depth></size>")
    for name, *box in objects:
        lines += ["\t<object>", f"\t\t<name>{name}</name>", "\t\t<difficult>0</difficult>", "\t\t<bndbox>"]
        lines += [
            f"\t\t\t<{tag}>{value}</{tag}>"
            for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)
        ]
        lines += ["\t\t</bndbox>", "\t</object>"]
    return "\n".join([*lines, "</annotation>", ""]).encode()


@dataclass
class Tree:
    """A VOC tree under construction."""

    root: Path
    names: list[str] = field(default_factory=list)

    def add(
        self,
        stem: str,
        objects: Sequence[tuple[str, Any, Any, Any, Any]] = (("shoes", 5, 6, 30, 35),),
        *,
        image: bytes | None = b"default",
        xml: bytes | None = b"default",
        extension: str = ".jpg",
        size: tuple[Any, Any, Any] | None = (60, 40, 3),
    ) -> Tree:
        """One image and its XML; None leaves one of them out, bytes replace it."""
        annotations, images = self.root / "Annotations", self.root / "JPEGImages"
        annotations.mkdir(parents=True, exist_ok=True)
        images.mkdir(exist_ok=True)
        if image is not None:
            (images / f"{stem}{extension}").write_bytes(picture() if image == b"default" else image)
        if xml is not None:
            text = voc_xml(f"{stem}{extension}", objects, size) if xml == b"default" else xml
            (annotations / f"{stem}.xml").write_bytes(text)
        self.names.append(stem)
        return self

    def lists(self, **splits: Sequence[str]) -> Tree:
        """ImageSets/Main lists."""
        folder = self.root / "ImageSets" / "Main"
        folder.mkdir(parents=True, exist_ok=True)
        for split, stems in splits.items():
            (folder / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in stems))
        return self


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """An empty VOC tree to fill."""
    return Tree(tmp_path / "voc")


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder, by relative path."""

    def take(folder: Path) -> dict[str, bytes]:
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    return take


@pytest.fixture
def make_picture() -> Callable[..., bytes]:
    return picture


@pytest.fixture
def make_xml() -> Callable[..., bytes]:
    return voc_xml
