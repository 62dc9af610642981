"""The screens: queues, one queue, a job, a key, a record, clients, search, help."""
