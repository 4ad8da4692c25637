"""What annotools makes is what it made: the digests of tests/digests, without TensorFlow and other data.

Where this fails and the change is meant, the digests are recorded anew: see tests/digests/record.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RECORD = Path(__file__).parent / "digests" / "record.py"
STORED = RECORD.with_name("digests.json")


def compare(file: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(RECORD), "compare", str(file), "--no-tensorflow", "--no-shared", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_outputs_are_what_they_were() -> None:
    done = compare(STORED)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_digest_that_differs_is_told(tmp_path: Path) -> None:
    stored = json.loads(STORED.read_text(encoding="utf-8"))
    name = "convert/sample_data/tfrecord/shards-2/files"
    digest, stored["always"][name] = stored["always"][name], "another"
    stored["always"]["convert/sample_data/tfrecord/shards-2/more"] = digest
    (tmp_path / "other.json").write_text(json.dumps(stored), encoding="utf-8")
    done = compare(tmp_path / "other.json", "--only", "convert/sample_data/tfrecord/shards-2/")
    assert done.returncode == 1
    assert f"{name}  another  {digest}\n" in done.stdout
    assert f"{name.replace('files', 'more')}  {digest}  not made any more\n" in done.stdout
    assert "4 items compared, 2 differ" in done.stdout
