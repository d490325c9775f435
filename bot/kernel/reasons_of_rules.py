"""Reasons with which a rule, the engine or the bus says no."""

from bot.kernel.exit_codes import ExitCode
from bot.kernel.reason import Reason

_REFUSED = ExitCode.REFUSED
_STALE = ExitCode.STALE
_GONE = ExitCode.UNAVAILABLE
_FILE = ExitCode.INVALID_FILE
_ROLE = ExitCode.NOT_ALLOWED
_USAGE = ExitCode.USAGE

RULES: dict[str, Reason] = {
    # ---- lifecycle rules -------------------------------------------------------------------------
    "transition_not_allowed": Reason(
        "The asset's state does not allow this step.",
        "See where the asset stands: bot holdings show ASSET",
        _REFUSED,
    ),
    "proposal_in_progress": Reason(
        "The engine is already at work on this asset; a second request is refused.",
        "Wait for it: bot proposals ls",
        _REFUSED,
    ),
    "pause_first": Reason(
        "A coin that is being traded is paused before it is released.",
        "bot pause ASSET, then bot release ASSET; or bot release ASSET --pause",
        _REFUSED,
    ),
    "cooldown_running": Reason(
        "After a no, this asset rests for a while.",
        "Wait until the time that the refusal names, then ask again.",
        _REFUSED,
    ),
    "reengage_via_frozen": Reason(
        "After an exit a coin goes back to frozen before it may be proposed again (Q-MH-9).",
        'bot release ASSET, then bot propose ASSET; or set lifecycle.reengage = "direct"',
        _REFUSED,
    ),
    "unknown_asset": Reason(
        "The wallet holds no such coin, or the exchange has no market for it.",
        "See what is there: bot holdings ls",
        _REFUSED,
    ),
    "quote_not_manageable": Reason(
        "This is the coin that the others are priced in; it cannot be handed over.",
        "Choose another coin: bot holdings ls",
        _REFUSED,
    ),
    "quantity_invalid": Reason(
        "The quantity is not above zero, or more than the wallet holds.",
        "Give a quantity up to the wallet's total: bot holdings ls",
        _REFUSED,
    ),
    "manual_entry_needs_value": Reason(
        "A manual entry price was asked for without a price.",
        "Add --entry-price, in quote units per coin.",
        _USAGE,
    ),
    "no_such_proposal": Reason(
        "No proposal has this id, or is this coin's current one.",
        "bot proposals ls",
        _REFUSED,
    ),
    "proposal_not_current": Reason(
        "Another proposal is the current one for this asset.",
        "Read the current one: bot proposals show ASSET",
        _STALE,
    ),
    "proposal_already_decided": Reason(
        "This proposal was decided before; the first decision holds.",
        "bot holdings show ASSET tells what was decided.",
        _REFUSED,
    ),
    "proposal_expired": Reason(
        "The proposal's time is over.",
        "Ask for a new one: bot propose ASSET",
        _STALE,
    ),
    "proposal_stale": Reason(
        "Price or balance moved too far since the proposal was made.",
        "Ask for a new one: bot propose ASSET",
        _STALE,
    ),
    "proposal_file_missing": Reason(
        "The proposal's file is not there.",
        "Look into risk_proposals/ and its attic/; ask for a new one: bot propose ASSET",
        _FILE,
    ),
    "digest_mismatch": Reason(
        "The bytes that were read are not the bytes of the file.",
        "Read it again: bot proposals show ASSET",
        _STALE,
    ),
    "confirmation_wrong": Reason(
        "The typed confirmation is not the expected one, to the letter.",
        "Type it exactly, for example SOL:recommended",
        _REFUSED,
    ),
    "variant_unknown": Reason(
        "The proposal has no such variant.", "bot proposals show ASSET lists its variants.", _REFUSED
    ),
    "variant_not_allowed": Reason(
        "This variant is not allowed in this environment (Q-MH-2, Q-MH-13).",
        "Choose another variant: bot proposals show ASSET",
        _REFUSED,
    ),
    "strategy_not_allowed": Reason(
        "The strategy group is not on the allow-list (SR-14).",
        "Ask for a new proposal: bot propose ASSET",
        _REFUSED,
    ),
    "nothing_to_change": Reason(
        "Nothing was named that should change.", "Name a stop, a target or an allocation.", _USAGE
    ),
    "levels_out_of_order": Reason(
        "The stop must lie below the reference price and the target above it.",
        "Correct the levels; bot proposals show ASSET names the reference.",
        _REFUSED,
    ),
    "stop_too_close": Reason(
        "The stop lies closer to the entry than this environment allows (M3).",
        "Choose a variant or a stop further away.",
        _REFUSED,
    ),
    "trailing_invalid": Reason(
        "The stop cannot follow the price with these terms.",
        "Name at most one activation (below the target) and one distance, each above zero.",
        _REFUSED,
    ),
    "balance_unknown": Reason(
        "The exchange did not tell the balance; unknown is not zero.",
        "Try again when the exchange answers; bot baseline capture asks it and applies nothing.",
        _GONE,
    ),
    "balance_too_small": Reason(
        "The wallet holds less than the quantity to be handed over.",
        "Ask for a new proposal with the quantity that is there: bot propose ASSET --quantity N",
        _REFUSED,
    ),
    "price_unknown": Reason(
        "The exchange did not tell the price.", "Try again when the exchange answers.", _GONE
    ),
    "facts_too_old": Reason(
        "The facts fetched for this decision are too old to decide on.",
        "Try again; if it persists, look at the exchange: bot baseline capture asks it and applies nothing.",
        _GONE,
    ),
    "resume_needs_override": Reason(
        "The bot stopped itself because reality and record differ; only an admin's override resumes.",
        "bot holdings show ASSET tells the difference; then bot resume ASSET --override --reason TEXT",
        _REFUSED,
    ),
    "drift_unresolved": Reason(
        "Drift was recorded during the pause and was neither gone nor accepted.",
        "bot resume ASSET --override --accept current --reason TEXT, or release the coin",
        _REFUSED,
    ),
    "exit_in_flight": Reason(
        "An exit order is in flight for this asset.",
        "Wait for its outcome: bot holdings show ASSET",
        _REFUSED,
    ),
    "exits_are_off": Reason(
        "The pause says hands off: no new order may leave.", "bot resume ASSET", _REFUSED
    ),
    "exit_not_due": Reason(
        "The price or the order that asked for this sale no longer stands.",
        "Nothing to do: the loop looks again in its next cycle.",
        _REFUSED,
    ),
    "no_exit_intent": Reason(
        "There is no open exit intent for this asset.", "bot holdings show ASSET", _REFUSED
    ),
    "stop_is_resting": Reason(
        "A stop of this asset rests at the exchange, or nobody knows yet whether it does.",
        "The loop cancels it and waits for the exchange's word: bot run --once, then bot holdings show ASSET",
        _REFUSED,
    ),
    "no_resting_stop": Reason(
        "No stop of that name rests at the exchange for this asset.", "bot holdings show ASSET", _REFUSED
    ),
    "late_fill_known": Reason(
        "What the exchange told late of this order is booked already.", "bot orders show ID", _REFUSED
    ),
    "late_fill_of_other_agreement": Reason(
        "An order told late of a fill, and its agreement is over: nothing of it is booked.",
        "bot orders show ID; compare the wallet with what was sold.",
        _REFUSED,
    ),
    "exit_quantity_exceeds_promise": Reason(
        "More would be sold than was handed over and is left (the quantity promise).",
        "This is a defect or a hostile state: bot audit show ASSET, and stop the bot.",
        _REFUSED,
    ),
    "release_not_requested": Reason(
        "Only a release that a user asked for ends in frozen (DR-11).", "bot release ASSET", _REFUSED
    ),
    "managed_is_never_default": Reason(
        "Coins that nobody handed over are never managed by default (DR-2).",
        "Use frozen as default_policy_for_unlisted.",
        _REFUSED,
    ),
    "policy_change_blocked": Reason(
        "The baseline would freeze a coin that is being managed (C3).",
        "Release the coin first: bot release ASSET",
        _REFUSED,
    ),
    "baseline_not_applied": Reason(
        "No baseline is applied, so nobody recorded what the owner holds.",
        "bot baseline capture, then bot baseline apply",
        _REFUSED,
    ),
    "wallet_signature_mismatch": Reason(
        "The baseline's signature does not fit its list of assets (DR-7).",
        "Capture it again: bot baseline capture",
        _REFUSED,
    ),
    "not_expired": Reason("The proposal is neither expired nor stale.", "Nothing to do.", _REFUSED),
    "not_settled": Reason(
        "The cool-down is still running.", "Nothing to do; it settles by itself.", _REFUSED
    ),
    "environment_refused": Reason(
        "This environment is refused: mainnet stays closed until its governance gate is signed (DR-3).",
        "Use sandbox, paper or testnet.",
        _REFUSED,
    ),
    "role_missing": Reason(
        "Your role does not allow this.", "Ask an admin; bot status tells who you are.", _ROLE
    ),
    "settling_due": Reason(
        "The last request is over, and the next pass puts the coin back to frozen first.",
        "A daemon does so by itself; else: bot worker --once, then ask again.",
        _REFUSED,
    ),
    "reason_missing": Reason(
        "A decision against the bot's own alert needs its reason in words.",
        "Add --reason TEXT.",
        _USAGE,
    ),
    "four_eyes": Reason(
        "Whoever asked for a proposal does not approve it (approval.four_eyes).",
        "Ask another admin to read and approve it.",
        _REFUSED,
    ),
    "override_too_deep": Reason(
        "This home's override depth leaves this value as it was proposed (Q-MH-3).",
        "Leave it out, or change lifecycle.override_depth: bot settings set",
        _REFUSED,
    ),
    "feature_disabled": Reason(
        "This is disabled in this environment (Q-MH-13).",
        "Choose terms without it; bot settings show names what is disabled.",
        _REFUSED,
    ),
    "setting_not_changeable": Reason(
        "This setting does not change in a running home.",
        "Correct it in bot.toml, or in the environment, and start anew.",
        _REFUSED,
    ),
    "user_exists": Reason("There is a user of this name already.", "bot users ls", _REFUSED),
    "user_unknown": Reason("There is no user of this name.", "bot users ls", _REFUSED),
    "account_taken": Reason(
        "Another user acts from this operating-system account.", "bot users ls names who.", _REFUSED
    ),
    "account_unknown": Reason(
        "This host has no such operating-system account.",
        "Make the account first, or correct --os-user.",
        _REFUSED,
    ),
    "last_admin": Reason(
        "Without its last admin nobody could decide anything in this home.",
        "Make somebody else an admin first: bot users set-role NAME admin",
        _REFUSED,
    ),
    "paused_already": Reason(
        "The coin is paused already; a second pause may only turn the exits off.",
        "Nothing to do: bot holdings show ASSET tells how it is paused; bot resume ASSET trades it again.",
        _REFUSED,
    ),
    "release_pending_already": Reason(
        "The coin is on its way back already; a second release may only make it immediate.",
        "Nothing to do: bot holdings show ASSET; or bot release ASSET --mode immediate",
        _REFUSED,
    ),
    "drift_known": Reason(
        "This drift is recorded already; it is told once.",
        "Nothing to do: bot holdings show ASSET tells what was recorded.",
        _REFUSED,
    ),
    "trading_halted": Reason(
        "Trading of the whole bot is halted: nothing is bought, and with exits off nothing is sold either.",
        "bot trading status tells why; a person ends it: bot trading resume",
        _REFUSED,
    ),
    "trading_halted_already": Reason(
        "Trading is halted already.",
        "bot trading status; bot trading halt --exits off turns the exits off too.",
        _REFUSED,
    ),
    "trading_not_halted": Reason("Trading is not halted.", "Nothing to do: bot trading status", _REFUSED),
    "halt_cause_present": Reason(
        "The watchdog still sees the cause of the halt, or no bot has run since to look at it.",
        "Mend the cause and let the bot run: bot run; or, as an admin: bot trading resume --accept",
        _REFUSED,
    ),
    "stale_data": Reason(
        "For too long no fresh price came for any coin in the bot's hands, so the watchdog halted trading.",
        "Look at the exchange and at this machine's clock: bot doctor; then: bot trading resume",
        _GONE,
    ),
    "stale_loop": Reason(
        "For too long the trading loop finished no cycle, so the watchdog halted trading.",
        "Look at the bot's output: bot status, bot doctor; restart it if it hangs; then bot trading resume",
        _GONE,
    ),
    "halted_by_hand": Reason(
        "A person halted trading of the whole bot.",
        "bot trading status tells who and why; when it is over: bot trading resume",
        _REFUSED,
    ),
    # ---- proposal engine (proposal_aborted) -------------------------------------------------------
    "no_balance": Reason(
        "The wallet holds nothing of this coin.", "Buy or deposit it first; then propose again.", _REFUSED
    ),
    "market_unavailable": Reason(
        "The exchange has no active market for this coin, or did not answer.",
        "Is it the right coin? bot holdings ls. If it is, try again later.",
        _GONE,
    ),
    "not_enough_history": Reason(
        "There are too few closed daily candles to measure risk.",
        "Wait until the coin has traded long enough.",
        _REFUSED,
    ),
    "blacklisted": Reason(
        "The coin is on the blacklist.", "Take it off the list in the settings if that is meant.", _REFUSED
    ),
    "stablecoin": Reason(
        "The coin is a stablecoin or pegged; there is no trend to trade.", "Choose another coin.", _REFUSED
    ),
    "price_out_of_filters": Reason(
        "The levels or the quantity do not fit the exchange's filters.",
        "Hand over a larger quantity, or leave the coin frozen.",
        _REFUSED,
    ),
    "model_version_missing": Reason(
        "The engine has no risk_model_version (SR-11).", "Report this as a defect.", ExitCode.UNEXPECTED
    ),
    "schema_invalid": Reason(
        "The document does not fit its schema.", "Report this as a defect.", ExitCode.UNEXPECTED
    ),
    "interrupted": Reason("The engine was interrupted three times.", "Ask again: bot propose ASSET", _GONE),
    # ---- commands and bus -------------------------------------------------------------------------
    "unknown_command": Reason("There is no such command type.", "bot commands ls", _USAGE),
    "payload_invalid": Reason(
        "The command's payload does not fit its schema.", "Correct the named fields.", _USAGE
    ),
    "idempotency_conflict": Reason(
        "The same idempotency key was used before with other content.",
        "Use a new key for a new command.",
        _REFUSED,
    ),
    "attempts_spent": Reason(
        "The command failed three times and is set aside.",
        "bot commands show ID tells why; send a new command once the cause is gone.",
        ExitCode.UNEXPECTED,
    ),
    "command_failed": Reason(
        "The command ended with an unexpected error.", "bot commands show ID", ExitCode.UNEXPECTED
    ),
    "no_such_command": Reason("No command's id begins like this.", "bot commands ls", _USAGE),
    "payload_too_large": Reason(
        "The command's payload is larger, or nested deeper, than any honest one.",
        "Send less in one command.",
        _USAGE,
    ),
    "command_unreadable": Reason(
        "The command's row in the database cannot be read: it did not come by the bus.",
        "bot commands show ID tells what; send a new command by bot.",
        ExitCode.UNEXPECTED,
    ),
}
