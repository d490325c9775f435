"""The one place with disk calls: atomic files, strict JSON, locks."""
