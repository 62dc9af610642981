"""The versions that this server reports."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""The version of joblog; pyproject.toml takes it from here."""

REDIS_VERSION: Final = "7.4.6"
"""The version of Redis that INFO and HELLO report: see docs/decisions/0016."""

_MAJOR, _MINOR, _PATCH = map(int, REDIS_VERSION.split("."))

REDIS_VERSION_NUMBER: Final = _MAJOR << 16 | _MINOR << 8 | _PATCH
"""The same as one number: redis.REDIS_VERSION_NUM in scripts."""
