"""
The product under kills: consumers that die, stop and wake, answers that are lost, a store that goes away.

``driver`` runs it, ``faults`` chooses what happens, ``workers`` and ``worker`` are the processes, ``failpoints`` the
named points at which one dies, ``proxy`` loses answers and is the ``witness``'s eye, ``report`` judges. See
``docs/chaos.md``.
"""
