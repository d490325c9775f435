"""Every sentence of a proposal, in each language; the figures come from the measurements.

A template names its figures; `say` fills them in. English is complete by definition, and a test holds
the other languages to the same keys and the same figures.
"""

from decimal import Decimal

from bot.kernel.money import text

LANGUAGES = ("en", "de")

_ENGLISH = {
    # ---- aborts ----------------------------------------------------------------------------------
    "model_version_missing": "The risk model has no version, so nothing may be proposed (SR-11).",
    "blacklisted": "{asset} is on the blacklist.",
    "stablecoin": "{asset} is a stablecoin or a currency: there is no trend to trade.",
    "stablecoin_by_price": (
        "{asset} behaves like a stablecoin: price {price}, daily volatility {volatility} %."
    ),
    "balance_unknown": "The exchange did not tell how much {asset} the wallet holds; unknown is not zero.",
    "no_balance": "The wallet holds no {asset}.",
    "market_inactive": "The market {symbol} is not open for trading at {venue}.",
    "book_empty": "The order book of {symbol} has {bids} bids and {asks} asks.",
    "price_missing": "The last price of {symbol} is {price}.",
    "history_too_short": "{symbol} has {bars} closed daily candles, at least {needed} are needed.",
    "history_too_old": (
        "The newest closed daily candle of {symbol} is {days} days old, {allowed} are allowed."
    ),
    "market_is_flat": "{symbol} did not move in {bars} days: there is no risk to measure.",
    "nothing_fits": "No variant of {quantity} {asset} can be carried out: {reasons}",
    "strategy_not_allowed": "The strategy group {group} is not on the allow-list (SR-14).",
    # ---- why a variant is not allowed ------------------------------------------------------------
    "variant_not_allowed": "The {variant} variant is switched off in {environment} (Q-MH-13).",
    "price_out_of_filters": "Stop {stop} or target {target} lies outside the exchange's price filter.",
    "quantity_too_small": "The quantity {quantity} {asset} is below the exchange's minimum of {minimum}.",
    "notional_too_small": (
        "At the stop the quantity is worth {value} USDT, below the exchange's minimum of {minimum}."
    ),
    "stop_too_close": (
        "The stop {stop} is not {minimum} % away from entry {entry} and reference {reference} (M3)."
    ),
    # ---- notes -----------------------------------------------------------------------------------
    "short_history": "Only {bars} daily candles; indicators settle after {full}.",
    "wide_spread": "The spread is {spread} % of the price.",
    "book_too_thin": "The bids hold {bid_quantity} {asset}, fewer than the {quantity} to be sold.",
    "pegged": "{asset} follows the price of another asset; its levels are that asset's levels.",
    "concentration": "{asset} is {share} % of the portfolio, above {cap} %.",
    "correlated": "{symbol} moves with {other}, which is managed already: rho {rho} over {days} days.",
    "circuit_breaker": (
        "The circuit breaker is {state}: it blocks buys, never an approval or an exit (B-OUTAGE)."
    ),
    "above_investable": (
        "The allocation of {allocation} USDT is above the investable capital of {capital} USDT, which "
        "caps buys only (M4)."
    ),
    "less_than_requested": "Of the {asked} {asset} asked for the wallet holds {held}.",
    "strategy_fallback": "{wished} may not be recommended; {group} takes its place (M5, SR-14).",
    "entry_fell_back": "There is nothing to compute a {method} entry from; the current price is used.",
    "deposits_without_price": (
        "{quantity} {asset} came in without a trade, so without a price; the cost covers {covered}."
    ),
    "fees_not_counted": "Fees of {amount} {asset} have no price in the trades and are not counted.",
    "regime_mismatch": "{group} in a {regime} market: {compatibility}.",
    # ---- null fields -----------------------------------------------------------------------------
    "no_support": "no swing below the price within {bars} days",
    "no_resistance": "no swing above the price within {bars} days",
    # ---- rehearsal -------------------------------------------------------------------------------
    "rehearsal_impossible": (
        "No rehearsal: {bars} closed daily candles are too few, a plan needs {warm_up} before it and "
        "{horizon} after."
    ),
    "rehearsal_small_sample": (
        "Small sample: the {samples} days of the {variant} plan overlap and count like {independent} "
        "independent ones, fewer than {needed}."
    ),
    "rehearsal_overlaps": (
        "The rehearsed days overlap: {samples} of the {variant} plan count like {independent} independent "
        "ones."
    ),
    "rehearsal_short_history": (
        "Short history: {bars} daily candles have hardly seen a whole bull and bear market ({full})."
    ),
    "rehearsal_regime_differs": (
        "Only {share} % of the rehearsed days had today's {regime} market; the rest tells of other times."
    ),
    "rehearsal_gaps": "{days} days are missing between the daily candles; a plan ran across them.",
    # ---- entry price -----------------------------------------------------------------------------
    "entry_current_price": "last price at {venue}",
    "entry_manual": "given by the operator",
    "entry_vwap": "volume-weighted average of {rows} hourly candles",
    "entry_cost_basis": "average cost of the account's own {rows} trades in {symbol}, fees included",
    # ---- strategy --------------------------------------------------------------------------------
    "rationale_t1": (
        "{asset} moves {volatility} % a day, sells at {cost} bps below mid, 24 h volume {volume} million "
        "USDT, spread {spread} %: a market for the core strategy."
    ),
    "rationale_t2": (
        "{asset} moves {volatility} % a day and trades {surge} times its usual volume: a pump or its "
        "aftermath."
    ),
    "rationale_plain": "{asset} under {group}: {volatility} % a day, spread {spread} %.",
    # ---- confidence ------------------------------------------------------------------------------
    "explain_market": (
        "{regime} market (confidence {regime_confidence}): {drawdown} % below its {bars}-day high, daily "
        "volatility {volatility} %, {turbulence} times its long-run value."
    ),
    "explain_liquidity": "Selling all {quantity} {asset} now would cost {cost} bps.",
    "explain_thin": "The order book could not take all {quantity} {asset}.",
    "explain_plan": (
        "The recommended plan risks {loss} USDT ({stop_pct} %) for a chance of {target_pct} %, "
        "{rr} times the risk."
    ),
    "explain_rehearsal": (
        "Begun on each of {samples} past days, this plan met its stop {stop} % and its target {target} % of "
        "the time; the median result was {median} %, the worst {worst} %."
    ),
    "explain_weakest": "Weakest part: {part} ({score} of 1).",
    "part_history": "history",
    "part_liquidity": "liquidity",
    "part_regime": "the regime and how the strategy fits it",
    "part_reward_to_risk": "reward to risk",
    "part_calm": "calm",
}

