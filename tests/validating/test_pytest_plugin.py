"""The plug-in in somebody else's project, installed from the built wheel.

`annotools` is installed once into a folder of its own, as pip would put it into that project's environment;
its dependencies come from here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
Run = Callable[..., "Outcome"]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel of this checkout installed in it, and nothing else."""
    folder = tmp_path_factory.mktemp("plugin")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."]
    done = subprocess.run(build, cwd=REPOSITORY, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no wheel can be built here (hatchling from PyPI is needed): {done.stderr[-300:]}")
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]
    subprocess.run([*install, str(target), str(wheel)], check=True, capture_output=True)
    return target


class Outcome:
    """What pytest printed, and its exit code."""

    def __init__(self, run: subprocess.CompletedProcess[str]) -> None:
        self.code = run.returncode
        self.text = run.stdout + run.stderr

    def counts(self) -> dict[str, int]:
        last = self.text.strip().splitlines()[-1]
        return {
            word.rstrip("s"): int(count) for count, word in re.findall(r"(\d+) (\w+)", last) if word != "in"
        }


@pytest.fixture
def project(tmp_path: Path, tree: Any, make_picture: Callable[..., bytes]) -> Path:
    """A project that is not ours: one test of its own, and a VOC tree with two good files and a bad one."""
    root = tmp_path / "project"
    (root / "tests").mkdir(parents=True)
    (root / "tests" / "test_own.py").write_text("def test_own():\n    pass\n")
    tree.add("good_one").add("bad_one", [("shoes", 30, 6, 5, 35)]).add("good_two")
    shutil.move(tree.root, root / "data")
    return root


@pytest.fixture
def run(site: Path, project: Path) -> Run:
    """pytest in the project, with `site` on the path and the ini file `ini`."""

    def run(*words: str, ini: str = "annotools_paths = data\n") -> Outcome:
        (project / "pytest.ini").write_text(f"[pytest]\n{ini}")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST")}
        environment["PYTHONPATH"] = str(site)
        # hypothesis takes a second to start, and has no part in this
        off = ["-p", "no:cacheprovider", "-p", "no:hypothesispytest"]
        command = [sys.executable, "-m", "pytest", *off, *words]
        return Outcome(subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True))

    return run


def test_one_test_for_each_annotation_file(run: Run, project: Path) -> None:
    outcome = run("-v")
    assert outcome.code == 1
    assert outcome.counts() == {"failed": 1, "passed": 3}
    assert "data/Annotations/bad_one.xml::annotation FAILED" in outcome.text
    assert "data/Annotations/good_two.xml::annotation PASSED" in outcome.text
    assert "tests/test_own.py::test_own PASSED" in outcome.text


def test_failure_is_a_line_with_file_and_line_and_no_traceback(run: Run) -> None:
    text = run().text
    assert re.search(
        r"^data/Annotations/bad_one\.xml:7: box-inverted: bndbox: xmin is 30", text, re.MULTILINE
    )
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text
    assert "InvalidAnnotation" not in text


def test_the_installed_package_is_used(run: Run, site: Path, project: Path) -> None:
    (project / "tests" / "test_where.py").write_text(
        "import annotools\n\ndef test_where():\n    assert annotools.__file__.startswith(%r)\n" % str(site)  # noqa: UP031
    )
    assert run("tests").counts() == {"passed": 2}


def test_k_selects(run: Run) -> None:
    assert run("-k", "good").counts() == {"passed": 2, "deselected": 2}
    assert run("-k", "bad_one").counts() == {"failed": 1, "deselected": 3}


def test_named_tests_only(run: Run) -> None:
    assert run("tests").counts() == {"passed": 1}
    assert run("data").counts() == {"failed": 1, "passed": 2}
    assert run("data/Annotations/good_one.xml").counts() == {"passed": 1}
    assert run("data/Annotations/bad_one.xml::annotation").counts() == {"failed": 1}


def test_testpaths_do_not_hide_the_data(run: Run) -> None:
    assert run(ini="testpaths = tests\nannotools_paths = data\n").counts() == {"failed": 1, "passed": 3}


def test_xdist(run: Run) -> None:
    outcome = run("-n", "2")
    assert outcome.counts() == {"failed": 1, "passed": 3}
    assert re.search(r"^data/Annotations/bad_one\.xml:7: box-inverted: ", outcome.text, re.MULTILINE)


