"""Metrics: a process beside the server that Prometheus asks, and what it asks for.

process    the thread of the server that minds that process
page       what is served in it: HTTP, as little as it takes
"""
