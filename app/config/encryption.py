"""Settings of encryption at rest."""

from __future__ import annotations

from joblog.app.config.kinds import Text


class EncryptionSettings:
    """What the files of the data folder are encrypted with."""

    log_encryption_key_file = Text(
        "",
        "A file with the keys that the log, snapshots and the index are encrypted "
        "with, 64 hexadecimal digits a line: the first for what is written, the "
        "others for what is there; read anew at a SIGHUP. Empty: no encryption. Needs "
        "`joblog[encrypt]`.",
        live=False,
        protected=True,
    )
