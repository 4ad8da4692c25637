"""The report in a real browser, offline: it draws, filters, sorts, enlarges and asks the network for nothing.

The fixture `browser` of conftest.py says what that needs, `open_file` what is watched.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import annotools


def noise(seed: int) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)
    output = BytesIO()
    Image.fromarray(pixels).save(output, "PNG")
    return output.getvalue()


HOSTILE = '<img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, make_tree: Any) -> Path:
    """12 images of four classes, some with findings, in two splits, and an older version."""
    folder = tmp_path_factory.mktemp("report")
    names = ("手机", "cup", HOSTILE.replace("<", "&lt;").replace(">", "&gt;"), "watch")
    for root, shift in ((folder / "old", 0), (folder / "new", 1)):
        tree = make_tree(root)
        for number in range(12):
            objects = [(names[(number + k) % 4], 5 + k + shift, 5, 30 + k, 30) for k in range(number % 5)]
            if number == 7:
                objects.append(("cup", 20, 20, 20, 30))
            if number == 8:
                objects.append(("cup", 20, 20, 90, 30))
            tree.add(f"图{number:02}", objects, image=noise(number), extension=".png")
        twin = noise(3)
        tree.add("twin", image=twin, extension=".png")
        tree.lists(train=[f"图{number:02}" for number in range(6)], val=["图06", "图07", "twin"])
    annotools.report(folder / "new", folder / "report.html", against=folder / "old")
    return folder / "report.html"


@pytest.fixture
def opened(open_file: Callable[..., Any], report: Path) -> Callable[..., Any]:
    """Opens the report."""
    return functools.partial(open_file, report)


def shown(page: Any) -> list[str]:
    found: list[str] = page.eval_on_selector_all(
        ".card", "cards => cards.filter(card => !card.hidden).map(card => card.dataset.id)"
    )
    return found


def test_charts_are_drawn_and_say_what_to_look_for(opened: Callable[..., Any]) -> None:
    page = opened()
    figures = page.query_selector_all("#charts figure")
    assert len(figures) >= 8
    for figure in figures:
        assert figure.query_selector("svg[role=img] title").text_content().strip()
        assert "Look for:" in figure.query_selector("figcaption").inner_text()
        box = figure.query_selector("svg").bounding_box()
        assert box["width"] > 250
        assert box["height"] > 30
    assert page.title() != "1"  # nothing of the class name that is markup was executed
    assert page.locator("#classes-table tbody td").filter(has_text=HOSTILE).count() == 1
    assert page.evaluate("[...document.images].every(image => image.loading === 'lazy')")


def test_pictures_are_filtered_and_sorted(opened: Callable[..., Any]) -> None:
    page = opened()
    every = shown(page)
    assert len(every) == 13
    page.select_option("#filter [name=rule]", "box-zero-area")
    assert shown(page) == ["图07"]
    assert page.inner_text("#shown") == "1 shown"
    page.select_option("#filter [name=rule]", "")
    page.select_option("#filter [name=split]", "val")
    assert shown(page) == ["twin", "图06", "图07"]
    page.select_option("#filter [name=split]", "")
    page.select_option("#filter [name=class]", label="手机")
    assert 0 < len(shown(page)) < 13
    page.select_option("#filter [name=class]", "")
    page.select_option("#filter [name=sort]", "boxes")
    counts = page.eval_on_selector_all(".card", "cards => cards.map(card => Number(card.dataset.boxes))")
    assert counts == sorted(counts, reverse=True)
    page.select_option("#filter [name=sort]", "place")
    assert shown(page) == every
    page.click("#rule-box-outside-image .only")
    assert shown(page) == ["图08"]


def test_a_picture_is_enlarged_and_keys_go_on(opened: Callable[..., Any]) -> None:
    page = opened()
    order = shown(page)
    page.click(f"[data-id='{order[3]}'] .open")
    assert page.inner_text("#title") == order[3]
    page.keyboard.press("ArrowRight")
    assert page.inner_text("#title") == order[4]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    assert page.inner_text("#title") == order[2]
    page.keyboard.press("Escape")
    assert not page.evaluate("document.getElementById('dialog').open")
    assert page.evaluate("document.activeElement.closest('.card').dataset.id") == order[2]
    page.keyboard.press("Enter")
    assert page.inner_text("#title") == order[2]
    page.keyboard.press("Escape")

    page.click("[data-id='图07'] .open")
    assert page.inner_text("#side tbody tr:last-child").split() == ["cup", "20", "20", "20", "30", "27"]
    whole = page.get_attribute("#canvas svg", "viewBox")
    page.click("#side li[data-object] dl")
    near = [float(number) for number in page.get_attribute("#canvas svg", "viewBox").split()]
    assert whole == "0 0 60 40"
    assert near[0] + near[2] / 2 == 20
    assert near[2] < 60
    assert page.locator("#canvas text").first.text_content() == "watch"


def test_findings_are_listed_searched_and_sorted(opened: Callable[..., Any]) -> None:
    page = opened()
    rows = page.locator("#table tbody tr")
    total = rows.count()
    assert total >= 4
    page.fill("#search [name=text]", "more than 0")
    assert rows.count() == 1
    assert "图07.xml:27" in rows.first.inner_text()
    assert "--fix drop-zero-area" in rows.first.inner_text()
    rows.first.locator("button").click()
    assert page.inner_text("#title") == "图07"
    page.keyboard.press("Escape")
    page.fill("#search [name=text]", "")
    page.click("#table [data-column='2']")
    places = page.eval_on_selector_all("#table tbody .path", "cells => cells.map(cell => cell.textContent)")
    assert [place.rpartition(":")[0] or place for place in places] == sorted(
        place.rpartition(":")[0] or place for place in places
    )
    assert page.get_attribute("#table th:nth-child(3)", "aria-sort") == "ascending"
    page.click("#table [data-column='2']")
    assert page.get_attribute("#table th:nth-child(3)", "aria-sort") == "descending"
    page.click(".sortable th:nth-child(2) button")
    objects = page.eval_on_selector_all(
        ".sortable tbody tr", "rows => rows.map(row => Number(row.cells[1].dataset.value))"
    )
    assert objects == sorted(objects, reverse=True)


def test_dark_and_light(opened: Callable[..., Any]) -> None:
    def paper(page: Any) -> int:
        color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(int(part) for part in color.strip("rgb()").split(","))

    light, dark = opened(), opened(scheme="dark")
    assert paper(light) > 700
    assert paper(dark) < 150
    dark.click("#theme")
    assert paper(dark) > 700
    dark.click("#theme")
    assert paper(dark) < 150


def test_a_phone_scrolls_in_one_direction(opened: Callable[..., Any]) -> None:
    page = opened(width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click(".card .open")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.query_selector("#dialog").bounding_box()["width"] <= 390


def test_what_changed_is_shown(opened: Callable[..., Any]) -> None:
    page = opened()
    text = page.inner_text("#changes")
    assert "images are the same" in text
    assert "moved: 手机: 5 5 30 30 is now 6 5 30 30" in text
    assert page.locator("#changes .ring").count() > 4


def test_chinese_names_have_glyphs(opened: Callable[..., Any]) -> None:
    """Two characters of one width look different; without a font both are the same empty box."""
    page = opened()
    drawn = page.evaluate(
        """() => ["手", "机"].map(text => {
            const canvas = document.createElement("canvas");
            canvas.width = canvas.height = 40;
            const context = canvas.getContext("2d");
            context.font = `30px ${getComputedStyle(document.body).fontFamily}`;
            context.fillText(text, 2, 32);
            return canvas.toDataURL();
        })"""
    )
    if drawn[0] == drawn[1] and os.environ.get("ANNOTOOLS_BROWSER") != "required":
        pytest.skip("no font with Chinese characters (apt install fonts-wqy-microhei)")
    assert drawn[0] != drawn[1]
