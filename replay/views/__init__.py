"""Views: what a log shows, as plain data; verbs print it, the page draws it.

depths, counting   how many jobs a queue had in each state, over time
problems           jobs that something is wrong with, grouped
overview, facts    all of it, for a range
board, columns     each queue at any moment, by sums
rates, axis        the lines of charts, and what stands out on the time axis
*_page, *_list     a job, a key, a record; jobs, scripts; connections
comparing          two moments
health             segments, the index, what is wrong
searching          what a word may mean
answers            the questions that a face asks, by their names
series, spans      metrics, traces; tables for SQL
"""
