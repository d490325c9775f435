"""Reasons that lie outside the rules: files, settings, the exchange."""

from bot.kernel.exit_codes import ExitCode
from bot.kernel.reason import Reason

_REFUSED = ExitCode.REFUSED
_STALE = ExitCode.STALE
_GONE = ExitCode.UNAVAILABLE
_FILE = ExitCode.INVALID_FILE
_USAGE = ExitCode.USAGE

TROUBLE: dict[str, Reason] = {
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
    "proposal_input_invalid": Reason(
        "What a proposal was computed from is missing or was changed.",
        "Bring risk_proposals/inputs back from a copy of the home; the proposal itself stands as it is.",
        _FILE,
    ),
    "proposal_not_reproduced": Reason(
        "The engine makes another proposal of the same inputs.",
        "Do not rely on it; ask for a new one: bot propose ASSET",
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
    "work_hangs": Reason(
        "A part of the running bot has not come round for far too long.",
        "A service manager starts it anew by itself; else stop it and start it: bot run",
        _GONE,
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
    "action_not_allowed": Reason(
        "The client may send orders and cancellations only; anything else is stopped before it leaves.",
        "This is a defect, or an attack: end the process, then report it.",
        _REFUSED,
    ),
    "order_transition_not_allowed": Reason(
        "The order's state does not allow this step.",
        "This is a defect: bot orders show ID tells what happened to the order; report it.",
        ExitCode.UNEXPECTED,
    ),
    "no_such_order": Reason("The order journal knows no such order.", "bot orders ls", _USAGE),
    # ---- general ----------------------------------------------------------------------------------
    "stop_rule_broken": Reason(
        "A stop rule would have been broken, so the act was stopped.",
        "bot commands show ID names the rule.",
        _REFUSED,
    ),
    "usage": Reason("The command cannot be understood.", "bot --help", _USAGE),
    "cancelled": Reason("Nothing was confirmed, so nothing was done.", "Run it again when ready.", _REFUSED),
    "stopped_by_person": Reason(
        "Ctrl-C was pressed twice.",
        "bot status and bot commands ls tell what was done.",
        ExitCode.INTERRUPTED,
    ),
    "unexpected": Reason(
        "Something happened that the program does not know.",
        "Run it again with --debug and report what it prints.",
        ExitCode.UNEXPECTED,
    ),
}
