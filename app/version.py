"""The versions that this server reports."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""The version of joblog; pyproject.toml takes it from here."""

REDIS_VERSION: Final = "7.2.4"
"""The version of Redis whose behaviour this is, as INFO and HELLO report it."""

REDIS_VERSION_NUMBER: Final = 0x00070204
"""The same as one number: redis.REDIS_VERSION_NUM in scripts."""
