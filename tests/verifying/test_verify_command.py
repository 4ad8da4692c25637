"""`annotools verify` as a command: its JSON, its options, its processes."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import annotools
from annotools import schema
from annotools.cli import main
from annotools.errors import AnnotoolsError, OptionError
from annotools.verification.faults import LISTED, Fault, Faults, Where

FORMATS = ["tfrecord", "tfds", "pickle", "ssd-pickle"]


def test_json_fits_its_schema(
    out: Path, shop: Any, make_xml: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    call = ["verify", str(out), "--format", "json", "--workers", "1", "--against", str(shop.root)]
    assert main(call) == 0
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, schema.load("verification.schema.json"))
    assert report["summary"] == {
        "shards": 3,
        "records": 40,
        "objects": 60,
        "bytes": sum(path.stat().st_size for path in out.glob("*.tfrecord")),
        "faults": 0,
        "rules": {},
    }
    path = sorted(out.glob("*.tfrecord"))[0]
    path.write_bytes(path.read_bytes()[:-1])
    shop.add("img999\udc80", xml=make_xml("img999.jpg", [("shoes", 5, 6, 30, 35)]))
    assert main([*call, "--salvage", str(tmp_path / "saved")]) == 1
    report = json.loads(capsys.readouterr().out)
    jsonschema.validate(report, schema.load("verification.schema.json"))
    assert report["summary"]["rules"]["record-cut"] == 1
    assert report["salvaged"][0]["file"] == path.name


def test_every_rule_is_in_the_schema() -> None:
    import re

    known = schema.load("verification.schema.json")["$defs"]["fault"]["properties"]["rule"]["enum"]
    folder = Path(annotools.__file__).parent / "verification"
    named = {
        rule
        for file in folder.rglob("*.py")
        for rule in re.findall(
            r'(?:faults\.add\(|Finding\(|_of_error\(|Piece\([^"]*None, )\s*"([a-z0-9-]+)"', file.read_text()
        )
    }
    assert len(named) > 25
    assert named <= set(known)
    listed = (folder / "verify.py").read_text().partition('"""\n')[0]
    assert all(re.search(rf"\b{rule}\b", listed) for rule in known)


def test_a_fault_is_one_line_whatever_the_file_is_called() -> None:
    fault = Fault("box", "odd", "a\n\udc80\x1b[31m", 3, 99, "k", "1", "2")
    assert str(fault) == "a\\n\\udc80\\x1b[31m: record 3 at byte 99: box: k: odd (found 1, expected 2)"


def test_of_many_faults_the_first_are_listed_and_all_counted() -> None:
    faults = Faults()
    for number in range(LISTED + 5):
        faults.add("box", "odd", Where("a", number))
    faults.add("box", "odd", Where("b"))
    assert len(faults.listed) == LISTED + 1
    assert faults.counts["box"] == LISTED + 6


def test_options_that_make_no_sense(out: Path) -> None:
    for arguments in ({"images": "header"}, {"workers": 0}):
        with pytest.raises(OptionError):
            annotools.verify(out, **arguments)
    with pytest.raises(OptionError):
        annotools.verify("s3://bucket/out")


@pytest.mark.parametrize("to", FORMATS)
def test_only_annotools_errors_come_out_of_damaged_outputs(to: str, shop: Any, tmp_path: Path) -> None:
    """A few bytes anywhere, in any of the files."""
    out = tmp_path / "out"
    annotools.convert(shop.root, out, to=to, shards=2, split="train=0.8,val=0.2")
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and ".annotools" not in path.parts]
    dice = random.Random(9)
    silent = 0
    for _ in range(60):
        path = dice.choice(files)
        sound = path.read_bytes()
        damaged = bytearray(sound)
        for _ in range(dice.randrange(1, 4)):
            place = dice.randrange(len(damaged) + 1)
            damaged[place : place + dice.randrange(9)] = dice.randbytes(dice.randrange(9))
        path.write_bytes(damaged)
        try:
            result = annotools.verify(out, against=shop.root if dice.random() < 0.2 else None)
            silent += result.ok and damaged != sound
            assert all(str(fault) for fault in result.faults)
        except AnnotoolsError:
            pass
        path.write_bytes(sound)
    assert silent <= 3, "blanks in JSON and in a label map mean nothing; anything else must be found"


def _killed(job: int) -> int:
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
    return job


def _refused(job: int) -> int:
    raise OptionError("no", field="job", found=job)


def test_a_process_that_is_killed_is_noticed() -> None:
    from annotools.errors import WorkerError
    from annotools.parallel import in_order

    with pytest.raises(WorkerError, match="killed"):
        list(in_order(_killed, [1, 2, 3], 2))
    with pytest.raises(OptionError, match="no"):
        list(in_order(_refused, [1, 2, 3], 2))
    assert list(in_order(abs, [-3, -2, -1], 2)) == [3, 2, 1]


@pytest.mark.skipif(not hasattr(signal, "SIGINT") or sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_ends_at_once_and_quietly(out: Path, tmp_path: Path) -> None:
    """The decoding of many images by two processes, interrupted as a terminal does it: the whole group."""
    ready = tmp_path / "ready"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from annotools import cli\n"
        "from annotools.verification.shard import ShardCheck\n"
        "def slow(*arguments):\n"
        f"    Path({str(ready)!r}).touch()\n"
        "    time.sleep(600)\n"
        "ShardCheck.check = slow\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(cli.main(['verify', sys.argv[1], '--workers', '2']))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(code)
    run = subprocess.Popen(
        [sys.executable, str(script), str(out)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 60
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert (run.returncode, errors) == (130, "annotools: interrupted\n")
