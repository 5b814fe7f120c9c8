"""Kustomizations: `build` makes objects of a directory, `transform` changes them, `hashes` names what is generated."""
