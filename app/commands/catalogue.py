"""Every command, registered: importing this module imports each module of handlers."""

from __future__ import annotations

import importlib
import pkgutil

import joblog.app.commands

for _module in pkgutil.iter_modules(joblog.app.commands.__path__):
    importlib.import_module(f"joblog.app.commands.{_module.name}")
