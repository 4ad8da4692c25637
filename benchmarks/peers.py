"""Install the packages that annotools is compared with, each into a virtual environment of its own.

    python benchmarks/peers.py FOLDER [NAME ...]

Versions are pinned, so that figures taken at different times can be compared.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PEERS = {
    "globox": ["globox==2.9.0"],
    "pylabel": ["pylabel==0.1.55"],
    # Without OpenCV it decodes images with a slower substitute of its own.
    "supervision": ["supervision==0.31.2", "opencv-python-headless"],
    "panlabel": ["panlabel==0.7.0"],
    # for benchmarks/convert_tfrecord.py
    "tfrecord": ["tfrecord==1.14.6"],
    "webdataset": ["webdataset==1.0.2"],
    "array_record": ["array-record==0.8.6"],
    "parquet": ["pyarrow==26.0.1"],
    "datumaro": ["datumaro==1.13.12", "tensorflow==2.21.0"],
    "tfds": ["tensorflow-datasets==4.9.10", "importlib_resources", "tensorflow==2.21.0"],
    # for benchmarks/loader.py; TensorFlow brings Keras
    "loader": ["tensorflow==2.21.0", "albumentations==2.0.8", "opencv-python-headless"],
}


def python_of(folder: Path, name: str) -> Path:
    """The interpreter of one peer's environment."""
    return folder / name / ("Scripts" if sys.platform == "win32" else "bin") / "python"


def installed(folder: Path) -> list[str]:
    return [name for name in PEERS if python_of(folder, name).exists()]


def install(folder: Path, name: str) -> None:
    print(f"{name}: {' '.join(PEERS[name])}", flush=True)
    if not python_of(folder, name).exists():
        venv.create(folder / name, with_pip=True)
    subprocess.run([python_of(folder, name), "-m", "pip", "install", "--quiet", *PEERS[name]], check=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for wanted in sys.argv[2:] or PEERS:
        install(Path(sys.argv[1]), wanted)
