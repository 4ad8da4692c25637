"""What readers of VOC folders do with files as tools write them: a table of cells that were run.

    python benchmarks/peers.py FOLDER globox pylabel supervision panlabel
    python benchmarks/compare_features.py FOLDER            prints the table
    python benchmarks/compare_features.py FOLDER --write    and puts it into docs/comparison.md

Each case is a folder of two images. A cell is `yes`, or what happened instead; where a fault is in the data,
`told` means that the reader ends or prints something that names the file.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from peers import PEERS, python_of
from PIL import Image

PAGE = Path(__file__).parents[1] / "docs" / "comparison.md"
READERS = {
    "annotools": """
import annotools
issues = [str(i) for i in annotools.validate(source) if i.severity != "info"]
found = {}
for a in annotools.read(source):
    boxes = [(o.name, o.bndbox) for o in a.objects]
    found[a.filename[:1]] = [[n, b.xmin, b.ymin, b.xmax, b.ymax] for n, b in boxes]
print("\\n".join(issues), file=sys.stderr)
""",
    "globox": """
import globox
read = globox.AnnotationSet.from_pascal_voc(source + "/Annotations")
found = {a.image_id[:1]: [[b.label, b.xmin, b.ymin, b.xmax, b.ymax] for b in a.boxes] for a in read}
""",
    "pylabel": """
from pylabel import importer
table = importer.ImportVOC(path=source + "/Annotations", path_to_images="../JPEGImages/").df
found = {}
for _, r in table.iterrows():
    box = [r[f"ann_bbox_{side}"] for side in ("xmin", "ymin", "xmax", "ymax")]
    found.setdefault(r["img_filename"][:1], []).append([r["cat_name"], *map(float, box)])
""",
    "supervision": """
import os, supervision
load = supervision.DetectionDataset.from_pascal_voc
read = load(source + "/JPEGImages", source + "/Annotations")
found = {}
for path, d in read.annotations.items():
    boxes = zip(d.class_id, d.xyxy)
    found[os.path.basename(path)[:1]] = [[read.classes[k], *map(float, box)] for k, box in boxes]
""",
    "panlabel": """
import os, subprocess
program = os.path.join(os.path.dirname(sys.executable), "panlabel")
def run(*words): return subprocess.run([program, *words], capture_output=True, text=True)
checked = run("validate", "--format", "voc", source)
said = checked.stdout + checked.stderr
form = ("--from", "voc", "--to", "ir-json", "--allow-lossy")
done = run("convert", *form, "--input", source, "--output", source + "/out.json")
if done.returncode: sys.exit(done.stderr or done.stdout)
read = json.load(open(source + "/out.json", encoding="utf-8"))
names = {c["id"]: c["name"] for c in read["categories"]}
found = {i["file_name"][:1]: [] for i in read["images"]}
stems = {i["id"]: i["file_name"][:1] for i in read["images"]}
for a in read["annotations"]:
    b = a["bbox"]
    found[stems[a["image_id"]]].append([names[a["category_id"]], b["xmin"], b["ymin"], b["xmax"], b["ymax"]])
