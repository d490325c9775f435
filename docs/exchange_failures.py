"""The parts of the page about failures at an exchange, from the table and the two maps onto it."""

from collections.abc import Callable, Iterable

from bot.exchange.ccxt_errors import CODES, TEXTS
from bot.exchange.error_taxonomy import TABLE
from bot.exchange.hyperliquid_errors import TEXTS as HYPERLIQUID_TEXTS

SOURCE = "bot/exchange/error_taxonomy.py, ccxt_errors.py and hyperliquid_errors.py"
_AT_ALL = (
    "Nothing else decides what follows a failure. An order is sent once, whatever comes: it is rejected only"
    " where the exchange's own answer proves it, and looked up otherwise."
)
_CIRCUIT = (
    "`Retry-After` is obeyed for all of an exchange, not call by call. An open circuit holds up purchases,"
    " never exits and never a person's decision. Why it is so: [decision 13](../adr/0013-trading-halt.md)."
)
_CODES = (
    "The HTTP status goes first: 418 is a ban, 429 a limit, from 500 on the exchange's own trouble, whatever"
    " the code says. Other `-11xx` codes are `malformed`; any other code is `unrecognised`. `-2015` stays"
    " `auth`, also where the client library calls it something that passes."
)
_WORDS = (
    "Words behind `-1013`, `-2010` and `-2021` that say more than the code; `duplicate order` counts behind"
    " every code:"
)
_HYPERLIQUID = (
    "There are no codes; most refusals come with status 200 and an error inside. Other words are"
    " `unrecognised`."
)
Table = Callable[[Iterable[str], Iterable[Iterable[object]]], str]
"""Makes a Markdown table of a head and rows."""


def parts(table: Table) -> tuple[str, ...]:
    """Return what each failure at an exchange means for a call, and which answers are what."""
    rows = (
        (
            f"`{row.category}`",
            row.words,
            row.read,
            row.submit,
            row.cancel,
            "yes" if row.fails else "",
            row.alarm,
        )
        for row in TABLE
    )
    head = ["Category", "What went wrong", "A read", "An order", "A cancel", "Opens the circuit", "Told"]
    codes = ((f"`{code}`", f"`{kind}`", f"`{why}`" if why else "") for code, (kind, why) in CODES.items())
    binance, hyperliquid = (
        table(
            ["Words", "Category", "Rejects an order as"],
            ((words, f"`{kind}`", f"`{why}`" if why else "") for words, kind, why in texts),
        )
        for texts in (TEXTS, HYPERLIQUID_TEXTS)
    )
    return (
        _AT_ALL,
        table(head, rows),
        _CIRCUIT,
        "## Binance's codes",
        _CODES,
        table(["Code", "Category", "Rejects an order as"], codes),
        _WORDS,
        binance,
        "## Hyperliquid's words",
        _HYPERLIQUID,
        hyperliquid,
    )
