"""Run by test_crash.py in a process of its own: crash a conversion at each operation on its output in turn.

    python crash_points.py SOURCE FOLDER

For each n a forked child converts and dies at its n-th write, rename or removal, before it or right after it;
then the same call runs to the end. Prints one line of JSON: how many points there were, at which the result
differed from that of an undisturbed run, and where a file was seen under its final name that was not whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import annotools
from annotools.conversion.output.local import Local

OPERATIONS = ("write_bytes", "put", "rename", "remove", "remove_folder")


def snapshot(folder: Path) -> dict[str, bytes]:
    return {
        file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()
    }


def visible(files: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in files.items() if not name.startswith(".annotools/")}


def crash_at(number: int, *, before: bool) -> None:
    """Let this process end at its `number`-th operation, as a power cut would: nothing is cleaned up."""
    seen = 0

    def dying(operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            nonlocal seen
            seen += 1
            if before and seen == number:
                os._exit(7)
            result = operation(*args, **keywords)
            if not before and seen == number:
                os._exit(7)
            return result

        return call

    for name in OPERATIONS:
        setattr(Local, name, dying(getattr(Local, name)))


def run(source: str, out: Path, options: dict[str, Any]) -> None:
    asked = {"to": "tfrecord", "shards": 2, **options}
    annotools.convert(source, out, workers=1, **asked)


def in_child(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def try_all(source: str, folder: Path, start: Path | None, options: dict[str, Any]) -> dict[str, Any]:
    """`start` is an earlier output to begin with."""
    whole, out = folder / "undisturbed", folder / "out"
    known = snapshot(start) if start else {}
    if start:
        shutil.copytree(start, whole)
    run(source, whole, options)
    wanted = snapshot(whole)
    points, wrong, torn = 0, [], []
    for before in (True, False):
        number, code = 0, 7
        while code == 7:
            number += 1
            shutil.rmtree(out, ignore_errors=True)
            if start:
                shutil.copytree(start, out)

            def attempt(number: int = number, before: bool = before) -> None:
                crash_at(number, before=before)
                run(source, out, options)

            code = in_child(attempt)
            seen = visible(snapshot(out))
            torn += [
                [number, before, name]
                for name, data in seen.items()
                if data not in (wanted.get(name), known.get(name))
            ]
            if "manifest.json" in seen:  # then all that it lists must be there
                manifest = json.loads(seen["manifest.json"])
                torn += [
                    [number, before, shard["file"]]
                    for split in manifest["splits"].values()
                    for shard in split["shards"]
                    if hashlib.sha256(seen.get(shard["file"], b"")).hexdigest() != shard["sha256"]
                ]
                if seen["manifest.json"] == wanted["manifest.json"]:
                    torn += [[number, before, name] for name in visible(wanted) if name not in seen]
            second = in_child(lambda: run(source, out, options))
            if second or snapshot(out) != wanted:
                wrong.append([number, before, second])
            points += code == 7
    shutil.rmtree(whole)
    return {"points": points, "wrong": wrong, "torn": torn}


def main() -> None:
    source, folder = sys.argv[1], Path(sys.argv[2])
    fresh = try_all(source, folder, None, {})
    former = folder / "former"
    run(source, former, {})
    replaced = try_all(source, folder, former, {"box_origin": "one-based", "overwrite": True})
    annotation = sorted(Path(source, "Annotations").iterdir())[0]
    annotation.write_bytes(annotation.read_bytes().replace(b"<xmin>5<", b"<xmin>4<"))
    changed = try_all(source, folder, former, {})
    folders = {"to": "yolo", "shards": None}  # a split is many files
    run(source, folder / "folders", folders)
    in_folders = try_all(source, folder, None, folders)
    annotation.write_bytes(annotation.read_bytes().replace(b"<xmin>4<", b"<xmin>3<"))
    others = try_all(source, folder, folder / "folders", folders)
    found = {
        "fresh": fresh,
        "replaced": replaced,
        "changed": changed,
        "folders": in_folders,
        "others": others,
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
