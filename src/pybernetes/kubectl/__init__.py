"""kubectl: every command, for any cluster, over HTTPS.

The way of one command: `main.py` finds the command in `tree.py` without importing any other, parses its flags
(`flags.py`, driven by the compact table in the command's module), makes a `Session` (`session.py`) and calls the
command's `run(session)`. A session reads the kubeconfig (`config/`), talks to the server (`client.py` over
`transport/`),
knows the server's resources (`discovery.py`, `mapper.py`) and collects the objects that arguments and files name
(`objects/builder.py`). What is printed goes through `output/`; `wire/` reads and writes JSON and YAML as Go does.

Starting fast is a rule of this package: modules on the way of `get pods` import neither `re`, `enum`, `typing`, `json`,
`ssl` nor `socket` (together 35 ms); what only some commands need is imported inside the function that needs it. That is
why annotations are strings here and why `TYPE_CHECKING` is a plain constant.
"""
