"""
What wires the services: over which implementation of a port, and only what is asked for.

==================  =====================================================================
``adapters``        what implements each port
``shared``          what several services share: limits, the limiter, the pauses known
``accounts``        who calls, and what they do with their own account
``jobs``            what users do with jobs, schedules and webhooks
``administration``  what administrators do
``functions``       what the functions of queues, stream and schedule do
``once``            makes each of it once, when it is first asked for
==================  =====================================================================

Each member imports what it is made of, so that a function of Lambda loads no more than it needs; only types are
imported at the top. `chalicelib.bootstrap` puts the groups together.
"""