_GERMAN = {
    "model_version_missing": "Das Risikomodell hat keine Version, also wird nichts vorgeschlagen (SR-11).",
    "blacklisted": "{asset} steht auf der Sperrliste.",
    "stablecoin": "{asset} ist ein Stablecoin oder eine Währung: es gibt keinen Trend zu handeln.",
    "stablecoin_by_price": (
        "{asset} verhält sich wie ein Stablecoin: Kurs {price}, Tagesschwankung {volatility} %."
    ),
    "balance_unknown": "Die Börse sagte nicht, wie viel {asset} da ist; unbekannt ist nicht null.",
    "no_balance": "Im Wallet liegt kein {asset}.",
    "market_inactive": "Der Markt {symbol} ist bei {venue} nicht für den Handel geöffnet.",
    "book_empty": "Das Orderbuch von {symbol} hat {bids} Kauf- und {asks} Verkaufsgebote.",
    "price_missing": "Der letzte Kurs von {symbol} ist {price}.",
    "history_too_short": "{symbol} hat {bars} geschlossene Tageskerzen, mindestens {needed} sind nötig.",
    "history_too_old": (
        "Die jüngste geschlossene Tageskerze von {symbol} ist {days} Tage alt, erlaubt sind {allowed}."
    ),
    "market_is_flat": "{symbol} bewegte sich {bars} Tage lang nicht: es gibt kein Risiko zu messen.",
    "nothing_fits": "Keine Variante für {quantity} {asset} ist ausführbar: {reasons}",
    "strategy_not_allowed": "Die Strategiegruppe {group} steht nicht auf der Erlaubnisliste (SR-14).",
    "variant_not_allowed": "Die Variante {variant} ist in {environment} abgeschaltet (Q-MH-13).",
    "price_out_of_filters": "Stop {stop} oder Ziel {target} liegt außerhalb des Kursfilters der Börse.",
    "quantity_too_small": "Die Menge {quantity} {asset} liegt unter dem Mindestmaß der Börse, {minimum}.",
    "notional_too_small": (
        "Am Stop ist die Menge {value} USDT wert, weniger als das Mindestmaß der Börse, {minimum}."
    ),
    "stop_too_close": (
        "Der Stop {stop} liegt nicht {minimum} % von Einstieg {entry} und Referenz {reference} entfernt (M3)."
    ),
    "short_history": "Nur {bars} Tageskerzen; die Indikatoren sind nach {full} eingeschwungen.",
    "wide_spread": "Die Geld-Brief-Spanne beträgt {spread} % des Kurses.",
    "book_too_thin": "Die Kaufgebote nehmen {bid_quantity} {asset} auf, weniger als die {quantity}.",
    "pegged": "{asset} folgt dem Kurs eines anderen Werts; seine Marken sind dessen Marken.",
    "concentration": "{asset} macht {share} % des Portfolios aus, mehr als {cap} %.",
    "correlated": "{symbol} läuft mit {other}, das schon verwaltet wird: rho {rho} über {days} Tage.",
    "circuit_breaker": (
        "Der Schutzschalter steht auf {state}: er sperrt Käufe, nie Freigabe oder Ausstieg (B-OUTAGE)."
    ),
    "above_investable": (
        "Die Zuteilung von {allocation} USDT liegt über dem investierbaren Kapital von {capital} USDT, das "
        "nur Käufe begrenzt (M4)."
    ),
    "less_than_requested": "Von den verlangten {asked} {asset} liegen {held} im Wallet.",
    "strategy_fallback": "{wished} darf nicht empfohlen werden; {group} tritt an die Stelle (M5, SR-14).",
    "entry_fell_back": "Für einen Einstieg nach {method} fehlen die Daten; es gilt der aktuelle Kurs.",
    "deposits_without_price": (
        "{quantity} {asset} kamen ohne Handel und damit ohne Preis; die Kosten decken {covered} ab."
    ),
    "fees_not_counted": "Gebühren von {amount} {asset} haben in den Trades keinen Preis und zählen nicht.",
    "regime_mismatch": "{group} in einem {regime}-Markt: {compatibility}.",
    "no_support": "kein Wendepunkt unter dem Kurs in {bars} Tagen",
    "no_resistance": "kein Wendepunkt über dem Kurs in {bars} Tagen",
    "rehearsal_impossible": (
        "Keine Probe: {bars} geschlossene Tageskerzen sind zu wenige, ein Plan braucht {warm_up} davor und "
        "{horizon} danach."
    ),
    "rehearsal_small_sample": (
        "Kleine Stichprobe: die {samples} Tage der Variante {variant} überlappen sich und zählen wie "
        "{independent} unabhängige, weniger als {needed}."
    ),
    "rehearsal_overlaps": (
        "Die geprobten Tage überlappen sich: {samples} der Variante {variant} zählen wie {independent} "
        "unabhängige."
    ),
    "rehearsal_short_history": (
        "Kurze Historie: {bars} Tageskerzen haben kaum einen ganzen Auf- und Abschwung gesehen ({full})."
    ),
    "rehearsal_regime_differs": (
        "Nur {share} % der geprobten Tage hatten den heutigen {regime}-Markt; der Rest erzählt von anderen "
        "Zeiten."
    ),
    "rehearsal_gaps": "Zwischen den Tageskerzen fehlen {days} Tage; ein Plan lief darüber hinweg.",
    "entry_current_price": "letzter Kurs bei {venue}",
    "entry_manual": "vom Betreiber angegeben",
    "entry_vwap": "volumengewichteter Durchschnitt aus {rows} Stundenkerzen",
    "entry_cost_basis": "Durchschnittskosten der eigenen {rows} Trades in {symbol}, mit Gebühren",
    "rationale_t1": (
        "{asset} schwankt {volatility} % am Tag, verkauft sich {cost} bps unter der Mitte, 24-h-Umsatz "
        "{volume} Millionen USDT, Spanne {spread} %: ein Markt für die Kernstrategie."
    ),
    "rationale_t2": (
        "{asset} schwankt {volatility} % am Tag und handelt das {surge}-Fache des üblichen Umsatzes: ein "
        "Pump oder sein Nachspiel."
    ),
    "rationale_plain": "{asset} unter {group}: {volatility} % am Tag, Spanne {spread} %.",
    "explain_market": (
        "{regime}-Markt (Sicherheit {regime_confidence}): {drawdown} % unter dem {bars}-Tage-Hoch, "
        "Tagesschwankung {volatility} %, das {turbulence}-Fache des langjährigen Werts."
    ),
    "explain_liquidity": "Alle {quantity} {asset} jetzt zu verkaufen würde {cost} bps kosten.",
    "explain_thin": "Das Orderbuch könnte nicht alle {quantity} {asset} aufnehmen.",
    "explain_plan": (
        "Der empfohlene Plan riskiert {loss} USDT ({stop_pct} %) für eine Aussicht auf {target_pct} %, "
        "das {rr}-Fache des Risikos."
    ),
    "explain_rehearsal": (
        "An jedem von {samples} vergangenen Tagen begonnen, traf dieser Plan zu {stop} % den Stop und zu "
        "{target} % das Ziel; das mittlere Ergebnis (Median) war {median} %, das schlechteste {worst} %."
    ),
    "explain_weakest": "Schwächster Teil: {part} ({score} von 1).",
    "part_history": "Historie",
    "part_liquidity": "Liquidität",
    "part_regime": "die Marktlage und wie die Strategie zu ihr passt",
    "part_reward_to_risk": "Chance zu Risiko",
    "part_calm": "Ruhe",
}

SENTENCES = {"en": _ENGLISH, "de": _GERMAN}


def say(language: str, key: str, **figures: Decimal | int | str) -> str:
    """Return a sentence in a language, its numbers exact and with that language's decimal sign.

    Raises:
        KeyError: For an unknown language or key, or a figure that was not given: a defect.
    """
    shown = {name: _shown(language, value) for name, value in figures.items()}
    return SENTENCES[language][key].format_map(shown)


def _shown(language: str, value: Decimal | int | str) -> str:
    if not isinstance(value, Decimal):
        return str(value)
    written = text(value)
    return written.replace(".", ",") if language == "de" else written
