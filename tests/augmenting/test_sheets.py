"""The drawn sheets of docs/augmentation.md: every op and preset is on one, and they are small."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

from annotools import augment as a
from annotools.augment import ops

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def sheets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_ops", DOCS / "draw_ops.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_op_and_preset_is_on_a_sheet(sheets: ModuleType) -> None:
    texts = [text for texts in sheets.SHEETS.values() for text in texts]
    words = set(re.findall(r"\w+", " ".join(texts).replace("_", "")))
    assert {name.lower() for name in vars(ops)["__all__"]} <= words
    assert {name.replace("_", "") for name in a.PRESETS} <= words
    for text in texts:
        a.from_text(text, (sheets.negative,))


def test_the_sheets_are_kept_and_small(sheets: ModuleType) -> None:
    page = (DOCS / "augmentation.md").read_text(encoding="utf-8")
    files = sorted((DOCS / "pictures").glob("ops-*.webp"))
    assert {file.stem for file in files} == {f"ops-{name}" for name in sheets.SHEETS}
    assert sum(file.stat().st_size for file in files) < 300_000
    for file in files:
        assert f"](pictures/{file.name})" in page
        with Image.open(file) as sheet:
            assert sheet.width == sheets.COLUMNS * (sheets.TILE[1] + 4)


def test_a_tile_is_drawn_anew(sheets: ModuleType) -> None:
    samples = [sheets.sample(1)] * 6
    tile = sheets.tile("horizontal_flip(1.0)", samples)
    with Image.open(DOCS / "pictures" / "ops-geometry.webp") as sheet:
        kept = sheet.convert("RGB")
    width, height = sheets.TILE[1], sheets.TILE[0]
    left = sheets.TILE[1] + 4
    difference = [
        abs(one - two)
        for one, two in zip(
            tile.crop((0, 0, width, height)).resize((8, 6)).convert("L").tobytes(),
            kept.crop((left, 0, left + width, height)).resize((8, 6)).convert("L").tobytes(),
            strict=True,
        )
    ]
    assert max(difference) < 20
