"""One command a file: `FLAGS`, its table of flags (by path where a file holds several), and `run(session)`, its
exit code.
"""
