"""Views: what a log shows at a glance, as plain data; the verbs print it.

depths     how many jobs a queue had in each state, over time
counting   every step of every job, counted
problems   jobs that something is wrong with, grouped
overview   all of it, for a range
"""
