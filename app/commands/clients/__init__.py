"""Commands on connections: who a client is, what it hears, how it is served."""
