"""
The job backend, in layers that only ever import downwards.

===================  ====================================================================
``api``              HTTP: parse, call one service, serialise; errors to problem details
``invocation``       what Lambda hands over besides HTTP: messages, and the time left
``operation_child``  the process that runs operations
``bootstrap``        builds everything from `config.Settings`; the only place that wires
``consumer``         SQS: one execution per message; which messages go back to the queue
``erasures``         SQS: accounts that are to end; built on what ``consumer`` says
``adapters``         DynamoDB, SQS, SSM, PyJWT, passlib, the clock, the child process
``services``         order the steps of a use case; talk to the outside through ``ports``
``operations``       what a job computes, one module each
``ports``            what the services need from the outside, as protocols
``validation``       what msgspec's refusals say
``domain``           jobs, users, limits, numbers and errors: pure rules
===================  ====================================================================

``app.py`` declares the Lambda entry points; import-linter holds the layers.
"""
