"""The products and the scenes: which of them stand or hang where, in which shop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import books
import clutter
import garments
import goods
from brush import Layer


@dataclass(frozen=True)
class Product:
    """What can stand or hang somewhere: `tall` is its share of the free height, `wide` its width / height.

    A product without a name is clutter: it is drawn, and not annotated.
    """

    name: str
    draw: Callable[[Layer, Random], None]
    tall: float
    wide: float
    hangs: bool = False


PRODUCTS = {
    "tee": Product("clothes", garments.tee, 0.92, 0.98, hangs=True),
    "shirt": Product("clothes", garments.shirt, 0.98, 0.86, hangs=True),
    "hoodie": Product("clothes", garments.hoodie, 0.96, 0.88, hangs=True),
    "folded-shirts": Product("clothes", garments.folded_shirts, 0.48, 1.5),
    "jeans": Product("pants", garments.jeans, 1.0, 0.5, hangs=True),
    "trousers": Product("pants", garments.trousers, 1.0, 0.46, hangs=True),
    "shorts": Product("pants", garments.shorts, 0.62, 0.95, hangs=True),
    "folded-jeans": Product("pants", garments.folded_jeans, 0.44, 1.55),
    "sneakers": Product("shoes", garments.sneakers, 0.46, 1.85),
    "boots": Product("shoes", garments.boots, 0.66, 1.1),
    "heels": Product("shoes", garments.heels, 0.48, 1.5),
    "watch": Product("watch", goods.watch, 0.7, 0.5),
    "smart-watch": Product("watch", goods.smart_watch, 0.68, 0.52),
    "phone": Product("phone", goods.phone, 0.76, 0.49),
    "phone-back": Product("phone", goods.phone_back, 0.76, 0.49),
    "headphones": Product("audio", goods.headphones, 0.78, 0.9),
    "speaker": Product("audio", goods.speaker, 0.92, 0.62),
    "boombox": Product("audio", goods.boombox, 0.6, 1.55),
    "laptop": Product("computer", goods.laptop, 0.74, 1.4),
    "desktop": Product("computer", goods.desktop, 0.9, 1.2),
    "books": Product("books", books.standing_books, 0.84, 1.0),
    "book-stack": Product("books", books.stacked_books, 0.5, 1.4),
    "carton": Product("", clutter.carton, 0.6, 1.1),
    "bottle": Product("", clutter.bottle, 0.85, 0.34),
    "plant": Product("", clutter.plant, 0.8, 0.9),
}
CLUTTER = tuple(key for key, product in PRODUCTS.items() if not product.name)


@dataclass(frozen=True)
class Row:
    """Products from left to right. `y` is the board's front edge, or the rail; `room` the free height.

    A word `tee` puts a product into the next free place, `tee@-20` at x = -20, a leading `+` in front of
    its neighbours (further forward on the board), a trailing `*1.2` makes it larger.
    """

    y: float
    room: float
    words: str = ""
    rail: bool = False


@dataclass(frozen=True)
class Scene:
    stem: str
    theme: str
    rows: tuple[Row, ...]
    size: tuple[int, int] = (320, 240)
    split: str = "train"
    extension: str = "jpg"
    tilt: float = 1.0
    dim: float = 0.0
    restyle: Callable[[Layer, Random], None] | None = None  # what is done to each product when it is drawn


def two_shelves(upper: str, lower: str) -> tuple[Row, ...]:
    return Row(112, 92, upper), Row(222, 92, lower)


def rail_and_shelf(hanging: str, standing: str) -> tuple[Row, ...]:
    return Row(12, 108, hanging, rail=True), Row(220, 78, standing)


def close_up(words: str) -> tuple[Row, ...]:
    return (Row(214, 176, words),)


def tall(hanging: str, upper: str, lower: str) -> tuple[Row, ...]:
    return Row(14, 112, hanging, rail=True), Row(212, 72, upper), Row(304, 76, lower)


PORTRAIT = (240, 320)
SCENES = (
    Scene("shelf-001", "oak", two_shelves("books watch phone book-stack", "sneakers headphones laptop")),
    Scene("shelf-002", "white", rail_and_shelf("tee jeans shirt shorts", "sneakers boots heels")),
    Scene("shelf-003", "walnut", close_up("laptop +phone")),
    Scene("shelf-004", "brick", two_shelves("speaker boombox headphones@250", "books book-stack laptop")),
    Scene(
        "shelf-005",
        "steel",
        two_shelves("phone phone-back smart-watch watch phone", "desktop laptop speaker"),
    ),
    Scene(
        "shelf-006", "loft", tall("hoodie trousers", "folded-shirts folded-jeans", "sneakers boots"), PORTRAIT
    ),
    Scene("shelf-007", "oak", close_up("books@-46 headphones +watch")),
    Scene(
        "shelf-008",
        "white",
        two_shelves("laptop phone watch books", "folded-shirts boots sneakers"),
        extension="png",
    ),
    Scene("shelf-009", "walnut", two_shelves("", "")),
    Scene(
        "shelf-010",
        "brick",
        rail_and_shelf("shirt@-34 trousers tee hoodie@262", "folded-jeans heels sneakers"),
    ),
    Scene("shelf-011", "steel", close_up("desktop +boombox@200*0.8")),
    Scene("棚-012", "oak", two_shelves("book-stack speaker phone smart-watch", "laptop books boombox")),
    Scene(
        "shelf-013",
        "loft",
        two_shelves("boots heels +sneakers@196", "folded-jeans folded-shirts watch"),
        tilt=1.6,
    ),
    Scene(
        "shelf-014",
        "white",
        tall("jeans tee@120", "phone watch phone-back", "book-stack +headphones@120"),
        PORTRAIT,
    ),
    Scene("shelf-015", "walnut", close_up("watch phone speaker"), dim=0.5),
    Scene(
        "shelf-016", "brick", two_shelves("desktop books phone-back", "boombox@-40 laptop sneakers"), tilt=1.4
    ),
    Scene(
        "shelf-017",
        "oak",
        rail_and_shelf("hoodie shorts tee jeans", "watch phone headphones folded-shirts"),
        split="val",
    ),
    Scene(
        "shelf-018",
        "steel",
        two_shelves("books laptop +watch@150 speaker", "sneakers boots heels"),
        split="val",
    ),
    Scene("shelf-019", "white", close_up("boots +sneakers@150*1.1"), split="val"),
    Scene(
        "shelf-020",
        "loft",
        tall("shirt trousers", "book-stack smart-watch phone", "laptop boombox@186"),
        PORTRAIT,
        "val",
    ),
    Scene(
        "shelf-021",
        "brick",
        two_shelves("headphones desktop +phone", "folded-jeans book-stack folded-shirts"),
        split="val",
    ),
    Scene("shelf-022", "walnut", rail_and_shelf("tee trousers shirt", "laptop books phone"), split="test"),
    Scene("shelf-023", "oak", close_up("speaker@-30 laptop +smart-watch"), split="test", tilt=1.5),
    Scene(
        "shelf-024",
        "steel",
        tall("shorts hoodie", "heels sneakers", "speaker watch book-stack"),
        PORTRAIT,
        "test",
    ),
)
