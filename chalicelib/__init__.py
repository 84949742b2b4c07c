"""
The job backend, in layers that only ever import downwards.

===================  ====================================================================
``api``              HTTP: parse, call one service, serialise; errors to problem details
``invocation``       what Lambda hands over besides HTTP: messages, and the time left
``operation_child``  the process that runs operations
``bootstrap``        builds everything from `config.Settings`; with ``account_wiring`` all that wires
``consumer``         SQS: one execution per message; which messages go back to the queue
``erasures``         SQS: accounts that are to end; built on what ``consumer`` says
``relay``            the stream of the jobs table: what is told, and what comes again
``deliveries``       SQS: webhooks to be called; built on what ``consumer`` says
``intake``           SQS: jobs that messages of AWS ask for; likewise
``job_requests``     a wanted job as JSON, over HTTP or in a message
``adapters``         DynamoDB, SQS, EventBridge, SSM, HTTP, PyJWT, the clock, the child process
``services``         order the steps of a use case; talk to the outside through ``ports``
``operations``       what a job computes, one module each
``ports``            what the services need from the outside, as protocols
``validation``       JSON as a type, and what msgspec's refusals say
``fields``           types of fields that bodies have in common
``domain``           jobs, users, limits, numbers and errors: pure rules
===================  ====================================================================

``app.py`` declares the Lambda entry points; import-linter holds the layers.
"""
