"""The versions that this server reports."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
"""The version of joblog; pyproject.toml takes it from here."""

REDIS_VERSION: Final = "7.4.6"
"""The version of Redis that INFO and HELLO report: see docs/decisions/0016."""
