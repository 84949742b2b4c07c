"""
Deterministic simulation: the product's own services over in-memory ports, with every interleaving drawn from one seed.

``plan`` draws what a seed does, ``scheduler`` owns time and order, ``ports`` makes each call a place where another
actor may go on or a fault may strike, ``strikes`` says which one does, ``functions`` are those of the deployment,
``observer`` writes down what happens and checks it, ``shrink`` and ``report`` turn a violation into something a person
can read. ``outside``, with ``stream`` and ``receivers``, is who is told of jobs, and ``calendar`` the schedules; both
are there where ``event_plan`` draws them. See ``docs/simulation.md``.
"""
