# ruff: noqa: C402, RUF005, UP031  (it has to run in Python 2)
"""Writes the ssd pickles of this folder with `pickle.dump`; runs in Python 2.7 and every Python 3.

python make.py        one file for each protocol, named after the versions of Python and NumPy
"""

import pickle
import sys

import numpy as np

VALUE = [
    ("frame00001.png", [[-1 / 720.0, 0.25, 0.5, 1.0, 0, 1, 0], [0.1, 0.2, 0.3, 0.4, 1, 0, 0]]),
    ("negative.png", []),
    ("caf\xe9.xml" if sys.version_info[0] > 2 else "caf\xc3\xa9.xml", [[0.0, 0.0, 1.0, 1.0, 0, 0, 1]]),
]

for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
    name = "python%d.%d-numpy%s-protocol%d.pkl" % (sys.version_info[:2] + (np.__version__, protocol))
    content = dict((key, np.array(rows, dtype=np.float64).reshape(-1, 7)) for key, rows in VALUE)
    with open(name, "wb") as file:
        pickle.dump(content, file, protocol)
