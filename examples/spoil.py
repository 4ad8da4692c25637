"""A copy of sample_data with mistakes that people and labelling tools make, for `annotools validate` to find.

python examples/spoil.py [SOURCE] [OUTPUT]
"""

from __future__ import annotations

import argparse
import re
import shutil
from pathlib import Path

from PIL import Image


def spoil(source: Path, output: Path) -> None:
    """Copy `source` and make a mistake in each of its first annotations and images."""
    shutil.copytree(source, output, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    files = sorted((output / "Annotations").glob("*.xml"))
    exchange(
        files[0], r"<xmin>(\d+)</xmin>(\s*<ymin>\d+</ymin>\s*)<xmax>(\d+)<", r"<xmin>\3</xmin>\2<xmax>\1<"
    )
    exchange(files[1], r"<xmax>\d+<", "<xmax>400<")  # drawn past the edge
    exchange(files[2], r"<ymax>(\d+)<", r"<ymax>\1 px<")
    exchange(files[3], r"<name>(\w+)<", r"<name>\1s<")  # a typo makes a class of its own
    exchange(files[4], r"<name>(\w+)<", r"<name> \1 <")
    exchange(files[5], r"(<object>.*?</object>)", r"\1\n\t\1")  # labelled twice
    exchange(files[6], r"<width>\d+</width>", "<width>0</width>")
    files[7].write_bytes(files[7].read_bytes()[:-40])
    image_of(files[8]).unlink()
    shutil.copy(image_of(files[9]), image_of(files[10]))  # one picture twice
    image = image_of(files[11])
    with Image.open(image) as picture:
        picture.convert("RGB").save(image, "PNG" if image.suffix == ".jpg" else "JPEG")  # the name lies


def exchange(file: Path, pattern: str, text: str) -> None:
    """The first place that the pattern matches."""
    old = file.read_text(encoding="utf-8")
    new = re.sub(pattern, text, old, count=1, flags=re.DOTALL)
    if new == old:
        raise SystemExit(f"{file}: nothing matches {pattern}")
    file.write_text(new, encoding="utf-8", newline="\n")


def image_of(file: Path) -> Path:
    return next((file.parents[1] / "JPEGImages").glob(f"{file.stem}.*"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", nargs="?", type=Path, default=Path("sample_data"))
    parser.add_argument("output", nargs="?", type=Path, default=Path("demo_output/spoiled"))
    options = parser.parse_args()
    spoil(options.source, options.output)


if __name__ == "__main__":
    main()
