"""The same decisions as `cycle.py`, over arrays instead of node by node.

    Columns (one array per property of nodes) ──▶ PodClass (verdicts and scores of one kind of pod, kept per row)
    Tally (pods per topology domain)         ──▶ spreading and affinity of that class
                                                       └──▶ VectorCycle.decide: argmax, ties by chance

Pods with an equal `Shape` and equal relations to other pods are of one class. A class remembers what it knew at its
last decision and replays the rows that changed since (journal.py), so that a decision costs some microseconds whatever
the number of nodes. `VectorCycle` answers as the plain `Cycle` does when that looks at every node: the property tests
in tests/scheduler/vector compare verdicts, scores and the set of best nodes. What has no array form here (volumes,
claims, plugins of users) is asked in its plain form about the nodes that are left.

Importing this package imports NumPy; small clusters never do.
"""
