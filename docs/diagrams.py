"""Two drawings as SVG, made from the code: the states with their transitions, and the layers.

Only where a box stands is decided here. Which boxes and arrows there are comes from `bot/lifecycle` and from
the import contracts in `pyproject.toml`; whatever is new there and has no place here is an error.
"""

import tomllib
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from bot.lifecycle.states import MEANING, ActorKind, AssetState
from bot.lifecycle.transitions import EDGES, Edge

REPOSITORY = Path(__file__).resolve().parent.parent
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2733}.small{font-size:11px;fill:#46515e}"
    ".box{fill:#f4f7fa;stroke:#46515e}.hands{fill:#ffe9c7}.pure{fill:#dff1e6}"
    ".edge{fill:none;stroke-width:1.6}.user{stroke:#0b5cad}.bot{stroke:#8a3ab9}"
    ".system{stroke:#46515e;stroke-dasharray:5 4}.label{fill:#fff;stroke:#c9d2dc}"
)


class Point(NamedTuple):
    """A place on the sheet."""

    x: float
    y: float


_WIDTH, _HEIGHT, _COLUMN, _ROW, _LEFT, _TOP = 164, 44, 232, 132, 140, 96
_PLACES: dict[AssetState, tuple[float, float]] = {
    AssetState.FROZEN: (0, 1),
    AssetState.PROPOSAL_PENDING: (1, 1),
    AssetState.RISK_PROPOSED: (2, 1),
    AssetState.PROPOSAL_ABORTED: (0.5, 0),
    AssetState.PROPOSAL_REJECTED: (1.5, 0),
    AssetState.MANAGED_ACTIVE: (3, 1),
    AssetState.MANAGED_PAUSED: (2.5, 2),
    AssetState.MANAGED_DRIFT_ALERT: (3.5, 2),
    AssetState.EXIT_EXECUTED: (4.3, 1),
    AssetState.RELEASE_PENDING: (2, 3),
}
_DETOURS: dict[str, tuple[tuple[float, float], ...]] = {
    "T06": ((1.85, 1), (1.85, 1.45), (0.2, 1.45), (0.2, 1)),
    "T14": ((2, 3), (0, 3), (0, 1)),
    "T15": ((4.5, 1), (4.5, 3.5), (-0.2, 3.5), (-0.2, 1)),
    "T16": ((4.3, 1), (4.3, -0.42), (1, -0.42), (1, 1)),
    "T19": ((2.6, 2), (2.6, 2.5), (4.3, 2.5), (4.3, 1)),
}
"""Where an arrow does not go straight: its corners, in columns and rows; it ends at the boxes' borders."""

_LABEL_AT = {"T03": 0.25, "T12": 0.75, "T18": 0.72}
"""Where on its longest way an arrow has its number, if not in the middle: others cross it there."""
_WHO = {ActorKind.USER: "a person", ActorKind.BOT: "the bot", ActorKind.SYSTEM: "a timed pass"}


def states_svg() -> str:
    """Return the drawing of all states and transitions."""
    parts = [_legend()]
    parts += [_arrow(edge) for edge in EDGES]
    parts += [_label(edge) for edge in EDGES]
    parts += [_state_box(state) for state in AssetState]
    return _sheet(1240, 620, "States of a coin and the steps between them", parts)


def _at(column: float, row: float) -> Point:
    return Point(_LEFT + column * _COLUMN, _TOP + row * _ROW)


def _state_box(state: AssetState) -> str:
    x, y = _at(*_PLACES[state])
    left, top = x - _WIDTH / 2, y - _HEIGHT / 2
    kind = "box hands" if state.value.startswith("managed") or state is AssetState.RELEASE_PENDING else "box"
    return (
        f'<g><title>{escape(MEANING[state])}</title><rect class="{kind}" x="{left:g}" y="{top:g}"'
        f' width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
        f'<text x="{x:g}" y="{y + 5:g}" text-anchor="middle">{state}</text></g>'
    )


def _arrow(edge: Edge) -> str:
    path = " ".join(f"{'L' if number else 'M'}{p.x:g} {p.y:g}" for number, p in enumerate(_line(edge)))
    return (
        f"<g><title>{_told(edge)}</title>"
        f'<path class="edge {edge.actor}" d="{path}" marker-end="url(#{edge.actor}-tip)"/></g>'
    )


def _label(edge: Edge) -> str:
    points = _line(edge)
    middle = (len(points) - 1) // 2
    first, second = points[middle], points[middle + 1]
    part = _LABEL_AT.get(edge.number, 0.5)
    x, y = first.x + (second.x - first.x) * part, first.y + (second.y - first.y) * part
    return (
        f'<g><title>{_told(edge)}</title><rect class="label" x="{x - 17:g}" y="{y - 9:g}" width="34" height="18"'
        f' rx="4"/><text class="small" x="{x:g}" y="{y + 4:g}" text-anchor="middle">{edge.number}</text></g>'
    )


def _told(edge: Edge) -> str:
    return f"{edge.number}: {edge.command}, by {_WHO[edge.actor]}"


