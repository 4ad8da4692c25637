"""A rule that is added in its two places is known to everything that checks."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

ADD = """
import sys
from annotools import issues

issues.RULES += (issues.Rule("box-square", "box", sys.argv[2], "The box is square.", cost=sys.argv[3]),)
issues.RULES_BY_ID["box-square"] = issues.RULES[-1]

from annotools.validation.rules import box
from annotools.validation.rules.rule import finds

@finds("box-square")
def squares(sample):
    for index, obj in enumerate(sample.annotation.objects):
        if obj.bndbox is not None and obj.bndbox.width == obj.bndbox.height:
            yield sample.at_box("box-square", "bndbox: is square", index)

box.squares = squares
"""

TRY = """
import json
import annotools
from annotools.testing import assert_valid_annotation

source, output = sys.argv[1], sys.argv[4]
told = {}
told["validate"] = [issue.object_index for issue in annotools.validate(source, select="box-sq*")]
try:
    assert_valid_annotation(source + "/Annotations/a.xml")
    told["testing"] = ""
except AssertionError as error:
    told["testing"] = str(error)
try:
    result = annotools.convert(source, output, to="pickle", on_error="skip")
    ledger = result.ledger
    told["convert"] = [ledger.images.lost, ledger.objects.lost, result.counts.get("box-square", 0)]
except annotools.DataError as error:
    told["convert"] = str(error)
print(json.dumps(told))
"""


def told(tree: Any, severity: str, cost: str) -> dict[str, Any]:
    tree.add("a", [("cup", 1, 2, 20, 30), ("cup", 5, 5, 9, 9)]).add("b", [("cup", 1, 2, 20, 30)])
    command = [sys.executable, "-c", ADD + TRY, str(tree.root), severity, cost, str(tree.root.parent / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["validate"] == [1]
    assert ("box-square: bndbox: is square" in found["testing"]) == (severity == "error")
    return found


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_convert_pays_what_a_rule_costs(tree: Any, severity: str) -> None:
    assert told(tree, severity, "object")["convert"] == [{}, {"box-square": 1}, 1]


def test_a_rule_may_cost_the_image(tree: Any) -> None:
    assert told(tree, "error", "image")["convert"] == [{"box-square": 1}, {"box-square": 2}, 1]


def test_a_rule_may_cost_nothing(tree: Any) -> None:
    assert told(tree, "info", "nothing")["convert"] == [{}, {}, 0]


def test_a_rule_may_stop_the_conversion(tree: Any) -> None:
    assert "box-square: bndbox: is square" in told(tree, "error", "set")["convert"]


def test_the_command_and_the_plug_in_know_it(tree: Any, tmp_path: Any) -> None:
    tree.add("a", [("cup", 5, 5, 9, 9)])
    script = ADD + "from annotools.cli import main\nsys.exit(main(sys.argv[4:]))\n"
    command = [sys.executable, "-c", script, "-", "error", "object"]
    listed = subprocess.run([*command, "validate", "--rules"], capture_output=True, text=True, check=False)
    assert "box-square" in listed.stdout
    checked = subprocess.run(
        [*command, "validate", str(tree.root)], capture_output=True, text=True, check=False
    )
    assert (checked.returncode, "error: box-square (1)" in checked.stdout) == (1, True)
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nannotools_paths = {tree.root}\n")
    script = ADD + "import pytest\nsys.exit(pytest.main(sys.argv[4:]))\n"
    plugin = ["-q", "-p", "no:cacheprovider", "-c", str(tmp_path / "pytest.ini"), str(tree.root)]
    tested = subprocess.run(
        [sys.executable, "-c", script, "-", "error", "object", *plugin],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert "box-square: bndbox: is square" in tested.stdout, tested.stdout + tested.stderr
