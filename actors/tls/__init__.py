"""TLS, by the `ssl` of Python's standard library, on the loop of all else.

contexts      certificates, protocols and ciphers: what the settings ask for
handshakes    connections that are not clients yet
transport     a client's connection, as the wire wants it

Nothing of it is on the road of a client without TLS. See
docs/decisions/0030-tls-by-ssl-sockets.md.
"""
