"""The paper account, kept in `state/paper_ledger.json`: replaced as a whole on every change."""

from decimal import Decimal

import msgspec

from bot.exchange.paper_ledger import PaperLedger
from bot.kernel.errors import StateFileError
from bot.storage.home import Home
from bot.storage.private_files import read_json, write_json


class PaperLedgerFile:
    """`PaperLedgerStore` over one private file."""

    def __init__(self, home: Home) -> None:
        self._path = home.state / "paper_ledger.json"

    def load(self) -> PaperLedger | None:
        """Return the ledger, or None if none was ever saved.

        Raises:
            StateFileError: The file is there and cannot be trusted: it never starts empty.
        """
        data = read_json(self._path)
        if data is None:
            return None
        try:
            return msgspec.convert(data, PaperLedger)
        except msgspec.ValidationError as error:
            raise StateFileError(f"{self._path} does not say what it should.", why=f"{error}.") from error

    def save(self, ledger: PaperLedger) -> None:
        """Keep the ledger instead of the one before."""
        write_json(self._path, msgspec.to_builtins(ledger, builtin_types=(Decimal,)))
