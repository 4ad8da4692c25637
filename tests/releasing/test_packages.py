"""What would be published works without the checkout: a whole sdist, and the wheel that is made from it."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest

from annotools.cli import COMMANDS

REPOSITORY = Path(__file__).parents[2]
BUILD = "import sys, hatchling.build as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"
VERSION = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def run(command: list[object], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of this checkout, unpacked."""
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("sdist")
    name = run([sys.executable, "-c", BUILD, "sdist", folder], REPOSITORY).split()[-1]
    with tarfile.open(folder / name) as archive:
        archive.extractall(folder, filter="data")
    return folder / name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def python(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the wheel of that sdist; what the wheel depends on is borrowed from ours."""
    folder = tmp_path_factory.mktemp("wheel")
    name = run([sys.executable, "-c", BUILD, "wheel", folder], sdist).split()[-1]
    venv.create(folder / "venv", symlinks=os.name != "nt")
    program = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        program,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    ]
    run([*install, folder / name], folder)
    site = run([program, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], folder).strip()
    ours = {sysconfig.get_path("purelib"), *(path for path in sys.path if path.endswith("site-packages"))}
    (Path(site) / "dependencies.pth").write_text("".join(f"{path}\n" for path in sorted(ours)))
    return program


def command(python: Path, *words: object) -> list[object]:
    return [python.with_name("annotools"), *words]


def test_sdist_holds_all_that_is_under_version_control(sdist: Path) -> None:
    if not (REPOSITORY / ".git").exists():
        pytest.skip("this is no checkout")
    listed = run(
        ["git", "-c", "core.quotepath=off", "ls-files", "--cached", "--others", "--exclude-standard"],
        REPOSITORY,
    ).splitlines()
    wanted = {name for name in listed if (REPOSITORY / name).exists()}
    found = {path.relative_to(sdist).as_posix() for path in sdist.rglob("*") if path.is_file()}
    assert wanted - found == set()
    assert found - wanted <= {"PKG-INFO"} | {name for name in found if "__pycache__" in name}


def test_wheel_is_what_runs_and_knows_its_version(python: Path, tmp_path: Path) -> None:
    where = run([python, "-c", "import annotools; print(annotools.__file__)"], tmp_path)
    assert Path(where.strip()).is_relative_to(python.parents[1])
    assert run(command(python, "--version"), tmp_path) == f"annotools {VERSION}\n"
    said = run(
        [python, "-c", "from importlib.metadata import version as v; print(v('annotools-voc'))"], tmp_path
    )
    assert said == f"{VERSION}\n"


def test_every_command_runs_from_the_wheel(python: Path, sdist: Path, tmp_path: Path) -> None:
    data = sdist / "sample_data"
    detections = tmp_path / "detections.json"
    detections.write_text("[]")
    calls: dict[str, list[object]] = {
        "convert": [data, "out", "--to", "tfrecord"],
        "verify": ["out", "--against", data],
        "classes": [data],
        "validate": [data, "--extend-select", "schema"],  # reads schemas/voc.xsd
        "rule": ["box-inverted"],  # reads docs/rules.md
        "fix": [data, "repaired", "--fix", "clip"],
        "stats": [data],
        "show": [data, "-o", "sheet.png"],
        "report": [data, "-o", "report.html", "--quick"],  # reads its templates
        "diff": [data, data],
        "evaluate": [data, detections],
        "completion": ["bash"],
    }
    assert set(calls) == set(COMMANDS)
    for name, words in calls.items():
        assert run(command(python, name, *words), tmp_path).strip() or name == "diff"


def test_plug_in_of_the_wheel_collects_data(python: Path, sdist: Path, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nannotools_paths = {sdist / 'sample_data'}\n")
    assert "24 passed" in run([python, "-m", "pytest", "-q", "-p", "no:cacheprovider"], tmp_path)


def test_tests_run_from_the_sdist(python: Path, sdist: Path) -> None:
    """A few that read files of each kind: schemas, docs, sample data, cases."""
    files = [
        "house/test_schema.py",
        "validating/test_rules_page.py",
        "validating/test_cases.py",
        "viewing/test_palette.py",
    ]
    environment = {**os.environ, "PYTHONPATH": ""}
    words = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"tests/{file}" for file in files)]
    assert " passed" in run(words, sdist, environment)
