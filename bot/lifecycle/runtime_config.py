"""The content of `runtime_config.json`: settings that were applied by command."""

from collections.abc import Mapping
from typing import Any

import msgspec


class RuntimeConfigContent(msgspec.Struct, frozen=True, kw_only=True):
    """Applied settings by dotted name, for example `{"lifecycle.cooldown_hours": 48}`."""

    settings: Mapping[str, Any] = {}
