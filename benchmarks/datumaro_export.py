"""VOC to TFRecord by Datumaro.

    python benchmarks/datumaro_export.py SOURCE OUTPUT

Runs in an environment with datumaro and tensorflow (benchmarks/peers.py).
"""

from __future__ import annotations

import sys

import datumaro

source, output = sys.argv[1:]
datumaro.Dataset.import_from(source, "voc_detection").export(output, "tf_detection_api", save_media=True)
