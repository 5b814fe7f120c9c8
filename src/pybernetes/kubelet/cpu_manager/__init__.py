"""CPUs of their own for containers: the policy `static` of the CPU manager, with the topology manager's policies.

    pod is admitted ──▶ policy.py: which CPUs for each container (assignment.py, affinity.py), or why not
                                  │
                    state_file.py ◀┴▶ manager.py ──▶ cpuset of the container; the shared pool for all others

A container of a Guaranteed pod that asks for whole CPUs has them alone; everybody else runs on the rest, which is never
without the reserved ones. Decisions are pure and see CPUs as sets of numbers (`cpu_set.py`) on a machine of cores,
sockets and NUMA nodes (`topology.py`). Start with `policy.py`.
"""
