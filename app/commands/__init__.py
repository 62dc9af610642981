"""Handlers of commands, a wing for each type of value or subject.

A wing knows `joblog.app.state`, what is below it, and of the other wings `keys` alone
(`geo` also `sorted_sets`, in which positions are kept). `catalogue` imports them all.
"""
