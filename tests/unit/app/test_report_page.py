"""The report: the same numbers as the screen and the document, one file, nothing from elsewhere."""

import io
import re
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
from rich.console import Console

from bot.app.proposal_figures import NOTHING, figures, shown_paths, written
from bot.app.proposal_paths import Leaf, leaves_of
from bot.app.report_page import render_report
from bot.app.report_price_chart import CANDLES_SHOWN, levels_of, price_chart
from bot.app.report_small_charts import depth_chart, histogram
from bot.cli.proposal_screen import print_proposal
from bot.cli.screen import Screen
from bot.kernel.money import text
from bot.proposals.facts import ProposalFacts
from tests.unit.app.proposal_pages import document_of, full_facts

D = Decimal
VARIANTS = ("recommended", "conservative", "aggressive")


class Numbers(HTMLParser):
    """Gathers what a page shows: path, exact value and text of every number; tags and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: tuple[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append((tag, named))
        if "data-path" in named:
            self._open = (str(named["data-path"]), str(named["value"]))

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.found.append((*self._open, data))
            self._open = None


def page_of(document: dict[str, Any], given: ProposalFacts | None = None) -> str:
    told = given or full_facts()
    return render_report(document, daily=told.daily, book=told.book)


def read(page: str) -> Numbers:
    parser = Numbers()
    parser.feed(page)
    return parser


def screen_of(document: dict[str, Any]) -> str:
    screen = Screen(as_json=False)
    screen.out = Console(file=io.StringIO(), width=10_000, highlight=False, markup=False, color_system=None)
    print_proposal(screen, document, "waits for a decision")
    stream = screen.out.file
    assert isinstance(stream, io.StringIO)
    return stream.getvalue()


def is_same(shown: str, value: Leaf) -> bool:
    """Say whether a text stands for a value: the same number, as exactly as it is shown."""
    if not isinstance(value, Decimal | int):
        return shown == ("-" if value is None else value)
    number = D(shown.replace(",", ""))
    return number == D(value).quantize(number)


@pytest.mark.parametrize("language", ["en", "de"])
def test_screen_report_and_document_show_the_same_numbers(language: str) -> None:
    document = document_of(language=language)
    leaves, on_page, on_screen = leaves_of(document), read(page_of(document)), screen_of(document)
    told = {path: (exact, shown) for path, exact, shown in on_page.found}
    assert len(told) > 60
    for path, (exact, shown) in told.items():
        assert exact == str(leaves[path]), path
        assert is_same(shown, leaves[path]), path
    must = shown_paths(document)
    assert set(must) <= set(told)
    words = re.findall(r"[A-Z]+|[\d,]*\d(?:\.\d+)?|-", on_screen)  # a stop's percent has its sign before it
    said = {path: figures(document)[path].removeprefix("-") or NOTHING for path in must}
    assert {path: shown for path, shown in said.items() if shown not in words} == {}


def test_every_figure_that_is_written_stands_for_its_value() -> None:
    for path, value in leaves_of(document_of()).items():
        if isinstance(value, Decimal | int) and not isinstance(value, bool):
            assert is_same(written(path, value), value), path


def test_each_variant_stands_in_its_own_row_of_the_screen() -> None:
    document = document_of()
    lines = screen_of(document).splitlines()
    leaves = leaves_of(document)
    for variant in VARIANTS:
        plan, rehearsed = [line for line in lines if line.startswith(variant)][:2]
        assert text(D(str(leaves[f"variants.{variant}.stop_loss"]))) in plan
        assert f"{leaves[f'rehearsal.variants.{variant}.stop_hit_pct']} %" in rehearsed
        assert f"{leaves[f'rehearsal.variants.{variant}.sample_size']} (" in rehearsed


def test_a_report_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    page = page_of(document_of())
    parser = read(page)
    assert {tag for tag, _ in parser.tags} & {"script", "link", "img", "iframe", "object", "base"} == set()
    loading = ("src", "href", "srcset", "action", "data", "poster")
    assert [named for _, named in parser.tags if set(named) & set(loading)] == []
    assert [named for _, named in parser.tags if any(name.startswith("on") for name in named)] == []
    assert re.findall(r"(?:https?:)?//[\w.]+", page.replace("http://www.w3.org/2000/svg", "")) == []
    assert "url(" not in page
    assert "default-src 'none'" in page


def test_what_comes_from_outside_is_shown_as_text() -> None:
    document = document_of()
    document["confidence"]["explanation"] = "<script>alert(1)</script> & more"
    document["context_warnings"]["notes"] = [{"code": "x", "sentence": "<img src=x onerror=y>"}]
    page = page_of(document)
    assert "<script>" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in page


def test_the_same_proposal_gives_the_same_bytes() -> None:
    assert page_of(document_of()) == page_of(document_of())


def test_every_warning_and_every_reason_of_a_no_stands_in_the_report() -> None:
    document = document_of()
    refused = document["alternative_proposals"][1]
    refused |= {"allowed": False, "not_allowed": {"code": "stop_too_close", "sentence": "Too near."}}
    page = page_of(document)
    for note in (*document["context_warnings"]["notes"], *document["rehearsal"]["warnings"]):
        assert note["sentence"].split("'")[0] in page
    assert "aggressive: Too near." in page
    assert "aggressive (not allowed)" in page


def test_a_report_of_inputs_that_are_gone_says_so_and_shows_the_rest() -> None:
    page = render_report(document_of(), daily=None, book=None)
    assert page.count('class="absent"') == 2
    assert len(read(page).found) == len(read(page_of(document_of())).found)


def test_a_proposal_of_the_first_risk_model_has_a_report_without_a_rehearsal() -> None:
    document = document_of()
    del document["rehearsal"]
    assert "would have fared" not in page_of(document)
    assert "rehearsed" not in screen_of(document)


# ---- drawings -------------------------------------------------------------------------------------


def test_the_chart_draws_every_level_at_its_price_and_every_candle_once() -> None:
    given, document = full_facts(), document_of()
    drawn = price_chart(document, given.daily)
    levels = levels_of(document)
    assert len(levels) >= 7
    places = [D(y) for y in re.findall(r'y1="([\d.]+)"[^>]*class="level', drawn)]
    assert len(places) == len(levels)
    assert places == sorted(places)  # the highest price first, and page places grow downwards
    assert len(set(places)) == len({level.price for level in levels})
    for level in levels:
        assert f"{text(level.price)} {level.label}" in drawn
    assert len(re.findall("<rect ", drawn)) == CANDLES_SHOWN


def test_the_candle_that_was_still_running_is_not_drawn() -> None:
    given, document = full_facts(), document_of()
    short = given.daily[-20:]  # the last one is still running at the time of the proposal
    page = render_report(document, daily=short, book=None)
    assert "19 daily candles" in page


def test_a_coin_with_a_short_history_has_a_chart_of_what_there_is() -> None:
    given = full_facts()
    assert len(re.findall("<rect ", price_chart(document_of(), given.daily[-30:]))) == 30


def test_a_histogram_has_a_bar_for_each_bin_and_the_highest_reaches_the_top() -> None:
    for one in document_of()["rehearsal"]["variants"]:
        drawn = histogram(one)
        heights = [D(height) for height in re.findall(r'height="([\d.]+)" class="(?:loss|gain)"', drawn)]
        assert len(heights) == len(one["distribution"])
        counts = [int(part["count"]) for part in one["distribution"]]
        assert heights.index(max(heights)) == counts.index(max(counts))
        assert sum(counts) == one["sample_size"]
        assert f"median {text(D(one['median_result_pct']))} %" in drawn


def test_the_book_is_drawn_on_both_sides_of_the_middle() -> None:
    drawn = depth_chart(full_facts().book, quantity=D(10), asset="SOL")
    sides = re.findall(r'<polygon points="([^"]+)" class="(bids|asks)"', drawn)
    assert [side for _, side in sides] == ["bids", "asks"]
    middle = D(sides[0][0].split(",")[0])
    bids, asks = ([D(point.split(",")[0]) for point in points.split()] for points, _ in sides)
    assert max(bids) == middle == min(asks)
    assert "10 SOL to hand over" in drawn
