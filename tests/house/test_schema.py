"""The schemas are found wherever the package lives, and tf_example.json says what it should."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from annotools import schema
from annotools.errors import SourceError

ROOT = Path(__file__).parents[2]
TABLE = schema.load("tf_example.json")

# tf_example_decoder.py of the TF Object Detection API, keys_to_features: the fixed ones with their defaults,
# then the lists; then the keys that its dataset scripts write without reading them back.
FIXED = {
    "image/encoded": ("bytes", ""),
    "image/format": ("bytes", "jpeg"),
    "image/filename": ("bytes", ""),
    "image/key/sha256": ("bytes", ""),
    "image/source_id": ("bytes", ""),
    "image/height": ("int64", 1),
    "image/width": ("int64", 1),
}
LISTS = {
    "bytes": ["image/class/text", "image/object/class/text", "image/object/mask"],
    "float": [
        "image/object/bbox/xmin",
        "image/object/bbox/xmax",
        "image/object/bbox/ymin",
        "image/object/bbox/ymax",
        "image/object/area",
        "image/object/weight",
        "image/class/confidence",
    ],
    "int64": [
        "image/class/label",
        "image/object/class/label",
        "image/object/is_crowd",
        "image/object/difficult",
        "image/object/group_of",
        "image/neg_category_ids",
        "image/not_exhaustive_category_ids",
        "image/object/truncated",
        "image/object/occluded",
    ],
}
ALWAYS_WRITTEN = {
    *FIXED,
    *(f"image/object/bbox/{edge}" for edge in ("xmin", "xmax", "ymin", "ymax")),
    *(
        f"image/object/{name}"
        for name in ("class/label", "class/text", "difficult", "truncated", "view", "occluded")
    ),
}

KEY = {
    "type": "object",
    "required": ["kind", "length", "default", "written", "description"],
    "additionalProperties": False,
    "properties": {
        "kind": {"enum": ["bytes", "int64", "float"]},
        "length": {"enum": [1, "any"]},
        "default": {"type": ["string", "integer", "array"]},
        "written": {"type": "boolean"},
        "field": {"type": "string"},
        "description": {"type": "string", "minLength": 1},
    },
    "if": {"properties": {"written": {"const": True}}},
    "then": {"required": ["field"]},
}
DIALECT_KEY = {
    "type": "object",
    "required": ["kind", "length"],
    "additionalProperties": False,
    "properties": {
        "kind": {"enum": ["bytes", "int64", "float"]},
        "length": {"enum": [1, 3, "any"]},
        "same_as": {"type": "string"},
        "interleaves": {"type": "array", "minItems": 2, "items": {"type": "string"}},
        "values": {"type": "array", "minItems": 2, "items": {"type": "string"}},
        "description": {"type": "string"},
    },
}
META: dict[str, Any] = {
    "type": "object",
    "required": ["title", "description", "sources", "label_base", "keys", "dialects"],
    "additionalProperties": False,
    "properties": {
        "title": {"type": "string"},
        "description": {"type": "string"},
        "sources": {"type": "array", "items": {"type": "string", "pattern": "^https://"}},
        "label_base": {"const": 1},
        "keys": {"type": "object", "additionalProperties": KEY},
        "dialects": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["description", "sources", "marker", "label_base", "keys"],
                "additionalProperties": False,
                "properties": {
                    "description": {"type": "string"},
                    "sources": {"type": "array", "items": {"type": "string", "pattern": "^https://"}},
                    "marker": {"type": "string"},
                    "label_base": {"enum": [0, 1]},
                    "keys": {"type": "object", "additionalProperties": DIALECT_KEY},
                },
            },
        },
    },
}


@pytest.mark.parametrize("file", sorted((ROOT / "schemas").iterdir()), ids=lambda file: file.name)
def test_every_schema_is_found_and_named_in_the_readme(file: Path) -> None:
    assert schema.path(file.name).samefile(file)
    assert schema.text(file.name) == file.read_text(encoding="utf-8")
    if file.suffix == ".json":
        assert schema.load(file.name) == json.loads(file.read_bytes())
    if file.name != "README.md":
        assert f"`{file.name}`" in schema.text("README.md")


@pytest.mark.parametrize("name", ["voc.xml", "../pyproject.toml", "/etc/passwd", ""])
def test_nothing_else_is_found(name: str) -> None:
    with pytest.raises(SourceError, match=r"tf_example\.json") as caught:
        schema.path(name)
    assert caught.value.found == name


@pytest.mark.parametrize("layout", ["wheel", "checkout"])
def test_both_layouts(layout: str, tmp_path: Path) -> None:
    package = tmp_path / "annotools"
    package.mkdir()
    for file in ("__init__.py", "errors.py", "schema.py"):
        shutil.copy(ROOT / "annotools" / file, package)
    schemas = package / "schemas" if layout == "wheel" else tmp_path / "schemas"
    schemas.mkdir()
    (schemas / "x.json").write_text(json.dumps({"layout": layout}))
    code = "from annotools import schema; print(schema.load('x.json')['layout'], schema.path('x.json'))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [layout, str(schemas / "x.json")]


def test_tf_example_is_well_formed() -> None:
    jsonschema.validate(TABLE, META)
    for row in TABLE["keys"].values():
        expected = list if row["length"] == "any" else int if row["kind"] == "int64" else str
        assert type(row["default"]) is expected


def test_tf_example_has_what_the_object_detection_api_reads() -> None:
    keys = TABLE["keys"]
    for key, (kind, default) in FIXED.items():
        assert (keys[key]["kind"], keys[key]["length"], keys[key]["default"]) == (kind, 1, default)
    for kind, names in LISTS.items():
        for key in names:
            assert (keys[key]["kind"], keys[key]["length"], keys[key]["default"]) == (kind, "any", [])
    assert {key for key, row in keys.items() if row["written"]} == ALWAYS_WRITTEN


@pytest.mark.parametrize("name", TABLE["dialects"])
def test_a_dialect_speaks_of_keys_that_exist(name: str) -> None:
    dialect = TABLE["dialects"][name]
    assert dialect["marker"] in dialect["keys"]
    meant: list[str] = []
    for row in dialect["keys"].values():
        targets = row.get("interleaves", [row["same_as"]] if "same_as" in row else [])
        for target in targets:
            kind = "bytes" if "values" in row else row["kind"]
            assert TABLE["keys"][target]["kind"] == kind
        if "same_as" in row:
            meant += targets
    assert len(meant) == len(set(meant))
    labels = next(key for key, row in TABLE["keys"].items() if row.get("field") == "labels")
    assert labels in meant
    assert labels not in dialect["keys"], "its marker could not tell this dialect from the API's keys"
