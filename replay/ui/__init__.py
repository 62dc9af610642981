"""`replay ui`: the screens of a queue's history in a terminal. Needs joblog[tui].

A screen computes nothing: it asks `joblog.replay.views.answers`, and shows what it is
told. `app` is the program and the moment that all screens show, `desk` asks in a thread
of its own, `places` name screens, `timeline` draws the time axis, `words` writes what
is told.
"""
