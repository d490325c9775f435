"""What every part of a proposal's document is made of."""

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of the proposal's document; only keys with a default can be absent."""


class Note(Part, frozen=True, kw_only=True):
    """Something the reader should know: a code for programs, a sentence for people."""

    code: str
    sentence: str
