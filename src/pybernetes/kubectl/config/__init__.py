"""Kubeconfig files, contexts and credentials: what to talk to and as whom."""
