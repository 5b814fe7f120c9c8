"""The objects a command is about: from arguments (`arguments.py`), from files (`files.py`), and how they are met."""
