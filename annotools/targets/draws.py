"""The draws behind regions of interest: hashes of a counter, the same in NumPy and in a graph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from annotools.targets.coding import Array

REACH, GROWTH = 0.5, (0.6, 1.5)
"""A jittered box is moved by up to half its size and is 0.6 to 1.5 times as large, each side for itself."""
WINDOW = (0.05, 0.8)
"""The sides of a random window, in shares of the picture."""
SAMPLE = 8
"""The stream of draws that chooses; 0 to 3 make windows, 4 to 7 move copies."""
STREAM = 0x01000193
FACTORS = (0x7FEB352D, 0x846CA68B)


def key_of(seed: int, image: int, boxes: Array) -> NDArray[np.uint32]:
    """(1,) uint32 from the seed, a number for the image and the bits of its (R, 4) float32 boxes."""
    bits = np.ascontiguousarray(boxes, np.float32).view(np.uint32).sum(dtype=np.uint64) & 0xFFFFFFFF
    key = mixed(np.array([seed & 0xFFFFFFFF], np.uint32)) ^ np.uint32(image & 0xFFFFFFFF)
    return mixed(mixed(key) ^ np.uint32(bits))


def draws(key: NDArray[np.uint32], stream: int, count: int) -> NDArray[np.float32]:
    """(count,) float32 in [0, 1), the same for the same key and stream: a hash of a counter, nothing kept."""
    number = mixed(np.arange(count, dtype=np.uint32) + np.uint32(stream * STREAM % 2**32))
    return (mixed(number ^ key) >> np.uint32(8)).astype(np.float32) * np.float32(2**-24)


def mixed(x: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """An integer hash of 32 bits (the constants of https://nullprogram.com/blog/2018/07/31/, lowbias32)."""
    x = (x ^ (x >> np.uint32(16))) * np.uint32(FACTORS[0])
    x = (x ^ (x >> np.uint32(15))) * np.uint32(FACTORS[1])
    return x ^ (x >> np.uint32(16))