def _line(edge: Edge) -> list[Point]:
    """Return the corners of an arrow, from the border of one box to that of the other."""
    source, target = _at(*_PLACES[edge.source]), _at(*_PLACES[edge.target])
    points = [_at(*place) for place in _DETOURS.get(edge.number, ())] or [source, target]
    if any(other.source is edge.target and other.target is edge.source for other in EDGES):
        points = _beside(points)
    return [_border(source, points[0], points[1]), *points[1:-1], _border(target, points[-1], points[-2])]


def _beside(points: list[Point]) -> list[Point]:
    """Move a line to its right, so that two of opposite ways do not cover each other."""
    (x1, y1), (x2, y2) = points[0], points[-1]
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
    aside = Point(-(y2 - y1) / length * 22, (x2 - x1) / length * 22)
    return [Point(p.x + aside.x, p.y + aside.y) for p in points]


def _border(middle: Point, start: Point, towards: Point) -> Point:
    """Return where a line that starts inside the box around a middle leaves it."""
    dx, dy = towards.x - start.x, towards.y - start.y
    reach_x = (middle.x - start.x) / dx + _WIDTH / 2 / abs(dx) if dx else float("inf")
    reach_y = (middle.y - start.y) / dy + _HEIGHT / 2 / abs(dy) if dy else float("inf")
    part = min(reach_x, reach_y)
    return Point(round(start.x + dx * part, 1), round(start.y + dy * part, 1))


def _legend() -> str:
    lines = [
        f'<path class="edge {actor}" d="M{680 + 170 * n} 590 h36" marker-end="url(#{actor}-tip)"/>'
        f'<text x="{728 + 170 * n}" y="595">{_WHO[actor]}</text>'
        for n, actor in enumerate(ActorKind)
    ]
    hands = '<rect class="box hands" x="470" y="579" width="30" height="20" rx="4"/>'
    return "".join(lines) + hands + '<text x="508" y="595">in the bot\'s hands</text>'


# ---- Layers -----------------------------------------------------------------------------------------


class Layer(NamedTuple):
    """One row of the house: its folders, and whether they are pure."""

    folders: tuple[str, ...]
    pure: bool


def contracts() -> list[dict[str, Any]]:
    """Return the import contracts as they stand in `pyproject.toml`."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    listed: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return listed


def layers() -> list[Layer]:
    """Return the rows, the highest first; parts that are a single module are no row."""
    by_id = {contract["id"]: contract for contract in contracts()}
    pure = {module.removeprefix("bot.") for module in by_id["pure"]["source_modules"]}
    rows = [row.split(" | ") for row in by_id["layers"]["layers"] if not row.startswith("(")]
    return [Layer(tuple(row), pure=set(row) <= pure) for row in rows]


def sentence_of(folder: str) -> str:
    """Return the first line of what a folder says about itself."""
    text = (REPOSITORY / "bot" / folder / "__init__.py").read_text(encoding="utf-8")
    return text.split('"""')[1].strip().splitlines()[0]


def layers_svg() -> str:
    """Return the drawing of the folders, the highest at the top."""
    rows = layers()
    parts = list(_layer_boxes(rows))
    height = 40 + len(rows) * 46 + 30
    parts.append(
        f'<text class="small" x="40" y="{height - 16}">An import goes down only. Green: pure, no file, no clock, no network.'
        " Side by side: neither knows the other.</text>"
    )
    return _sheet(900, height, "Layers: imports go down only", parts)


def _layer_boxes(rows: list[Layer]) -> Iterator[str]:
    for number, row in enumerate(rows):
        width = (820 - 12 * (len(row.folders) - 1)) / len(row.folders)
        for place, folder in enumerate(row.folders):
            x, y = 40 + place * (width + 12), 24 + number * 46
            words = sentence_of(folder) if len(row.folders) == 1 else sentence_of(folder).split(". ")[0]
            yield (
                f'<g><title>{escape(sentence_of(folder))}</title><rect class="box{" pure" if row.pure else ""}"'
                f' x="{x:g}" y="{y}" width="{width:g}" height="38" rx="8"/>'
                f'<text x="{x + 14:g}" y="{y + 16}" font-weight="600">{folder}</text>'
                f'<text class="small" x="{x + 14:g}" y="{y + 31}">{escape(_shortened(words, width))}</text></g>'
            )


def _shortened(words: str, width: float) -> str:
    most = int(width / 6)
    return words if len(words) <= most else words[: words.rfind(" ", 0, most)].rstrip(",.:;") + " …"


def _sheet(width: int, height: int, title: str, parts: list[str]) -> str:
    tips = "".join(
        f'<marker id="{actor}-tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8"'
        f' orient="auto"><path d="M0 0L8 4L0 8z" fill="{colour}"/></marker>'
        for actor, colour in (("user", "#0b5cad"), ("bot", "#8a3ab9"), ("system", "#46515e"))
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">',
            "<!-- Generated by docs/diagrams.py; run `make docs`. -->",
            f"<title>{title}</title><style>{_STYLE}</style><defs>{tips}</defs>",
            f'<rect width="{width}" height="{height}" fill="#fff"/>',
            *parts,
            "</svg>",
            "",
        ]
    )
