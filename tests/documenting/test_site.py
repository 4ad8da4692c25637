"""The site of `make docs` in a real browser, from file://: no server, no network, search in two scripts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
PAGES = ("index", "sixty-seconds", "coordinates", "cli", "api", "faq", "rules", "zh/tutorial")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with --strict: a broken link, a page outside the menu or an unknown name is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def opened(open_file: Callable[..., Any], site: Path) -> Callable[..., Any]:
    """Opens a page by its name."""
    return lambda name, **look: open_file(site / f"{name}.html", **look)


def test_site_asks_for_nothing_outside(site: Path) -> None:
    """Without a browser too: no script, style, font or picture of another host."""
    foreign = re.compile(r"""(?:src|<link[^>]+href)=["']?https?://""")
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    assert [page.name for page in pages if foreign.search(page.read_text(encoding="utf-8"))] == []


def test_pages_open_and_fit_a_phone(opened: Callable[..., Any]) -> None:
    for name in PAGES:
        page = opened(name, width=390, scheme="dark")
        assert page.query_selector("h1").inner_text().strip()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, name
        broken = page.eval_on_selector_all("img", "all => all.filter(i => !i.naturalWidth).map(i => i.src)")
        assert broken == [], name


@pytest.mark.parametrize(
    ("words", "found"),
    [("orientation", "Convert"), ("box-outside-image", "The rules"), ("数据增强", "教程"), ("锚框", "教程")],
)
def test_search_finds(words: str, found: str, opened: Callable[..., Any]) -> None:
    page = opened("index")
    page.focus("input.md-search__input")
    page.keyboard.type(words)
    page.keyboard.press("End")  # the field listens to keyup, which characters that no key has do not send
    page.wait_for_selector(".md-search-result__item")
    titles = page.eval_on_selector_all(".md-search-result__item h1", "all => all.map(h => h.innerText)")
    assert any(found in title for title in titles), titles
    page.wait_for_timeout(300)


def test_wide_page_in_both_schemes(opened: Callable[..., Any]) -> None:
    for name, scheme in (("index", "light"), ("comparison", "light"), ("api", "dark"), ("zh/index", "light")):
        page = opened(name, scheme=scheme)
        assert page.query_selector("nav.md-nav--primary") is not None
        assert page.evaluate("document.body.dataset.mdColorScheme") == (
            "slate" if scheme == "dark" else "default"
        )
