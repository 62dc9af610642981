"""The web page: what the views say, drawn by NiceGUI; it computes nothing.

desk, desks   the views, asked in a process of their own
guard         who may ask: hosts, tokens, and what a browser may do with the answer
serving       the address, and the server behind it
frame         what all pages share: search, the moment, the time axis
words         times, numbers and addresses, as they are shown
charts        options of charts, each with its table
screens/      one page each
"""
