"""Every command, registered: importing this module imports each module of handlers."""

from __future__ import annotations

import importlib
import pkgutil

import app.commands

for _module in pkgutil.iter_modules(app.commands.__path__):
    importlib.import_module(f"app.commands.{_module.name}")
