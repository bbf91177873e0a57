"""The one-command stack: a data directory and real Redis nodes as child processes.

Nothing in here knows the service: the command line joins the two. No settings, no HTTP, no database.
"""
