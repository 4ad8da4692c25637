"""What the model saw of one image in one epoch: the plan as numbers, and the picture with its boxes."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from annotools.boxes import convert
from annotools.errors import OptionError
from annotools.loader.batch import IGNORE, LEFT_OUT, PAD
from annotools.loader.dataset import make_dataset
from annotools.loader.options import StrPath
from annotools.loader.pipeline import Pipeline
from annotools.loader.training_set import pipeline_of

if TYPE_CHECKING:
    from PIL import Image

Array = NDArray[Any]
_NUMBERS = ("matrices", "decoder", "reads", "targets", "shown", "blend", "erased", "color_matrix", "size")


@dataclass(frozen=True, slots=True)
class Seen:
    """One image as it is in the record and as it is in the batch.

    number, step, place   of the record in the files, of the batch in the epoch (-1: another worker's, or left
                          out by drop_remainder), of the image in that batch
    original              (H, W, 3) uint8       boxes, labels   (R, 4) xyxy in its pixels, (R,) from 0
    image                 (h, w, 3), the row of the batch, bit for bit
    image_boxes, image_labels   (K, 4) xyxy in its pixels, (K,); -2: ignored
    ids                   (K,) which object of its record each one is; `layer` (K,) says of which image: 0 is
                          this one, 1 and on are the partners of Mosaic and MixUp
    visibility            (K,) share of the original box that is in the picture
    left_out              how many objects are not in the batch, by reason
    plan                  the numbers of the plan by name: affine maps, windows, the colour matrix, ...
    class_names           by label, where they are known
    """

    image_id: str
    epoch: int
    number: int
    step: int
    place: int
    original: Array
    boxes: Array
    labels: Array
    image: Array
    image_boxes: Array
    image_labels: Array
    ids: Array
    layer: Array
    visibility: Array
    left_out: dict[str, int]
    plan: dict[str, Array]
    ops: tuple[str, ...]
    class_names: dict[int, str]

    def __str__(self) -> str:
        where = f"step {self.step}, row {self.place}" if self.step >= 0 else "not in this worker's batches"
        height, width = self.image.shape[:2]
        lines = [f"{self.image_id} in epoch {self.epoch}: record {self.number}, {where}"]
        lines += [f"  {op}" for op in self.ops]
        lines.append(f"  {self.original.shape[1]}x{self.original.shape[0]} -> {width}x{height}")
        for box, label, one, layer, share in zip(
            self.image_boxes, self.image_labels, self.ids, self.layer, self.visibility, strict=True
        ):
            edges = " ".join(f"{edge:.1f}" for edge in box)
            origin = f"object {one}" if layer == 0 else f"object {one} of partner {layer - 1}"
            lines.append(f"  {self.name_of(int(label))}: {edges} ({origin}, {share:.0%} visible)")
        lines += [f"  left out, {reason}: {count}" for reason, count in self.left_out.items()]
        lines += [f"  {name} = {np.array2string(values, precision=4)}" for name, values in self.plan.items()]
        return "\n".join(lines)

    def name_of(self, label: int) -> str:
        return "ignored" if label == IGNORE else self.class_names.get(label, str(label))

    def draw(self) -> Image.Image:
        """The record's picture and the batch's side by side, each with its boxes."""
        left = _with_boxes(
            self.original, self.boxes, [self.name_of(int(n)) for n in self.labels], self.labels
        )
        right = _with_boxes(
            self.image, self.image_boxes, [self.name_of(int(n)) for n in self.image_labels], self.image_labels
        )
        from PIL import Image  # only where a picture is drawn: training must not wait for it

        sheet = Image.new("RGB", (left.width + right.width + 8, max(left.height, right.height)), "white")
        sheet.paste(left, (0, 0))
        sheet.paste(right, (left.width + 8, 0))
        return sheet

    def save(self, path: StrPath) -> None:
        """Write `draw()` as an image file."""
        self.draw().save(os.fspath(path))


def explain(
    dataset: tf.data.Dataset | StrPath | Sequence[StrPath],
    image_id: str,
    epoch: int = 0,
    copy: int = 0,
    **options: Any,
) -> Seen:
    """What a data set of `make_dataset` makes of one image in one epoch; nothing else is computed.

    dataset    such a data set, before any `map`; or a source, with the `options` of `make_dataset`
    image_id   as in the batches: the file name without extension
    copy       under `sampling` an image may come several times in an epoch: which of them, from 0

    Raises OptionError where there is no such image.
    """
    if not isinstance(dataset, tf.data.Dataset):
        dataset = make_dataset(dataset, **({"image_size": None, "batch_size": None} | options))
    elif options:
        raise OptionError("a data set has its options already", found=sorted(options), field="options")
    pipeline = pipeline_of(dataset)
    number = pipeline.examples.number_of(image_id)
    if number is None:
        raise OptionError(
            "no such image",
            path=pipeline.examples.path,
            field="image_id",
            found=image_id,
            expected=_meant(pipeline, image_id),
        )

    step, place = _position(pipeline, number, epoch, copy)
    pipeline = pipeline.at(epoch, max(step, 0))
    sample, plan, ids, layer, visibility, rows = _computed(pipeline, number, epoch, copy)
    batch = pipeline.finish(rows)
    labels, count = batch["bounding_boxes"]["labels"][0].numpy(), int(batch["num_boxes"][0])
    image = batch["images"][0].numpy()
    boxes = convert(
        batch["bounding_boxes"]["boxes"][0].numpy()[:count],
        pipeline.options.box_format,
        "xyxy",
        image_size=image.shape[:2],
    )
    classes = pipeline.examples.classes
    is_object = sample.labels.numpy() != PAD
    return Seen(
        image_id=image_id,
        epoch=epoch,
        number=number,
        step=step,
        place=place,
        original=_pixels(sample.encoded),
        boxes=sample.boxes.numpy()[is_object],
        labels=sample.labels.numpy()[is_object],
        image=image,
        image_boxes=boxes,
        image_labels=labels[:count],
        ids=ids.numpy(),
        layer=layer.numpy(),
        visibility=visibility.numpy(),
        left_out={name: int(n) for name, n in zip(LEFT_OUT, rows["left_out"][0].numpy(), strict=True) if n},
        plan={name: values.numpy() for name, values in plan.items()},
        ops=tuple(repr(op) for op in pipeline.augmenter.augmentation.ops),
        class_names={} if classes is None else {id_ - 1: name for name, id_ in classes.ids.items()},
    )


def _meant(pipeline: Pipeline, image_id: str) -> str | None:
    """What was probably meant by an id that no image has."""
    ids, stem = pipeline.examples.image_ids(), os.path.splitext(image_id)[0]
    if stem in ids:
        return f"{stem}, without the extension"
    close = difflib.get_close_matches(stem, ids, 1)
    return f"{close[0]}?" if close else f"such as {ids[0]}"


def _computed(pipeline: Pipeline, number: int, epoch: int, copy: int) -> tuple[Any, ...]:
    """The sample, the plan's numbers, id, layer and visibility of each object in the row; a batch of rows.

    The batch repeats the one row, so that it goes through the very code that a batch for training takes.
    """

    @tf.function(autograph=False)  # type: ignore[untyped-decorator]
    def compute(raws: tf.Tensor, numbers: tf.Tensor, now: tf.Tensor, copy: tf.Tensor) -> tuple[Any, ...]:
        samples, plans, dropped = pipeline.plan(raws, numbers[None], now, copy)
        values, kept = pipeline.rows(samples, plans, dropped)
        plan = tf.nest.map_structure(lambda values: values[0], plans)
        objects = kept[0, : values["num_boxes"][0]]
        traced = [tf.gather(of, objects) for of in (plan.ids, plan.layer, plan.visibility)]
        values["images"] = pipeline.pictures(plans)
        sample = tf.nest.map_structure(lambda values: values[0], samples)
        numbers_of = {name: getattr(plan, name) for name in _NUMBERS}
        numbers_of |= {f"color_steps[{k}]": step.numbers for k, step in enumerate(plan.color_steps)}
        return sample, numbers_of, *traced, values

    now = tf.constant(epoch, tf.int64)
    numbers = pipeline.numbers(tf.constant([number], tf.int64), now)[0]
    read = pipeline.examples.read(tf.data.Dataset.from_tensors((numbers,)), 1)
    raws, _ = read.get_single_element()
    *found, row = compute(raws, numbers, now, tf.constant([copy], tf.int64))
    rows = {key: tf.repeat(values, pipeline.order.batch_size, axis=0) for key, values in row.items()}
    return (*found, rows)


def _position(pipeline: Pipeline, number: int, epoch: int, copy: int) -> tuple[int, int]:
    order, now = pipeline.order, tf.constant(epoch, tf.int64)
    for step in range(order.steps):
        records, valid = order.batch(now, tf.constant(step, tf.int64))
        is_it = (records.numpy() == number) & valid.numpy()
        if is_it.any():
            is_it &= order.copies(now, tf.constant(step, tf.int64)).numpy() == copy
            if is_it.any():
                return step, int(np.flatnonzero(is_it)[0])
    return -1, -1


def _pixels(encoded: tf.Tensor) -> Array:
    if encoded.dtype != tf.string:
        array: Array = encoded.numpy()
        return array
    decoded: Array = tf.io.decode_image(encoded, channels=3, expand_animations=False).numpy()
    return decoded


def _with_boxes(pixels: Array, boxes: Array, names: Sequence[str], labels: Array) -> Image.Image:
    from PIL import Image, ImageDraw

    picture = Image.fromarray(pixels.astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    for box, name, label in zip(boxes, names, labels, strict=True):
        color = "gray" if label == IGNORE else f"hsl({int(label) * 67 % 360}, 90%, 55%)"
        x1, y1, x2, y2 = (float(edge) for edge in box)
        # PIL includes the pixel of the second corner; boxes end at its left and upper edge
        draw.rectangle((x1, y1, max(x1, x2 - 1), max(y1, y2 - 1)), outline=color, width=2)
        draw.text((x1 + 3, y1 + 2), name, fill=color)
    return picture
