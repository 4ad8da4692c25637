"""What is not imported: TensorFlow outside the loader, numpy for `--help`, anything but the standard library
by the package itself. And a test that this way of testing sees an import when there is one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("tensorflow", "keras", "numpy", "lxml", "PIL", "tqdm", "google_crc32c", "google.protobuf")


def imported(code: str, *arguments: str) -> set[str]:
    """Top-level modules in sys.modules, and google.protobuf, after running `code` in a fresh interpreter."""
    probe = (
        f"import sys\n{code}\nnames = {{name.partition('.')[0] for name in sys.modules}}\n"
        "names |= {'google.protobuf'} & sys.modules.keys()\nprint('MODULES', *sorted(names))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", probe, *arguments], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.rpartition("MODULES ")[2].split())


def test_the_package_imports_the_standard_library_only() -> None:
    names = imported("import annotools") - imported("pass")
    assert names <= set(sys.stdlib_module_names) | {"annotools"}


def test_help_needs_nothing_heavy() -> None:
    code = (
        "import annotools.cli\n"
        "try: annotools.cli.main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0"
    )
    assert not imported(code) & set(HEAVY)


@pytest.mark.parametrize("to", ["pickle", "ssd-pickle", "tfrecord", "tfds", "coco", "yolo"])
def test_conversion_needs_no_tensorflow(to: str, sample_data: Path, tmp_path: Path) -> None:
    code = (
        "import annotools.cli\n"
        f"call = ['convert', *sys.argv[1:], '--to', {to!r}, '--workers', '1']\n"
        "code = annotools.cli.main(call)\n"
        "assert code == 0"
    )
    names = imported(code, str(sample_data), str(tmp_path / "out"))
    assert not names & {"tensorflow", "keras", "tensorflow_datasets", "google.protobuf"}
    assert (tmp_path / "out" / "manifest.json").exists()
    assert "lxml" not in names  # the files of sample_data are plain


def test_reading_needs_no_tensorflow(sample_data: Path) -> None:
    code = "import annotools\nassert sum(1 for _ in annotools.read(sys.argv[1])) > 0"
    assert not imported(code, str(sample_data)) & {"tensorflow", "keras"}


def test_targets_need_no_tensorflow() -> None:
    code = (
        "from annotools.targets import SSD300_VOC, RoiSamples, SSDTargets, YoloTargets, make_crops\n"
        "found = SSDTargets(SSD300_VOC).for_image([[10, 10, 200, 200]], [0], (300, 300))\n"
        "assert (found['labels'] == 0).any()\n"
        "YoloTargets('v1', 7), RoiSamples()"
    )
    assert not imported(code) & {"tensorflow", "keras", "PIL", "lxml"}


def test_showing_needs_no_tensorflow(sample_data: Path, tmp_path: Path) -> None:
    code = "import annotools\nannotools.show(sys.argv[1], sys.argv[2])"
    names = imported(code, str(sample_data), str(tmp_path / "sheet.png"))
    assert not names & {"tensorflow", "keras", "matplotlib"}
    assert "PIL" in names


@pytest.mark.parametrize("command", ["stats", "report", "diff"])
def test_looking_needs_no_tensorflow(command: str, sample_data: Path, tmp_path: Path) -> None:
    words = {"report": ["-o", str(tmp_path / "a.html")], "diff": [str(sample_data)]}.get(command, [])
    code = f"import annotools.cli\nassert annotools.cli.main([{command!r}, *sys.argv[1:]]) == 0"
    names = imported(code, str(sample_data), *words)
    assert not names & {"tensorflow", "keras", "matplotlib", "pandas", "scipy"}


def test_validating_needs_no_tensorflow(sample_data: Path) -> None:
    code = "import annotools\nlist(annotools.validate(sys.argv[1]))"
    assert not imported(code, str(sample_data)) & {"tensorflow", "keras", "google.protobuf"}


def test_verifying_and_reading_records_needs_no_tensorflow(sample_data: Path, tmp_path: Path) -> None:
    code = (
        "import annotools\nimport annotools.formats.tfrecord as tfrecord\n"
        "annotools.convert(sys.argv[1], sys.argv[2], to='tfrecord')\n"
        "assert annotools.verify(sys.argv[2]).ok\n"
        "assert sum(1 for _ in tfrecord.read(sys.argv[2])) > 0"
    )
    names = imported(code, str(sample_data), str(tmp_path / "out"))
    assert not names & {"tensorflow", "keras", "tensorflow_datasets"}
    assert "google.protobuf" in names


def test_the_probe_sees_an_import() -> None:
    assert "numpy" in imported("import numpy")
    assert "google.protobuf" in imported("import google.protobuf")
    assert "lxml" in imported("import lxml.etree")


def test_only_a_file_that_is_not_plain_needs_lxml() -> None:
    code = "import annotools\nannotools.parse({!r})"
    assert "lxml" not in imported(code.format(b"<annotation><folder>a</folder></annotation>"))
    assert "lxml" in imported(code.format(b"<annotation><folder>a&amp;b</folder></annotation>"))


def test_every_public_name_is_there() -> None:
    imported("import annotools\nfor name in annotools.__all__: getattr(annotools, name)")
