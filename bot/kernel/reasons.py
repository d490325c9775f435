"""Every reason that a refusal or an error can have, in one table.

A reason has a code that programs match, a sentence that people read, what helps, and the exit code
it maps to. `docs/reference/reasons.md` is generated from here.
"""

from typing import NamedTuple

from bot.kernel.exit_codes import ExitCode


class Reason(NamedTuple):
    """One row of the table."""

    sentence: str
    """Why the answer is no, as a plain sentence."""
    help: str
    """What the person can do next."""
    exit_code: ExitCode


_REFUSED, _STALE, _GONE = ExitCode.REFUSED, ExitCode.STALE, ExitCode.UNAVAILABLE
_FILE, _ROLE, _USAGE = ExitCode.INVALID_FILE, ExitCode.NOT_ALLOWED, ExitCode.USAGE

REASONS: dict[str, Reason] = {
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
    # ---- storage ----------------------------------------------------------------------------------
    "home_missing": Reason(
        "There is no managed-holdings home in this folder.", "bot init, or bot --home FOLDER", _FILE
    ),
    "home_exists": Reason("The folder is a home already.", "Use it as it is, or choose another.", _REFUSED),
    "state_file_invalid": Reason(
        "A state file cannot be trusted as it stands.",
        "bot state check tells what is wrong; bot worker --once restores it from the kept versions.",
        _FILE,
    ),
    "state_file_missing": Reason(
        "A state file is not there.", "bot state check; a new home is made by bot init", _FILE
    ),
    "state_write_failed": Reason(
        "The disk refused to keep the new state; the old one stands.",
        "Check disk space and permissions, then send the command again.",
        _FILE,
    ),
    "state_unsure": Reason(
        "The disk did not confirm that the new state is kept; this process stops and decides nothing.",
        "Check the disk; the next start reads what is there.",
        ExitCode.PARTLY_OR_UNKNOWN,
    ),
    "recovery_needs_operator": Reason(
        "The copies of the state contradict each other, so nothing is written.",
        "bot state check tells what was found.",
        _FILE,
    ),
    "state_changed": Reason("The state changed while this was decided.", "Look again and repeat.", _STALE),
    "no_such_version": Reason(
        "This version is not kept.",
        "Look into the home's backups/: a version's name is its serial.",
        _REFUSED,
    ),
    "no_such_file": Reason(
        "No file with this digest was set aside.",
        "Look into state/quarantine and name a file from there.",
        _REFUSED,
    ),
    "content_unchanged": Reason("The managed state says exactly this already.", "Nothing to do.", _REFUSED),
    "content_not_allowed": Reason(
        "The content would break a rule that holds for every change.",
        "Choose another version, or use the command for what should change.",
        _REFUSED,
    ),
    "audit_invalid": Reason("The audit log's chain is broken.", "bot audit verify names the line.", _FILE),
    "lock_held": Reason(
        "Another process holds the lock.",
        "Wait for it, or stop the process that is named.",
        ExitCode.LOCK_HELD,
    ),
    "already_running": Reason(
        "Another bot or worker runs in this home.", "Stop it first.", ExitCode.LOCK_HELD
    ),
    "folder_unsafe": Reason(
        "The home lies where state cannot be kept safely.", "Choose a private folder on a local disk.", _FILE
    ),
    "proposal_file_invalid": Reason(
        "A proposal file cannot be trusted as it stands.",
        "It was never meant to be edited; ask for a new one: bot propose ASSET",
        _FILE,
    ),
    "database_unavailable": Reason(
        "The commands database did not answer.", "Look at its path or server, then try again.", _GONE
    ),
    "database_foreign": Reason(
        "The commands database belongs to another home.", "Point BOT_DATABASE_URL at this home's.", _FILE
    ),
    "database_outdated": Reason(
        "The commands database has an older release's layout, or none yet.",
        "Stop the workers, then: bot db upgrade",
        _FILE,
    ),
    "database_unknown": Reason(
        "The commands database has a layout that this release does not know.",
        "Use the release that wrote it, or a newer one.",
        _FILE,
    ),
    "database_ahead": Reason(
        "The commands database tells of records that the audit log does not hold.",
        "Is this the right home, restored from an old copy? If it is right: bot db rebuild-cache",
        _FILE,
    ),
    # ---- settings ---------------------------------------------------------------------------------
    "setting_unknown": Reason(
        "There is no such setting.",
        "Correct its name, or take it away; docs/reference/settings.md lists all.",
        _FILE,
    ),
    "setting_invalid": Reason(
        "A setting has a value that it cannot have.", "Correct it where it is set.", _FILE
    ),
    # ---- exchange ---------------------------------------------------------------------------------
    "exchange_unavailable": Reason(
        "The exchange did not answer.",
        "Try again later; in the sandbox: is the box running? bot box serve",
        _GONE,
    ),
    "exchange_refused": Reason(
        "The exchange refused the request.",
        "Check keys, clock and symbol; bot settings show --origin tells whether keys are set.",
        _GONE,
    ),
    "exchange_answer_invalid": Reason(
        "The exchange gave an answer that cannot be right; it was not used.", "Try again later.", _GONE
    ),
    "host_not_allowed": Reason(
        "This host is not on the allow-list of the environment (DR-3).",
        "Only loopback, the exchange's testnet and public data are reachable.",
        _REFUSED,
    ),
    "credentials_missing": Reason(
        "This environment needs API keys.", "Set BOT_EXCHANGE_API_KEY and BOT_EXCHANGE_SECRET.", _FILE
    ),
    # ---- general ----------------------------------------------------------------------------------
    "stop_rule_broken": Reason(
        "A stop rule would have been broken, so the act was stopped.",
        "bot audit tail names the rule.",
        _REFUSED,
    ),
    "usage": Reason("The command cannot be understood.", "bot --help", _USAGE),
    "cancelled": Reason("Nothing was confirmed, so nothing was done.", "Run it again when ready.", _REFUSED),
    "unexpected": Reason(
        "Something happened that the program does not know.",
        "Run it again with --debug and report what it prints.",
        ExitCode.UNEXPECTED,
    ),
}


def reason_for(code: str) -> Reason:
    """Return the row of a code; an unlisted code is a defect and reads as `unexpected`."""
    return REASONS.get(code, REASONS["unexpected"])
