"""The little that the report draws with."""

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from bot.app.report_svg import Scale, kept_apart, picture, tag, words

D = Decimal
PRICES = st.decimals(min_value=D("0.00000001"), max_value=D(200_000), places=8)


def test_a_scale_maps_its_ends_and_its_middle() -> None:
    scale = Scale(D(100), D(200), 300, 20)
    assert [scale.at(value) for value in (100, 150, 200)] == [300, 160, 20]
    assert scale.at(999) == 20  # beyond the end it stays at the end


def test_a_scale_without_any_width_puts_everything_at_its_beginning() -> None:
    assert Scale(D(5), D(5), 0, 100).at(5) == 0
    assert Scale(D(5), D(5), 0, 100).ticks(5) == ()


@given(low=PRICES, span=PRICES, about=st.integers(2, 10))
def test_ticks_lie_inside_the_scale_in_even_steps(low: Decimal, span: Decimal, about: int) -> None:
    scale = Scale(low, low + span, 0, 100)
    ticks = scale.ticks(about)
    assert len(ticks) <= about + 1
    assert all(scale.low <= tick <= scale.high for tick in ticks)
    assert len({after - before for before, after in pairwise(ticks)}) <= 1


@given(st.lists(st.decimals(min_value=0, max_value=300, places=1), max_size=15))
def test_labels_are_kept_apart_and_in_order(places: list[Decimal]) -> None:
    moved = kept_apart(sorted(places), gap=14, top=0, bottom=300)
    assert len(moved) == len(places)
    assert all(after - before >= 14 for before, after in pairwise(moved))
    assert not moved or moved[-1] <= 300


def test_labels_with_room_stay_where_they_are() -> None:
    places = [D(10), D(50), D(90)]
    assert kept_apart(places, gap=14, top=0, bottom=300) == places


def test_what_is_written_into_a_drawing_is_escaped() -> None:
    drawn = picture(10, 10, "<b>", [words(1, 2, 'a < b & "c"'), tag("rect", class_='x" onload="y')])
    assert "<b>" not in drawn
    assert "a &lt; b &amp;" in drawn
    assert 'onload="y"' not in drawn


def test_names_of_attributes_are_written_as_svg_has_them() -> None:
    assert tag("text", "x", class_="axis", text_anchor="end", x=D("1.50")) == (
        '<text class="axis" text-anchor="end" x="1.5">x</text>'
    )
