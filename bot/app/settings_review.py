"""What applying settings by command would do: checked by the table, compared with what counts now.

The comparison leaves flags and environment out: they belong to one process, and a value that raises
risk does so for every process that has no such variable.
"""

from collections.abc import Mapping
from typing import Any

from bot.app.settings import RUNTIME_CONFIG, read_setting, resolve, shown, unknown_setting
from bot.app.settings_table import BY_NAME
from bot.kernel.errors import RefusedError, SettingsError
from bot.lifecycle.runtime_config import SettingChange, SettingsReview


def review_settings(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    file: Mapping[str, Any],
    environ: Mapping[str, str],
) -> SettingsReview:
    """Compare two sets of applied settings.

    Args:
        before: By dotted name, applied now.
        after: By dotted name, wanted; values as typed or as stored.
        file: `bot.toml`, parsed.
        environ: Only to say which variable wins over a changed setting here.

    Raises:
        RefusedError: `setting_unknown`, `setting_invalid` or `setting_not_changeable`.
    """
    try:
        stored = {name: _stored(name, value) for name, value in after.items()}
        old = resolve(flags={}, environ={}, runtime=before, file=file)
        new = resolve(flags={}, environ={}, runtime=stored, file=file)
    except SettingsError as error:
        raise RefusedError(error.what, code=error.code, why=error.why, fix=error.fix) from error
    changes = [
        SettingChange(
            name=row.name,
            before=shown(row, old[row.name]),
            after=shown(row, new[row.name]),
            raises_risk=row.raises_risk(old[row.name], new[row.name]),
            overridden_by=row.variable if environ.get(row.variable) else None,
        )
        for row in BY_NAME.values()
        if old[row.name] != new[row.name]
    ]
    return SettingsReview(settings=dict(sorted(stored.items())), changes=tuple(changes))


def _stored(name: str, value: Any) -> Any:
    row = BY_NAME.get(name)
    if row is None:
        raise unknown_setting(name, RUNTIME_CONFIG)
    if not row.runtime:
        raise RefusedError(f"{name} does not change in a running home.", code="setting_not_changeable")
    found = read_setting(row, value, RUNTIME_CONFIG)
    return list(found) if isinstance(found, tuple) else found
