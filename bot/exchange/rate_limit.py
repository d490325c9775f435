"""The error of a rate limit: unavailable, with the time after which asking again is welcome."""

from bot.kernel.errors import ExchangeUnavailableError


class RateLimitedError(ExchangeUnavailableError):
    """The exchange asks for patience; asking again too early prolongs a ban."""

    category = "rate_limit"

    def __init__(self, what: str, *, why: str, retry_after_s: float | None) -> None:
        """Keep when to come back; None where the exchange did not tell."""
        super().__init__(what, why=why)
        self.retry_after_s = retry_after_s
