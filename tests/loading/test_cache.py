"""Images kept on disk: the same batches, made once, and anew when anything they depend on changes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotools.augment import HorizontalFlip, IoUCrop
from annotools.errors import OptionError
from annotools.loader import make_dataset, pipeline_of

Same = Callable[[Any, Any], None]
OPTIONS: dict[str, Any] = {
    "split": "train", "image_size": (32, 48), "batch_size": 5, "augment": [IoUCrop(), HorizontalFlip()],
}  # fmt: skip


def kept(folder: Path) -> dict[str, int]:
    """{key: when its images were written}"""
    return {one.parent.name: one.stat().st_mtime_ns for one in folder.glob("*/images.tfrecord")}


@pytest.mark.parametrize("source", ["converted", "sample_data"])
@pytest.mark.parametrize("cache", ["encoded", "resized"])
def test_the_batches_are_those_of_the_cache_in_memory(
    source: str, cache: Any, tmp_path: Path, assert_same: Same, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(source)
    options = OPTIONS | {"cache": cache}
    in_memory = list(make_dataset(folder, **options))
    assert_same(in_memory, make_dataset(folder, cache_dir=tmp_path, **options))
    (before,) = kept(tmp_path).items()
    again = make_dataset(folder, cache_dir=tmp_path, **options)
    assert_same(in_memory, again)
    assert list(kept(tmp_path).items()) == [before]
    assert not pipeline_of(again).examples.is_local


def test_whatever_changes_makes_another(converted: Path, tmp_path: Path) -> None:
    source, folder = tmp_path / "out", tmp_path / "cache"
    shutil.copytree(converted, source)

    def made(**options: Any) -> int:
        make_dataset(source, cache_dir=folder, **(OPTIONS | {"cache": "resized"} | options))
        return len(kept(folder))

    assert made() == made(augment=None, seed=4, epochs=3, batch_size=2) == 1
    assert made(image_size=(32, 40)) == 2
    assert made(resize="letterbox") == 3
    assert made(cache="encoded") == 4
    assert made(only_with_objects=True) == 5
    assert made(split="val") == 6
    shard = next(source.glob("train-*"))
    os.utime(shard, ns=(1, 1))
    assert made() == 7
    assert made() == 7


def test_what_was_not_finished_is_made_again(converted: Path, tmp_path: Path, assert_same: Same) -> None:
    options = OPTIONS | {"cache": "resized", "cache_dir": tmp_path}
    whole = list(make_dataset(converted, **options))
    (key,) = kept(tmp_path)
    (tmp_path / key / "table.npz").unlink()
    (tmp_path / key / "images.tfrecord").write_bytes(b"half")
    assert_same(whole, make_dataset(converted, **options))


def test_a_folder_needs_something_to_keep(converted: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cache"):
        make_dataset(converted, cache_dir=tmp_path, **OPTIONS)
