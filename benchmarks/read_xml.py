"""VOC XML to records, beside a bare `xml.etree` loop, in one process.

    python benchmarks/read_xml.py [--files 2000] [--runs 7] [--folder DIR]

Each competitor opens every file itself. `xml.etree` pulls boxes and names only, which is the least that a
script does; `annotools` makes the whole record. Target: at most the time of that loop. The last rows show
what the parts cost: a file that does not look like the VOC devkit's goes the long way, through lxml, and
the names alone are found without parsing. The peers are compared in benchmarks/read_peers.py.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import dataset
from measure import Run, alternate, function, median, median_ratio, table, verdict

from annotools.formats import voc
from annotools.formats.xml.document import to_utf8
from annotools.formats.xml.reader import Reader
from annotools.formats.xml.tree import has_attributes, parse_xml


def bare_loop(path: str) -> list[tuple[str, float, float, float, float]]:
    found = []
    for item in ElementTree.parse(path).getroot().findall("object"):
        name, box = item.find("name"), item.find("bndbox")
        assert name is not None
        assert box is not None
        sides = [float(box.find(side).text) for side in ("xmin", "ymin", "xmax", "ymax")]  # type: ignore[union-attr, arg-type]
        found.append((name.text or "", *sides))
    return found  # type: ignore[return-value]


def the_long_way(path: str) -> object:
    document, lines_cut = to_utf8(voc.read_bytes(path))
    reader = Reader(path, has_attributes=has_attributes(document))
    return reader.annotation(parse_xml(document, lines_cut))


READERS: dict[str, Callable[[str], object]] = {
    "xml.etree, boxes and names": bare_loop,
    "annotools": lambda path: voc.parse(voc.read_bytes(path), path),
    "annotools, the long way": the_long_way,
    "annotools, names only": lambda path: voc.object_names(voc.read_bytes(path), path),
    "annotools, bytes only": voc.read_bytes,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="where to keep the data set; default: a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        source = dataset.make((args.folder or Path(temporary)) / f"voc-{args.files}", args.files)
        folder = source / "Annotations"
        paths = sorted(os.path.join(folder, name) for name in os.listdir(folder))

        def over_all(read: Callable[[str], object]) -> Callable[[], Run]:
            def work() -> None:
                for path in paths:
                    read(path)

            return lambda: function(work)

        runs = alternate({name: over_all(read) for name, read in READERS.items()}, args.runs)
    base = runs["xml.etree, boxes and names"]
    rows = []
    for name, own in runs.items():
        ratio = median_ratio(own, base)
        target = verdict(ratio, most=1.0) if name == "annotools" else ""
        per_file = [f"{median(own, field) / args.files * 1e6:.1f}" for field in ("wall", "cpu")]
        rows.append([name, *per_file, f"{ratio:.2f}", target])
    print(f"{args.files} files, {args.runs} runs each, medians")
    print(table(["reader", "wall us/file", "cpu us/file", "cpu, times xml.etree", "target"], rows))


if __name__ == "__main__":
    main()
