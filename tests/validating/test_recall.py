"""Recall and precision: clean data gives nothing, a defect put in at a known place gives exactly that.

The corruptions are made by a seeded script on XML text and image bytes, knowing nothing of the rules' code.
"""

from __future__ import annotations

import io
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from PIL import Image

from annotools.validation.validate import validate

WIDTH, HEIGHT = 120, 90
CLASSES = ("cup", "pen", "watch")
FILES = 40

Finding = tuple[str, str, int | None, int | None]


def picture(rng: random.Random, fmt: str = "JPEG", mode: str = "RGB", orientation: int = 0) -> bytes:
    noise = Image.frombytes("RGB", (12, 9), rng.randbytes(12 * 9 * 3))
    output = io.BytesIO()
    options = {}
    if orientation:
        exif = Image.Exif()
        exif[274] = orientation
        options["exif"] = exif.tobytes()
    noise.resize((WIDTH, HEIGHT)).convert(mode).save(output, fmt, **options)
    return output.getvalue()


def annotation(rng: random.Random, stem: str, objects: int) -> str:
    """VOC2007 text. Lines after an <object>: name 1, difficult 4, bndbox 5, xmin 6 to ymax 9."""
    lines = [
        "<annotation>", "\t<folder>VOC2007</folder>", f"\t<filename>{stem}.jpg</filename>", "\t<source>",
        "\t\t<database>The VOC2007 Database</database>", "\t\t<annotation>PASCAL VOC2007</annotation>",
        "\t\t<image>flickr</image>", "\t</source>", "\t<size>", f"\t\t<width>{WIDTH}</width>",
        f"\t\t<height>{HEIGHT}</height>", "\t\t<depth>3</depth>", "\t</size>",
        "\t<segmented>0</segmented>", "",
    ]  # fmt: skip
    for index in range(objects):
        # Boxes of one image lie side by side, so that none is inside another.
        left = 2 + index * (WIDTH // objects)
        xmin, ymin = left + rng.randrange(3), rng.randrange(2, 30)
        xmax, ymax = xmin + rng.randrange(10, WIDTH // objects - 6), ymin + rng.randrange(10, 40)
        lines += [
            "\t<object>", f"\t\t<name>{CLASSES[(index + rng.randrange(3)) % 3]}</name>",
            "\t\t<pose>Unspecified</pose>", "\t\t<truncated>0</truncated>", "\t\t<difficult>0</difficult>",
            "\t\t<bndbox>", f"\t\t\t<xmin>{xmin}</xmin>", f"\t\t\t<ymin>{ymin}</ymin>",
            f"\t\t\t<xmax>{xmax}</xmax>", f"\t\t\t<ymax>{ymax}</ymax>", "\t\t</bndbox>", "\t</object>",
        ]  # fmt: skip
    return "\n".join([*lines, "</annotation>", ""])


def make_clean(root: Path, files: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    (root / "Annotations").mkdir(parents=True)
    (root / "JPEGImages").mkdir()
    stems = [f"{number:06d}" for number in range(files)]
    for stem in stems:
        (root / "Annotations" / f"{stem}.xml").write_text(annotation(rng, stem, rng.randrange(1, 4)))
        (root / "JPEGImages" / f"{stem}.jpg").write_bytes(picture(rng))
    return stems


def find(root: Path, **options: object) -> set[Finding]:
    return {
        (
            issue.rule,
            "" if issue.path is None else Path(issue.path).relative_to(root).as_posix(),
            issue.line,
            issue.object_index,
        )
        for issue in validate(root, **options)  # type: ignore[arg-type]
    }


def test_clean_tree_of_two_thousand_files_gives_nothing(tmp_path: Path) -> None:
    make_clean(tmp_path / "voc", 2000, seed=1)
    result = validate(tmp_path / "voc", images="header", extend_select="schema,near-duplicate-image")
    assert result.issues == []
    assert (result.summary.files, result.summary.images) == (2000, 2000)
    assert result.summary.objects > 2000


@dataclass
class Victim:
    """One file of the data set that is damaged on purpose."""

    root: Path
    stem: str
    rng: random.Random
    expected: set[Finding] = field(default_factory=set)

    @property
    def xml(self) -> Path:
        return self.root / "Annotations" / f"{self.stem}.xml"

    @property
    def image(self) -> Path:
        return self.root / "JPEGImages" / f"{self.stem}.jpg"

    @property
    def text(self) -> str:
        return self.xml.read_text()

    def pick_object(self) -> tuple[int, int]:
        """(index of an object, line of its <object> tag)."""
        lines = [number for number, line in enumerate(self.text.split("\n"), 1) if line == "\t<object>"]
        index = self.rng.randrange(len(lines))
        return index, lines[index]

    def edit(self, line: int, new: str) -> None:
        lines = self.text.split("\n")
        lines[line - 1] = new
        self.xml.write_text("\n".join(lines))

    def insert(self, line: int, *new: str) -> None:
        lines = self.text.split("\n")
        self.xml.write_text("\n".join([*lines[: line - 1], *new, *lines[line - 1 :]]))

    def value(self, line: int) -> int:
        found = re.search(r">(\d+)<", self.text.split("\n")[line - 1])
        assert found is not None
        return int(found[1])

    def expect(
        self, rule: str, line: int | None = None, index: int | None = None, image: bool = False
    ) -> None:
        path = self.image if image else self.xml
        self.expected.add((rule, path.relative_to(self.root).as_posix(), line, index))


CORRUPTIONS: dict[str, Callable[[Victim], None]] = {}


def corruption(function: Callable[[Victim], None]) -> Callable[[Victim], None]:
    CORRUPTIONS[function.__name__] = function
    return function


@corruption
def box_inverted(victim: Victim) -> None:
    index, line = victim.pick_object()
    low, high = victim.value(line + 6), victim.value(line + 8)
    victim.edit(line + 6, f"\t\t\t<xmin>{high}</xmin>")
    victim.edit(line + 8, f"\t\t\t<xmax>{low}</xmax>")
    victim.expect("box-inverted", line + 5, index)


@corruption
def box_zero_area(victim: Victim) -> None:
    index, line = victim.pick_object()
    victim.edit(line + 9, f"\t\t\t<ymax>{victim.value(line + 7)}</ymax>")
    victim.expect("box-zero-area", line + 5, index)


@corruption
def box_outside_image(victim: Victim) -> None:
    index, line = victim.pick_object()
    side = victim.rng.choice(("xmax", "ymax"))
    offset, limit = (8, WIDTH) if side == "xmax" else (9, HEIGHT)
    # Just past the edge: the smallest fault that is one.
    victim.edit(line + offset, f"\t\t\t<{side}>{limit + victim.rng.choice((0.002, 1, 500))}</{side}>")
    victim.expect("box-outside-image", line + 5, index)


@corruption
def box_not_finite(victim: Victim) -> None:
    index, line = victim.pick_object()
    victim.edit(line + 6, f"\t\t\t<xmin>{victim.rng.choice(('nan', 'inf', '-Infinity'))}</xmin>")
    victim.expect("box-not-finite", line + 6, index)


@corruption
def box_missing(victim: Victim) -> None:
    index, line = victim.pick_object()
    for number in range(line + 5, line + 11):
        victim.edit(number, "")
    victim.expect("box-missing", line, index)


@corruption
def box_tiny(victim: Victim) -> None:
    index, line = victim.pick_object()
    victim.edit(line + 8, f"\t\t\t<xmax>{victim.value(line + 6) + 1.5}</xmax>")
    victim.expect("box-tiny", line + 5, index)


@corruption
def box_whole_image(victim: Victim) -> None:
    text = re.sub(r"\t<object>.*</object>\n", "", victim.text, flags=re.DOTALL)
    box = f"<xmin>0</xmin><ymin>0</ymin><xmax>{WIDTH}</xmax><ymax>{HEIGHT}</ymax>"
    new = f"\t<object><name>cup</name><difficult>0</difficult><bndbox>{box}</bndbox></object>\n"
    victim.xml.write_text(text.removesuffix("</annotation>\n") + f"{new}</annotation>\n")
    victim.expect("box-whole-image", 16, 0)


@corruption
def duplicate_box(victim: Victim) -> None:
    lines = victim.text.split("\n")
    objects = lines.count("\t<object>")
    _, line = victim.pick_object()
    end = len(lines) - 1
    victim.insert(end, *lines[line - 1 : line + 11])
    victim.expect("duplicate-box", end + 5, objects)


@corruption
def near_duplicate_box(victim: Victim) -> None:
    lines = victim.text.split("\n")
    _, line = victim.pick_object()
    copy = lines[line - 1 : line + 11]
    copy[8] = f"\t\t\t<xmax>{victim.value(line + 8) - 0.25}</xmax>"
    victim.insert(len(lines) - 1, *copy)
    victim.expect("near-duplicate-box", len(lines) - 1 + 5, lines.count("\t<object>"))


@corruption
def contained_same_class(victim: Victim) -> None:
    lines = victim.text.split("\n")
    _, line = victim.pick_object()
    copy = lines[line - 1 : line + 11]
    copy[6] = f"\t\t\t<xmin>{victim.value(line + 6) + 4}</xmin>"
    copy[7] = f"\t\t\t<ymin>{victim.value(line + 7) + 4}</ymin>"
    victim.insert(len(lines) - 1, *copy)
    victim.expect("contained-same-class", len(lines) - 1 + 5, lines.count("\t<object>"))


@corruption
def part_outside_object(victim: Victim) -> None:
    index, line = victim.pick_object()
    box = "<xmin>0</xmin><ymin>80</ymin><xmax>9</xmax><ymax>90</ymax>"
    victim.insert(line + 11, f"\t\t<part><name>head</name><bndbox>{box}</bndbox></part>")
    victim.expect("part-outside-object", line + 5, index)


@corruption
def rotated_box_ignored(victim: Victim) -> None:
    index, line = victim.pick_object()
    attribute = "<attribute><name>rotation</name><value>12.5</value></attribute>"
    victim.insert(line + 11, f"\t\t<attributes>{attribute}</attributes>")
    victim.expect("rotated-box-ignored", line + 5, index)


@corruption
def missing_field(victim: Victim) -> None:
    index, line = victim.pick_object()
    victim.edit(line + 1, "")
    victim.expect("missing-field", line, index)


@corruption
def field_invalid(victim: Victim) -> None:
    index, line = victim.pick_object()
    victim.edit(line + 9, "\t\t\t<ymax>tall</ymax>")
    victim.expect("field-invalid", line + 9, index)


@corruption
def unknown_tag(victim: Victim) -> None:
    _, line = victim.pick_object()
    victim.edit(line + 2, "\t\t<mood>good</mood>")
    victim.expect("unknown-tag", line + 2)


@corruption
def unparsable(victim: Victim) -> None:
    lines = victim.text.split("\n")
    victim.xml.write_text("\n".join(lines[:-2]))
    victim.expect("unparsable", len(lines) - 2)


@corruption
def wrong_root(victim: Victim) -> None:
    victim.xml.write_text(victim.text.replace("annotation>", "annotations>"))
    victim.expect("wrong-root", 1)


@corruption
def encoding(victim: Victim) -> None:
    _, line = victim.pick_object()
    data = victim.xml.read_bytes().split(b"\n")
    data[line] = b"\t\t<name>caf\xe9</name>"
    victim.xml.write_bytes(b"\n".join(data))
    victim.expect("encoding", line + 1)


@corruption
def empty_annotation(victim: Victim) -> None:
    victim.xml.write_text(re.sub(r"\t<object>.*</object>\n", "", victim.text, flags=re.DOTALL))
    victim.expect("empty-annotation")


@corruption
def size_missing(victim: Victim) -> None:
    victim.edit(10, "\t\t<width/>")
    victim.expect("size-missing")


@corruption
def size_zero(victim: Victim) -> None:
    victim.edit(11, "\t\t<height>0</height>")
    victim.expect("size-zero")


@corruption
def size_mismatch(victim: Victim) -> None:
    width, height = victim.rng.choice(((HEIGHT, WIDTH), (WIDTH * 2, HEIGHT * 2), (77, 1234)))
    victim.edit(10, f"\t\t<width>{width}</width>")
    victim.edit(11, f"\t\t<height>{height}</height>")
    victim.expect("size-mismatch")


@corruption
def depth_mismatch(victim: Victim) -> None:
    victim.edit(12, "\t\t<depth>1</depth>")
    victim.expect("depth-mismatch")


@corruption
def filename_mismatch(victim: Victim) -> None:
    victim.edit(3, "\t<filename>elsewhere.jpg</filename>")
    victim.expect("filename-mismatch")


@corruption
def filename_names_other_image(victim: Victim) -> None:
    other = f"{(int(victim.stem) + 1) % FILES:06d}"
    victim.edit(3, f"\t<filename>{other}.jpg</filename>")
    victim.expect("filename-names-other-image")


@corruption
def absolute_path_leak(victim: Victim) -> None:
    victim.edit(15, "\t<path>/home/somebody/data/a.jpg</path>")
    victim.expect("absolute-path-leak")


@corruption
def class_with_a_blank(victim: Victim) -> None:
    index, line = victim.pick_object()
    name = victim.text.split("\n")[line]
    victim.edit(line + 1, name.replace("<name>", f"<name>{victim.rng.choice((' ', chr(9), '  '))}"))
    victim.expect("class-case-or-blank-variant", line + 1, index)


@corruption
def class_spelt_otherwise(victim: Victim) -> None:
    index, line = victim.pick_object()
    name = victim.text.split("\n")[line]
    variant = {"cup": "CUP", "pen": "Pen", "watch": "wat-ch"}
    for meant, written in variant.items():
        name = name.replace(meant, written)
    victim.edit(line + 1, name)
    victim.expect("class-case-or-blank-variant", line, index)


@corruption
def inconsistent_difficult(victim: Victim) -> None:
    index, line = victim.pick_object()
    victim.edit(line + 4, "")
    victim.expect("inconsistent-difficult", line, index)


@corruption
def image_missing(victim: Victim) -> None:
    victim.image.unlink()
    victim.expect("image-missing")


@corruption
def annotation_missing(victim: Victim) -> None:
    victim.xml.unlink()
    victim.expect("annotation-missing", image=True)


@corruption
def image_unreadable(victim: Victim) -> None:
    victim.image.write_bytes(b"<html>404</html>")
    victim.expect("image-unreadable", image=True)


@corruption
def image_truncated(victim: Victim) -> None:
    data = victim.image.read_bytes()
    victim.image.write_bytes(data[: len(data) - victim.rng.randrange(2, 400)])
    victim.expect("image-truncated", image=True)


@corruption
def format_extension_mismatch(victim: Victim) -> None:
    victim.image.write_bytes(picture(victim.rng, "PNG"))
    victim.expect("format-extension-mismatch", image=True)


@corruption
def exif_orientation(victim: Victim) -> None:
    victim.image.write_bytes(picture(victim.rng, orientation=victim.rng.randrange(2, 9)))
    victim.expect("exif-orientation", image=True)


@corruption
def exif_invalid(victim: Victim) -> None:
    victim.image.write_bytes(picture(victim.rng, orientation=77))
    victim.expect("exif-invalid", image=True)


@corruption
def colour_mode(victim: Victim) -> None:
    mode, channels = victim.rng.choice((("L", 1), ("CMYK", 4)))
    victim.image.write_bytes(picture(victim.rng, mode=mode))
    victim.edit(12, f"\t\t<depth>{channels}</depth>")
    victim.expect("colour-mode", image=True)


@corruption
def stem_collision(victim: Victim) -> None:
    victim.image.with_suffix(".png").write_bytes(picture(victim.rng, "PNG"))
    victim.expect("stem-collision")


@corruption
def duplicate_image(victim: Victim) -> None:
    other = victim.image.with_name(f"{FILES - 1:06d}.jpg")
    shutil.copy(other, victim.image)
    victim.expected.add(("duplicate-image-conflict", f"JPEGImages/{other.name}", None, None))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clean") / "voc"
    make_clean(root, FILES, seed=2)
    assert find(root, images="decode") == set()
    return root


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_each_corruption_is_found_where_it_is_and_nothing_else(
    name: str, clean: Path, tmp_path: Path
) -> None:
    root = tmp_path / "voc"
    shutil.copytree(clean, root)
    rng = random.Random(name)  # str seeds are stable across processes
    victims = [Victim(root, f"{number:06d}", rng) for number in rng.sample(range(FILES - 1), 2)]
    if name in ("duplicate_image", "filename_names_other_image"):
        victims = victims[:1]
    for victim in victims:
        CORRUPTIONS[name](victim)
    expected = set().union(*(victim.expected for victim in victims))
    assert expected
    assert find(root, images="decode") == expected


def test_many_corruptions_at_once(clean: Path, tmp_path: Path) -> None:
    """One defect in each of many files: findings do not disturb each other."""
    root = tmp_path / "voc"
    shutil.copytree(clean, root)
    rng = random.Random(7)
    names = [name for name in CORRUPTIONS if name not in ("duplicate_image", "filename_names_other_image")]
    rng.shuffle(names)
    expected: set[Finding] = set()
    for number, name in enumerate(names[: FILES - 1]):
        victim = Victim(root, f"{number:06d}", rng)
        CORRUPTIONS[name](victim)
        expected |= victim.expected
    assert find(root, images="decode") == expected
    assert find(root, images="decode", workers=2) == expected