if checked.returncode: print(said, file=sys.stderr)
""",
}
HEAD = "import json, sys, warnings\nwarnings.simplefilter('ignore')\nsource = sys.argv[1]\n"
TAIL = "\nprint('FOUND' + json.dumps(found))\n"
BOX = "<bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox>"
FLAGS = "<pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>"
SIZE = "<size><width>60</width><height>40</height><depth>3</depth></size>"


class Answer(NamedTuple):
    """What a reader gave: boxes by image, or None where it ended; and what it printed."""

    found: dict[str, list[list[Any]]] | None
    said: str


class Case(NamedTuple):
    """The XML of image a, and how an answer is judged."""

    title: str
    xml: str
    judge: Callable[[Answer], str]
    picture: bytes | None = None


def xml(objects: str, size: str = SIZE) -> str:
    return f"<annotation><folder>JPEGImages</folder><filename>a.jpg</filename>{size}{objects}</annotation>"


def thing(name: str, box: tuple[float, ...], flags: str = FLAGS, more: str = "") -> str:
    return f"<object><name>{name}</name>{flags}{BOX.format(*box)}{more}</object>"


def reads(name: str, box: tuple[float, ...]) -> Callable[[Answer], str]:
    def judge(answer: Answer) -> str:
        if answer.found is None:
            return "ends with an error"
        (got_name, *got) = answer.found.get("a", [["", 0, 0, 0, 0]])[0]
        if got_name != name:
            return f"name {got_name!r}"
        moved = [round(g - b, 2) for g, b in zip(got, box, strict=True)]
        if moved == [-1, -1, 0, 0]:
            return "yes; xmin, ymin less 1"
        return "yes" if not any(moved) else f"({', '.join(f'{side:g}' for side in got)})"

    return judge


def keeps_negative(answer: Answer) -> str:
    if answer.found is None:
        return "ends with an error"
    return "yes" if answer.found.get("a") == [] else "image is gone"


def tells(answer: Answer) -> str:
    names_file = re.search(r"\ba\.(xml|jpg)", answer.said) is not None
    if answer.found is None or answer.said.strip():
        return "told" if names_file else "told, without the file"
    return "silent"


CUP = (4.0, 2.0, 30.0, 20.0)
PART = f"<part><name>foot</name>{BOX.format(5, 15, 9, 19)}</part>"
EXCHANGED = SIZE.replace("60", "x").replace("40", "60").replace("x", "40")
CASES = (
    Case("decimals", xml(thing("cup", (4.5, 2.25, 30.5, 20.75))), reads("cup", (4.5, 2.25, 30.5, 20.75))),
    Case("no difficult, truncated, pose", xml(thing("cup", CUP, flags="")), reads("cup", CUP)),
    Case("no `<size>`", xml(thing("cup", CUP), size=""), reads("cup", CUP)),
    Case("a `<part>` with a box of its own", xml(thing("man", CUP, more=PART)), reads("man", CUP)),
    Case("a Chinese name", xml(thing("手机", CUP)), reads("手机", CUP)),
    Case("an image without objects stays", xml(""), keeps_negative),
    Case("xmin above xmax", xml(thing("cup", (30, 2, 4, 20))), tells),
    Case("a box outside of the image", xml(thing("cup", (4, 2, 300, 20))), tells),
    Case("`<size>` with its sides exchanged", xml(thing("cup", CUP), size=EXCHANGED), tells),
    Case("an image that is no image", xml(thing("cup", CUP)), tells, picture=b"<html>not found</html>"),
)


def ask(python: Path, reader: str, case: Case) -> str:
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        for folder in ("Annotations", "JPEGImages"):
            (source / folder).mkdir()
        for stem in "ab":
            Image.new("RGB", (60, 40)).save(source / "JPEGImages" / f"{stem}.jpg")
            text = case.xml if stem == "a" else xml(thing("cup", (1, 2, 30, 20))).replace("a.jpg", "b.jpg")
            (source / "Annotations" / f"{stem}.xml").write_text(text, encoding="utf-8")
        if case.picture is not None:
            (source / "JPEGImages" / "a.jpg").write_bytes(case.picture)
        program = HEAD + READERS[reader] + TAIL
        done = subprocess.run(
            [python, "-c", program, name], capture_output=True, text=True, encoding="utf-8", check=False
        )
        found = re.search(r"^FOUND(.*)$", done.stdout, re.MULTILINE)
        said = re.sub(r"^.*\d+%.*$", "", done.stderr.replace(name, ""), flags=re.MULTILINE)  # a progress bar
        return case.judge(Answer(json.loads(found[1]) if found and not done.returncode else None, said))


def table(peers: Path) -> str:
    pythons = {"annotools": Path(sys.executable)}
    pythons |= {name: python_of(peers, name) for name in READERS if name in PEERS}
    versions = {"annotools": "annotools"} | {
        name: PEERS[name][0].replace("==", " ") for name in READERS if name in PEERS
    }
    lines = [
        "| | " + " | ".join(versions[name] for name in pythons) + " |",
        "| --- |" + " --- |" * len(pythons),
    ]
    for case in CASES:
        cells = [ask(python, name, case).replace("|", "/") for name, python in pythons.items()]
        lines.append(f"| {case.title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    made = table(Path(sys.argv[1]))
    print(made)
    if "--write" in sys.argv:
        text = PAGE.read_text(encoding="utf-8")
        new = re.sub(
            r"(<!-- table -->\n).*?(\n<!-- end -->)", lambda m: m[1] + made + m[2], text, flags=re.DOTALL
        )
        PAGE.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main()
