"""How old something is, in words; what is older than its limit is marked STALE (rule 4)."""

_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400


def age_words(seconds: float) -> str:
    """Return an age as people say it: `12 s`, `3 min`, `5 h`, `2 d`; always rounded down."""
    if seconds < 2 * _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR_S:
        return f"{seconds // _MINUTE_S:.0f} min"
    if seconds < 2 * _DAY_S:
        return f"{seconds // _HOUR_S:.0f} h"
    return f"{seconds // _DAY_S:.0f} d"


def aged(seconds: float, limit_s: float) -> str:
    """Return `12 s ago`, with STALE behind it where that is above the limit."""
    return f"{age_words(seconds)} ago{' STALE' if seconds > limit_s else ''}"
