from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import annotools

pytest.importorskip("tensorflow")

SAMPLE_DATA = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(scope="session")
def sample_data() -> Path:
    return SAMPLE_DATA


@pytest.fixture(scope="session")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """sample_data as one shard for each split; `train` has 16 images, one without objects."""
    folder = tmp_path_factory.mktemp("converted") / "one"
    annotools.convert(SAMPLE_DATA, folder, to="tfrecord", shards=1)
    return folder


@pytest.fixture(scope="session")
def converted_in_four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted") / "four"
    annotools.convert(SAMPLE_DATA, folder, to="tfrecord", shards=4)
    return folder


Batch = dict[str, Any]


@pytest.fixture(scope="session")
def flat() -> Callable[[Iterable[Batch]], list[dict[str, NDArray[Any]]]]:
    """Batches as plain arrays by key, the two of the boxes among them."""

    def flatten(dataset: Iterable[Batch]) -> list[dict[str, NDArray[Any]]]:
        found = []
        for batch in dataset:
            arrays = {key: value for key, value in batch.items() if key != "bounding_boxes"}
            found.append(
                {key: np.asarray(value) for key, value in (arrays | batch["bounding_boxes"]).items()}
            )
        return found

    return flatten


@pytest.fixture(scope="session")
def assert_same(
    flat: Callable[[Iterable[Batch]], list[dict[str, NDArray[Any]]]],
) -> Callable[[Iterable[Batch], Iterable[Batch]], None]:
    """Two series of batches are equal in every bit."""

    def compare(first: Iterable[Batch], second: Iterable[Batch]) -> None:
        left, right = flat(first), flat(second)
        assert [list(one["image_id"]) for one in left] == [list(one["image_id"]) for one in right]
        for index, (one, two) in enumerate(zip(left, right, strict=True)):
            assert one.keys() == two.keys()
            for key in one:
                np.testing.assert_array_equal(one[key], two[key], err_msg=f"batch {index}, {key}")

    return compare
