"""Linux, macOS and Windows: everything works where the calls are missing that only POSIX has.

Only Linux is at hand. So a Python is started in which these calls are gone (other_system/sitecustomize.py),
and what it makes is compared with what is made here, byte for byte.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import annotools

PACKAGE = Path(__file__).parents[2] / "annotools"
OTHER_SYSTEM = Path(__file__).with_name("other_system")
ALLOWED = PACKAGE / "files" / "system.py"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the other system is made out of Linux")

MAKE = """
import pathlib, sys
import annotools
from annotools.cli import main

def make(voc, work):
    sources = {"folder": voc}
    for kind in ("zip", "tar.gz"):
        sources[kind] = voc.with_name("voc." + kind)
    for to in ("tfrecord", "tfds", "pickle", "ssd-pickle"):
        out = work / "out" / to
        assert main(["convert", str(voc), str(out), "--to", to, "--workers", "2", "--quiet"]) == 0, to
        assert main(["convert", str(voc), str(out), "--to", to, "--workers", "2", "--quiet"]) == 0, to
        assert main(["verify", str(out), "--against", str(voc), "--images", "decode", "--workers", "2"]) == 0
    for name, source in sources.items():
        out = work / "out" / name
        annotools.convert(source, out, to="tfrecord", shards=3, workers=2)
        assert main(["verify", str(out), "--against", str(source)]) == 0, name
        issues = annotools.validate(source, images="decode", workers=2).issues
        (work / "out" / f"{name}.txt").write_bytes("\\n".join(map(str, issues)).encode())
    annotools.fix(voc, work / "out" / "fixed", fixes="clip,swap-inverted", images="link")
    classes = annotools.ClassMap.from_file(work / "out" / "tfrecord" / "label_map.pbtxt")
    classes.save(work / "out" / "names.txt")

if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
"""

EPOCH = """
import hashlib, sys
import numpy as np
from annotools.augment import ssd
from annotools.loader import make_dataset

if __name__ == "__main__":
    for source in sys.argv[1:]:
        digest = hashlib.sha256()
        ds = make_dataset(source, split="train", image_size=(64, 64), batch_size=8, augment=ssd(), seed=3)
        for batch in ds:
            digest.update(np.ascontiguousarray(batch["images"]).tobytes())
            digest.update(np.ascontiguousarray(batch["bounding_boxes"]["boxes"]).tobytes())
        print(digest.hexdigest())
