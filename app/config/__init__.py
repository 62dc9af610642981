"""Configuration: every setting once, with its type, default, unit and summary.

kinds, particular    what a setting can be
stops                values that stop the start
settings             those that this server acts on
accepted             those that are accepted and reported only
    single_server        the same, of replication and cluster mode
    tls, valkey          the same, of TLS and of Valkey
rules                what must hold between settings
conf_file            redis.conf and the command line
rewriting            CONFIG REWRITE
config               Config: values as attributes, and how they change
"""

from joblog.app.config.conf_file import ConfigError
from joblog.app.config.config import Config
from joblog.app.config.kinds import Setting, SettingError
from joblog.app.config.particular import BufferLimit, SavePoint

__all__ = [
    "BufferLimit",
    "Config",
    "ConfigError",
    "SavePoint",
    "Setting",
    "SettingError",
]
