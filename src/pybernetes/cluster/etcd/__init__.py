"""This machine's member of etcd, where the state of a cluster with several control planes is (kubeadm's stacked etcd).

    certificates.py     pki/etcd/*: everybody who talks to etcd, or as etcd, is known by a certificate of etcd's own CA
    membership.py       how a machine becomes a member, and leaves
    process.py          the member: a child process, started again when it ends
    store.py            the API server's store together with its member

Nothing of it is imported by a cluster on one machine, which keeps its state in SQLite.
"""
