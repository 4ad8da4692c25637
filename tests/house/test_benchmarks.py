"""Every benchmark runs, in its smallest form, without the peers that it compares with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, str(BENCHMARKS / f"{script}.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("script", "arguments", "row"),
    [
        ("startup", ["--runs", "1"], "| annotools --help"),
        ("convert_tfrecord", ["--files", "4,8", "--runs", "1", "--no-tensorflow"], "| copy"),
        ("read_peers", ["--files", "8", "--runs", "1"], "| annotools, XML only"),
        ("read_xml", ["--files", "8", "--runs", "1"], "| xml.etree"),
        ("records", ["--number", "1000", "--runs", "1"], "| record"),
        ("beam", ["--files", "8", "--runs", "1"], "| 8 "),
        ("validate", ["--files", "8", "--runs", "1"], "| annotools --images header --workers 2"),
        ("overlap", ["--boxes", "250", "--runs", "1"], "| validate, one left edge"),
        ("framing", ["--records", "40", "--runs", "1"], "| Writer"),
        ("verify", ["--files", "8", "--runs", "1"], "| verify --against"),
        ("planning", ["--sizes", "8", "--names", "voc", "--runs", "1"], "| voc"),
        ("evaluate", ["--images", "20", "--detections", "200", "--runs", "1"], "| pycocotools"),
        ("stats", ["--files", "8", "--runs", "1"], "| annotools stats --images none"),
        ("view", ["--files", "8", "--runs", "1"], "| report --quick"),
        ("targets", ["--images", "8", "--batch", "4", "--runs", "1"], "| SSDTargets, caffe"),
        ("memory", ["--files", "4,8", "--to", "tfrecord,ssd-pickle"], "| ssd-pickle"),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_script_prints_its_table(script: str, arguments: list[str], row: str) -> None:
    lines = run(script, *arguments).splitlines()
    header = next(line for line in lines if line.startswith("|"))
    (found,) = (line for line in lines if line.startswith(row))
    assert found.count("|") == header.count("|")


def test_data_set_is_the_same_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        run("dataset", str(tmp_path / name), "--files", "5", "--distinct", "2")
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    assert len(files) == 5 + 5 + 3
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    xmls = {(tmp_path / "a" / file).read_bytes() for file in files if file.suffix == ".xml"}
    images = {(tmp_path / "a" / file).read_bytes() for file in files if file.suffix == ".jpg"}
    assert (len(xmls), len(images)) == (5, 2)
    assert all(35_000 < len(image) < 53_000 for image in images)


def test_a_failing_competitor_ends_the_run(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import measure; measure.process(['false'])"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=BENCHMARKS)
    assert done.returncode == 1
    assert "exit 1" in done.stderr


def test_rounds_start_in_turn_and_ratios_are_taken_within_rounds() -> None:
    program = """
from measure import Run, alternate, median_ratio
order = []
def competitor(name, factor):
    def run():
        order.append(name)
        return Run(0, factor)
    return run
runs = alternate({"a": competitor("a", 1), "b": competitor("b", 3), "c": competitor("c", 5)}, 3)
print("".join(order), [len(found) for found in runs.values()])
print(median_ratio([Run(0, 1), Run(0, 8), Run(0, 30)], [Run(0, 1), Run(0, 2), Run(0, 10)]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=BENCHMARKS)
    order, ratio = done.stdout.splitlines()
    assert order == "cababcbcacab [3, 3, 3]"
    assert float(ratio) == 3.0
