"""What each `pybernetes` command does; one module per command (or family). `main(arguments)` returns the exit code and
raises `CommandError` with one line for whatever a user can mend.
"""
