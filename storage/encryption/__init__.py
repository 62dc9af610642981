"""Encryption at rest: files of a data folder under AES-256-GCM, see decision 40.

keys        the operator's key file
envelope    the front of an encrypted file: its own key, wrapped under the operator's
cells       how what is written lies behind it
reading     bytes of an encrypted file by their offset
appending   writing at its end, and cutting it
disk        the door to the disk that does all this
rekeying    files of a folder under another key
converting  files of a folder encrypted where they lie, or decrypted

Nothing of it is imported where nothing is to be encrypted: `joblog.storage.disk`
decides that.
"""
