"""The two drawings of the documentation show what the code has, and nothing hides anything."""

import itertools
import re
from xml.etree.ElementTree import Element, fromstring

from bot.lifecycle.states import AssetState
from bot.lifecycle.transitions import EDGES
from docs.diagrams import layers, layers_svg, states_svg
from tests.architecture.source_tree import REPOSITORY

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [(element.text or "").strip() for element in parsed(svg).iter(f"{SVG}text")]


def parsed(svg: str) -> Element:
    return fromstring(svg)  # noqa: S314 - our own text, made a moment ago


def boxes(svg: str, kind: str) -> list[tuple[float, float, float, float]]:
    """Return left, top, right and bottom of all boxes of a kind."""
    found = [box for box in parsed(svg).iter(f"{SVG}rect") if kind in (box.get("class") or "").split()]
    sides = [[float(box.get(name) or 0) for name in ("x", "y", "width", "height")] for box in found]
    return [(x, y, x + width, y + height) for x, y, width, height in sides]


def overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_every_state_and_every_transition_is_drawn_once() -> None:
    drawn = texts(states_svg())
    assert sorted(name for name in drawn if name in set(AssetState)) == sorted(AssetState)
    assert sorted(name for name in drawn if re.fullmatch(r"T\d\d", name)) == [e.number for e in EDGES]


def test_each_arrow_says_who_and_by_which_command() -> None:
    titles = {(title.text or "") for title in parsed(states_svg()).iter(f"{SVG}title")}
    for edge in EDGES:
        assert any(title.startswith(f"{edge.number}: {edge.command}, by ") for title in titles)


def test_no_box_and_no_label_covers_another() -> None:
    drawn = boxes(states_svg(), "box") + boxes(states_svg(), "label")
    assert len(drawn) == len(AssetState) + 1 + len(EDGES)  # the legend has one
    assert [pair for pair in itertools.combinations(drawn, 2) if overlap(*pair)] == []
    assert [pair for pair in itertools.combinations(boxes(layers_svg(), "box"), 2) if overlap(*pair)] == []


def test_everything_lies_on_the_sheet() -> None:
    for svg in (states_svg(), layers_svg()):
        _, _, width, height = map(float, (parsed(svg).get("viewBox") or "").split())
        for left, top, right, bottom in boxes(svg, "box"):
            assert 0 <= left < right <= width
            assert 0 <= top < bottom <= height


def test_every_folder_of_the_program_is_a_box_and_stands_in_its_row() -> None:
    folders = {path.parent.name for path in (REPOSITORY / "bot").glob("*/__init__.py")}
    assert {folder for layer in layers() for folder in layer.folders} == folders
    assert folders <= set(texts(layers_svg()))
    assert [layer.pure for layer in layers()] == sorted(layer.pure for layer in layers())
