"""Writing a proposal's report: read what it needs, render, put it in place as a whole.

A report is only for people: nothing reads it, and whatever goes wrong with it concerns nobody but who asked.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bot.app.core import HomeContext
from bot.app.report_page import render_report
from bot.kernel.errors import BotError
from bot.kernel.market import Candle, OrderBook
from bot.proposals.inputs import InputKind
from bot.storage.proposal_reader import read_input
from bot.storage.proposal_report import report_path, write_report_file

T = TypeVar("T")


def write_report(context: HomeContext, document: Mapping[str, Any], output: Path | None = None) -> Path:
    """Write the report and return where it is.

    Args:
        context: The home.
        document: The proposal.
        output: Another place than `risk_proposals/reports/<id>.html`; a file there is replaced.

    Raises:
        StateWriteError: It could not be written; what was there is as it was.
    """
    page = render_report(
        document,
        daily=_kept(context, document, InputKind.CANDLES_DAILY, tuple[Candle, ...]),
        book=_kept(context, document, InputKind.ORDER_BOOK, OrderBook),
    )
    path = output if output is not None else report_path(context.home, str(document["proposal_id"]))
    write_report_file(path, page)
    return path


def _kept(
    context: HomeContext, document: Mapping[str, Any], kind: InputKind, content_type: type[T]
) -> T | None:
    """Return a kept input, or None: the report says that it is not there."""
    for record in document["inputs"]:
        if record["source"] == kind.value:
            try:
                return msgspec.json.decode(read_input(context.home, record["sha256"]), type=content_type)
            except (BotError, msgspec.MsgspecError):
                return None  # bot proposals verify tells what is wrong with it
    return None
