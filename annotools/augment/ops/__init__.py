"""What may happen to a picture. Every class here that says how many numbers it draws is an op."""

from typing import TYPE_CHECKING

from annotools.augment.ops.choice import *
from annotools.augment.ops.clahe import *
from annotools.augment.ops.color import *
from annotools.augment.ops.copy_paste import *
from annotools.augment.ops.erase import *
from annotools.augment.ops.filters import *
from annotools.augment.ops.fit import *
from annotools.augment.ops.geometry import *
from annotools.augment.ops.iou_crop import *
from annotools.augment.ops.mosaic import *
from annotools.augment.ops.perspective import *
from annotools.augment.ops.rand_augment import *
from annotools.augment.ops.sizes import *
from annotools.augment.ops.tone import *

if not TYPE_CHECKING:  # which sees what the files define
    __all__ = sorted(
        name for name, value in globals().items() if isinstance(value, type) and hasattr(value, "draws")
    )
