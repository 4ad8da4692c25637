"""The least that any converter must do: read every XML, and copy the bytes of every image into one file.

python benchmarks/copy_floor.py SOURCE OUTPUT
"""

from __future__ import annotations

import os
import sys


def main(source: str, output: str) -> None:
    annotations, images = os.path.join(source, "Annotations"), os.path.join(source, "JPEGImages")
    with open(output, "wb") as out:
        for name in sorted(os.listdir(annotations)):
            with open(os.path.join(annotations, name), "rb") as xml:
                xml.read()
            with open(os.path.join(images, name[:-4] + ".jpg"), "rb") as image:
                out.write(image.read())


if __name__ == "__main__":
    main(*sys.argv[1:])