"""


def run(script: Path, *arguments: object, other: bool = True) -> str:
    """What a script prints, on the other system or on this one."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "TF_CPP_MIN_LOG_LEVEL": "3"}
    if other:
        paths = [str(OTHER_SYSTEM), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(paths)
    done = subprocess.run(
        [sys.executable, str(script), *map(str, arguments)], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "script.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def without_times(files: dict[str, bytes]) -> dict[str, bytes]:
    """The journal holds times of files; linked copies are the same files."""
    return {name: data for name, data in files.items() if "/.annotools/" not in name}


def test_every_output_is_the_same_without_posix(
    script: Callable[[str], Path], shop: Any, tmp_path: Path, snapshot: Any
) -> None:
    shop.lists(train=shop.names[:30], test=shop.names[30:])
    shop.add("crlf", xml=(shop.root / "Annotations" / "img001.xml").read_bytes().replace(b"\n", b"\r\n"))
    for kind in ("zip", "gztar"):
        shutil.make_archive(str(shop.root), kind, shop.root.parent, shop.root.name)
    made = {}
    for name, other in (("there", True), ("here", False)):
        work = tmp_path / name
        work.mkdir()
        run(script(MAKE), shop.root, work, other=other)
        made[name] = without_times(snapshot(work / "out"))
    assert made["there"].keys() == made["here"].keys()
    assert [name for name in made["here"] if made["here"][name] != made["there"][name]] == []
    assert len(made["here"]) > 60


def test_an_epoch_of_the_loader_is_the_same_without_posix(
    script: Callable[[str], Path], shop: Any, tmp_path: Path
) -> None:
    pytest.importorskip("tensorflow")
    annotools.convert(shop.root, tmp_path / "shards", to="tfrecord", shards=2)
    annotools.convert(shop.root, tmp_path / "all.pkl", to="pickle")
    sources = (tmp_path / "shards", shop.root)
    there = run(script(EPOCH), *sources)
    assert there == run(script(EPOCH), *sources, other=False)
    assert len(set(there.split())) >= 1


@pytest.mark.parametrize(
    "code",
    [
        "import os; os.pread",
        "import fcntl",
        "import multiprocessing as m; m.get_context('fork')",
        "import os; d = os.open(p, os.O_RDONLY); assert os.read(d, 99) == b'a\\r\\nb\\x1ac'",
        "import os; f = open(p, 'rb'); os.remove(p)",
        "import os; f = open(p, 'rb'); os.replace(p, p + 'x')",
        "import pathlib as l; l.Path(p).write_text('a\\n'); assert l.Path(p).read_bytes() == b'a\\n'",
        "import pathlib as l; l.Path(p).write_text('手')",
    ],
)
def test_the_other_system_refuses(code: str, script: Callable[[str], Path], tmp_path: Path) -> None:
    """The probe is tested: each of these works here, and not there."""
    data = tmp_path / "data"
    data.write_bytes(b"a\r\nb\x1ac")
    path = script(f"import sys; p = sys.argv[1]; {code}")
    run(path, data, other=False)
    data.write_bytes(b"a\r\nb\x1ac")
    with pytest.raises(AssertionError):
        run(path, data)


def uses(source: str) -> Iterator[str]:
    """`line: what` for each name that is not the same on all three systems."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            if node.attr in _only() or node.attr in ("open", "O_RDONLY", "O_WRONLY", "O_RDWR", "rename"):
                yield f"{node.lineno}: os.{node.attr}"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module]
            yield from (f"{node.lineno}: {name}" for name in names if name in (*_modules(), "msvcrt"))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "/proc/" in node.value:
            yield f"{node.lineno}: {node.value}"
        elif isinstance(node, ast.Call):
            yield from _text_without_encoding(node)


def _text_without_encoding(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func).rpartition(".")[2]
    given = {keyword.arg for keyword in call.keywords}
    if name in ("write_text", "read_text") and not given & {"encoding"}:
        yield f"{call.lineno}: {name} without encoding"
    if name == "write_text" and not given & {"newline"}:
        yield f"{call.lineno}: write_text without newline"
    if isinstance(call.func, ast.Name) and name == "open":
        modes = [one.value for one in call.args[1:2] if isinstance(one, ast.Constant)] or ["r"]
        if "b" not in str(modes[0]) and not {"encoding", "newline"} <= given:
            yield f"{call.lineno}: open for text without encoding and newline"


def _other() -> dict[str, Any]:
    text = (OTHER_SYSTEM / "sitecustomize.py").read_text(encoding="utf-8")
    named = {}
    for node in ast.parse(text).body:
        name = ast.unparse(node.targets[0]) if isinstance(node, ast.Assign) else ""
        if isinstance(node, ast.Assign) and name.startswith("POSIX_"):
            named[name] = eval(ast.unparse(node.value))  # noqa: S307  # a tuple of names
    return named


def _only() -> tuple[str, ...]:
    return tuple(_other()["POSIX_ONLY"])


def _modules() -> tuple[str, ...]:
    return tuple(_other()["POSIX_MODULES"])


def test_one_module_knows_what_the_systems_do_not_share() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{use}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if path not in (ALLOWED, PACKAGE / "sources" / "spool.py")
        for use in uses(path.read_text(encoding="utf-8"))
    ]
    assert found == []
    assert len(list(uses(ALLOWED.read_text(encoding="utf-8")))) > 5


@pytest.mark.parametrize(
    "source",
    [
        "import os; os.pread(1, 2, 3)",
        "import os; os.open('a', 0)",
        "import fcntl",
        "from fcntl import flock",
        "path.read_text()",
        "path.write_text('a', encoding='utf-8')",
        "open('a')",
        "open('a', 'w', encoding='utf-8')",
        "p = f'/proc/{1}/fd'",
    ],
)
def test_the_check_sees(source: str) -> None:
    assert list(uses(source))
