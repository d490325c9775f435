"""When an agreed exit is due: the stop first, then the target, by the last traded price."""

from decimal import Decimal

from bot.lifecycle.documents import ExitReason


def due_exit(
    *, last: Decimal, stop_loss: Decimal, take_profit: Decimal, forced: bool = False
) -> ExitReason | None:
    """Return why to sell now, or None.

    A price at the level counts as reached. Prices are quote units per coin.
    """
    if forced:
        return ExitReason.FORCE_EXIT
    if last <= stop_loss:
        return ExitReason.STOP_LOSS
    if last >= take_profit:
        return ExitReason.TAKE_PROFIT
    return None
