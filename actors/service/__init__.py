"""The server as a process of a system: what an operator and a service manager see.

running          from settings to a server that stops with an exit code
background       daemonize, and what went wrong before it returns
supervision      what a service manager is told (sd_notify), and its watchdog
log_file         the log file: levels, forms, and how it is opened anew
log_levels       what is written at which level
start_lines      what the log says at a start
installation     how this joblog was installed
process_title    passwords, taken from what `ps` shows

Nothing here is imported by the engine; `joblog.actors.service.cli` and
`joblog.actors.service.program` begin it.
"""