def test_select_and_ignore(run: Run) -> None:
    ini = "annotools_paths = data\n"
    assert run(ini=f"{ini}annotools_ignore = box-inverted\n").counts() == {"passed": 4}
    assert run(ini=f"{ini}annotools_select = size-* box-tiny\n").counts() == {"passed": 4}
    assert run(ini=f"{ini}annotools_select = box-*\n").counts() == {"failed": 1, "passed": 3}


def test_unknown_rule_is_told(run: Run) -> None:
    outcome = run(ini="annotools_paths = data\nannotools_select = box-invertd\n")
    assert outcome.code != 0
    assert "did you mean box-inverted" in outcome.text


def test_strict_classes_and_images(run: Run, project: Path) -> None:
    (project / "classes.txt").write_text("boots\n")
    ini = "annotools_paths = data\nannotools_ignore = box-inverted\n"
    assert run(ini=f"{ini}annotools_classes = classes.txt\n").counts() == {"failed": 3, "passed": 1}
    image = project / "data" / "JPEGImages" / "good_one.jpg"
    image.write_bytes(image.read_bytes()[:-40])
    assert run(ini=ini).counts() == {"passed": 4}
    assert run(ini=f"{ini}annotools_images = decode\n").counts() == {"failed": 1, "passed": 3}
    xml = project / "data" / "Annotations" / "good_two.xml"
    xml.write_text(xml.read_text().replace("<width>60", "<width>61"))
    assert run(ini=ini).counts() == {"passed": 4}
    assert run(ini=f"{ini}annotools_strict = true\n").counts() == {"failed": 1, "passed": 3}


def test_settings_of_the_project_count(run: Run, project: Path) -> None:
    (project / "pyproject.toml").write_text("[tool.annotools.severity]\nbox-inverted = 'warning'\n")
    assert run().counts() == {"passed": 4}


def test_archive(run: Run, project: Path) -> None:
    shutil.make_archive(str(project / "packed"), "zip", project / "data")
    shutil.rmtree(project / "data")
    outcome = run("-v", ini="annotools_paths = packed.zip\n")
    assert outcome.counts() == {"failed": 1, "passed": 3}
    assert "packed.zip::Annotations/bad_one.xml FAILED" in outcome.text


def test_other_xml_is_not_collected(run: Run, project: Path) -> None:
    (project / "coverage.xml").write_text("<coverage/>")
    (project / "data" / "notes.xml").write_text("<notes/>")
    assert run().counts() == {"failed": 1, "passed": 3}


def test_path_that_does_not_exist(run: Run) -> None:
    outcome = run(ini="annotools_paths = absent\n")
    assert outcome.code == 4
    assert "absent" in outcome.text


@pytest.mark.parametrize("option", ["annotools_select = nope", "annotools_classes = nowhere.txt"])
def test_an_option_that_makes_no_sense_is_told_once(run: Run, option: str) -> None:
    outcome = run(ini=f"annotools_paths = data\n{option}\n")
    assert outcome.code == 2
    assert len(re.findall(r"^(?:E +)?annotools: ", outcome.text, re.MULTILINE)) == 1
    assert option.split()[-1] in outcome.text
    assert "Traceback" not in outcome.text


def test_data_without_annotations_is_told(run: Run, project: Path) -> None:
    (project / "two" / "a" / "Annotations").mkdir(parents=True)
    (project / "two" / "a" / "JPEGImages").mkdir()
    for set_name in ("a", "b"):
        shutil.copytree(project / "data", project / "two" / set_name, dirs_exist_ok=True)
    outcome = run(ini="annotools_paths = two\n")
    assert outcome.code == 2
    assert "there are several data sets in it" in outcome.text
    assert "Traceback" not in outcome.text


def test_not_configured_nothing_is_collected_or_imported(run: Run, project: Path) -> None:
    (project / "tests" / "test_modules.py").write_text(
        "import sys\n\ndef test_modules():\n"
        "    loaded = {name for name in sys.modules if name.split('.')[0] in"
        " ('annotools', 'lxml', 'numpy', 'tensorflow', 'PIL')}\n"
        "    assert loaded == {'annotools', 'annotools.testing', 'annotools.testing.pytest_plugin'}\n"
    )
    assert run(ini="").counts() == {"passed": 2}
    # the same test fails where the plug-in is at work, so it can see the difference
    assert run().counts() == {"failed": 2, "passed": 3}
