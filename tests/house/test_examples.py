"""Each training example runs in its short form: one step, tiny data; and RoIAlign is RoIAlign."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import annotools

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(example: str, *arguments: str | Path, script: str = "train") -> str:
    command = [sys.executable, str(EXAMPLES / example / f"{script}.py"), *map(str, arguments), "--short"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_ssd_products(sample_data: Path, tmp_path: Path) -> None:
    out = run("ssd_products", sample_data, "--output", tmp_path)
    assert "difficult objects counted: mAP@.5 0." in out
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"loss.png", "detections.png", "detections.json", "model.weights.h5"}
    annotools.evaluate(sample_data, tmp_path / "detections.json", split="test")


@pytest.mark.parametrize("example", ["yolo_tiny", "fast_rcnn"])
def test_another_detector(example: str, sample_data: Path) -> None:
    assert "test: mAP@.5 0." in run(example, sample_data)


def test_crops_lenet(sample_data: Path, tmp_path: Path) -> None:
    assert "84 pictures of (32, 32, 3) for training" in run("crops_lenet", sample_data)
    draw = np.random.default_rng(0)
    x, y = draw.integers(0, 255, (40, 28, 28), np.uint8), draw.integers(0, 10, (40, 1))
    np.savez(tmp_path / "fashion.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    assert "40 pictures of (28, 28, 1) for training" in run("crops_lenet", tmp_path / "fashion.npz")


def test_ssd_pickle(sample_data: Path, tmp_path: Path) -> None:
    annotools.convert(sample_data, tmp_path / "gt.pkl", to="ssd-pickle", classes=sample_data / "classes.txt")
    assert "loss " in run("ssd_pickle", tmp_path / "gt.pkl", sample_data / "JPEGImages")


def test_keras_hub_retinanet(sample_data: Path) -> None:
    pytest.importorskip("keras_hub")
    assert "test: mAP@.5 0." in run("keras_hub_retinanet", sample_data)


@pytest.mark.parametrize(
    ("script", "end"),
    [("service", "4 of them equal to our own"), ("mirrored", "two workers trained as one process does")],
)
def test_many_processes(script: str, end: str, sample_data: Path, tmp_path: Path) -> None:
    annotools.convert(sample_data, tmp_path / "out", to="tfrecord")
    assert run("multi_worker", tmp_path / "out", script=script).strip().endswith(end)


def test_the_data_set_for_pytorch_needs_neither_it_nor_tensorflow(sample_data: Path, tmp_path: Path) -> None:
    annotools.convert(sample_data, tmp_path / "out", to="tfrecord")
    program = """
import pickle, sys
sys.path.insert(0, sys.argv[1])
from train import Shelves
shelves = pickle.loads(pickle.dumps(Shelves(sys.argv[2], "train")))
found = [shelves[index] for index in range(len(shelves))]
assert all(image.shape == (3, 300, 300) and 0 <= image.min() < image.max() <= 1 for image, _ in found)
assert all((wanted["classes"] >= 0).any() == (len(wanted["boxes"]) > 0) for _, wanted in found)
assert all(wanted["boxes"].max(initial=0) <= 300 for _, wanted in found)
assert min(label for _, wanted in found for label in wanted["labels"]) == 1
print(len(found), sum(len(wanted["labels"]) for _, wanted in found), "tensorflow" in sys.modules)
"""
    command = [sys.executable, "-c", program, str(EXAMPLES / "torch_loader"), str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["16", "84", "False"]


def test_pytorch_itself(sample_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    annotools.convert(sample_data, tmp_path / "out", to="tfrecord")
    assert "4 pictures" in run("torch_loader", tmp_path / "out")


def test_grain_itself(sample_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("grain")
    annotools.convert(sample_data, tmp_path / "out", to="tfrecord")
    command = [sys.executable, str(EXAMPLES / "grain_loop.py"), str(tmp_path / "out"), "--epochs", "1"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.count("(8, 160,") == 2


def read(image: NDArray[np.float64], y: float, x: float) -> NDArray[np.float64]:
    """Between the pixels, whose centres lie at whole numbers; 0 further than one outside."""
    height, width = image.shape[:2]
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(image.shape[2])
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = min(int(y), height - 2), min(int(x), width - 2)
    dy, dx = y - top, x - left
    upper = image[top, left] * (1 - dx) + image[top, left + 1] * dx
    lower = image[top + 1, left] * (1 - dx) + image[top + 1, left + 1] * dx
    result: NDArray[np.float64] = upper * (1 - dy) + lower * dy
    return result


def read_align(image: NDArray[np.float64], roi: Any, stride: float, size: int, samples: int) -> NDArray[Any]:
    x1, y1, x2, y2 = (side / stride - 0.5 for side in roi)
    parts = np.zeros((size, size, image.shape[2]))
    for row in range(size):
        for column in range(size):
            for i in range(samples):
                for j in range(samples):
                    y = y1 + (y2 - y1) * (row + (i + 0.5) / samples) / size
                    x = x1 + (x2 - x1) * (column + (j + 0.5) / samples) / size
                    parts[row, column] += read(image, y, x) / samples**2
    return parts


def test_roi_align_at_the_border_too() -> None:
    spec = importlib.util.spec_from_file_location("roi_align", EXAMPLES / "fast_rcnn" / "roi_align.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    draw = np.random.default_rng(0)
    maps = draw.normal(size=(2, 9, 12, 3))
    corners = np.sort(draw.uniform(0, 1, (2, 6, 2, 2)), 2).reshape(2, 6, 4) * [96, 72, 96, 72]
    border = np.array([[0, 0, 96, 72], [0, 0, 5, 6], [90, 66, 96, 72], [0, 30, 96, 34]], float)
    rois = np.concatenate([corners, np.stack([border, border])], axis=1)
    found = module.roi_align(maps.astype(np.float32), rois.astype(np.float32), 8.0, 3, 2)
    assert found.shape == (2, 10, 3, 3, 3)
    for image in range(2):
        for index, roi in enumerate(rois[image]):
            expected = read_align(maps[image], roi, 8.0, 3, 2)
            np.testing.assert_allclose(found[image, index], expected, atol=2e-5)


def test_the_demo_without_training(tmp_path: Path) -> None:
    """Each of its commands must succeed, or it ends with another code."""
    command = [sys.executable, str(EXAMPLES / "demo.py"), "--output", str(tmp_path / "out"), "--steps", "0"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    for name in ("report.html", "problems.png", "tfrecord/manifest.json", "yolo/data.yaml", "gt.pkl"):
        assert (tmp_path / "out" / name).is_file()
    rules = {issue.rule for issue in annotools.validate(tmp_path / "out" / "spoiled")}
    assert {"unparsable", "field-invalid", "image-missing", "box-inverted", "box-outside-image"} <= rules
