"""Applying a configuration: three-way patches (`three_way`, `strategic`), pruning (`prune`, `apply_set`)."""
