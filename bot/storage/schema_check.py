"""The JSON schemas at work: one fast check, and a full list of what is wrong when it fails.

The schemas are the product's own (`schema_source`), never the copy in the home, which anybody may
edit.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec

from bot.kernel.errors import StateFileError, UsageError
from bot.storage.files.json_codec import line_of
from bot.storage.home import schema_source

MAX_PROBLEMS = 20
_FOUND_LIMIT = 80


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a schema forbids."""

    path: tuple[str | int, ...]
    found: str
    allowed: str

    @property
    def json_path(self) -> str:
        """Return the place as people write it: `managed_assets.SOL.state`."""
        return ".".join(str(part) for part in self.path) or "(document)"


class SchemaCheck:
    """Checks plain data (with Decimals) against the schemas of a folder.

    A document's schema is called by its file's name without `.schema.json`, a command's payload by
    `commands/<type>`.
    """

    def __init__(self, folder: Path) -> None:
        self._schemas: dict[str, Any] = {}
        resources: list[tuple[str, Any]] = []
        for path in sorted(folder.rglob("*.schema.json")):
            schema = json.loads(path.read_bytes())
            name = path.relative_to(folder).as_posix()
            self._schemas[name.removesuffix(".schema.json")] = schema
            resources.append((schema.get("$id") or f"json-schema:///{name}", schema))
        self._registry = jsonschema_rs.Registry(resources)
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    def has(self, name: str) -> bool:
        """Say whether there is a schema of that name."""
        return name in self._schemas

    def is_valid(self, name: str, data: object) -> bool:
        """Say whether the data fits; the fast way, for use under the lock."""
        return bool(self._validator(name).is_valid(data))

    def problems(self, name: str, data: object) -> tuple[Problem, ...]:
        """Return what does not fit, 20 at most; empty when everything does."""
        validator = self._validator(name)
        if validator.is_valid(data):
            return ()
        found = (
            Problem(
                path=tuple(error.instance_path), found=_short(error.instance), allowed=_allowed(error.message)
            )
            for error in validator.iter_errors(data)
        )
        return tuple(problem for problem, _ in zip(found, range(MAX_PROBLEMS), strict=False))

    def check(self, name: str, data: object, *, path: Path | None = None, raw: bytes = b"") -> None:
        """Refuse data that does not fit.

        Args:
            name: The schema's name.
            data: Plain data.
            path: The file it came from, for the message.
            raw: The file's bytes, for line numbers.

        Raises:
            StateFileError: With file, line, path, found and allowed values, up to 20 of them.
        """
        problems = self.problems(name, data)
        if problems:
            raise StateFileError(
                f"{path or 'The document'} does not fit the schema {name}.",
                why="\n".join(_sentence(problem, path, raw) for problem in problems),
            )

    def _validator(self, name: str) -> jsonschema_rs.Draft202012Validator:
        validator = self._validators.get(name)
        if validator is None:
            if name not in self._schemas:
                raise UsageError(f"There is no schema {name}.", why=f"Known: {', '.join(self._schemas)}.")
            validator = jsonschema_rs.Draft202012Validator(
                self._schemas[name], registry=self._registry, validate_formats=True
            )
            self._validators[name] = validator
        return validator


@cache
def product_schemas() -> SchemaCheck:
    """Return the check with the product's own schemas, loaded once."""
    return SchemaCheck(schema_source())


def check(name: str, data: object, *, path: Path | None = None, raw: bytes = b"") -> None:
    """Refuse data that does not fit one of the product's schemas (see `SchemaCheck.check`)."""
    product_schemas().check(name, data, path=path, raw=raw)


def _sentence(problem: Problem, path: Path | None, raw: bytes) -> str:
    line = line_of(raw, problem.path) if raw else None
    place = f"{f'{path.name}' if path else 'payload'}{f' line {line}' if line else ''}"
    return f"{place}, {problem.json_path}: found {problem.found}; {problem.allowed}"


def _short(value: object) -> str:
    text = str(value) if not isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _FOUND_LIMIT else f"{text[: _FOUND_LIMIT - 1]}…"


def _allowed(message: str) -> str:
    """Return the rule without the value in front of it, which `found` tells already."""
    head, separator, rule = message.partition(" is ")
    return f"is {rule}" if separator and len(head) > _FOUND_LIMIT else message
