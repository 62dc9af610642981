"""From the log to a keyspace: recovery, snapshots, moments, proofs."""
