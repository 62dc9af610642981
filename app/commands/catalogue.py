"""Every command, registered: importing this module imports each module of handlers."""

from __future__ import annotations

import importlib
import pkgutil

from joblog.app import commands

for _module in pkgutil.walk_packages(commands.__path__, f"{commands.__name__}."):
    importlib.import_module(_module.name)
