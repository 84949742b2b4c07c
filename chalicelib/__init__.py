"""
The job backend, in layers that only ever import downwards.

===================  ====================================================================
``api``              HTTP: parse, call one service, serialise; errors to problem details
``invocation``       what Lambda hands over besides HTTP: messages, and the time left
``operation_child``  the process that runs operations
``bootstrap``        all services, from `config.Settings`
``wiring``           makes each of them when it is first asked for, and says what implements each port
``consumer``         SQS: one execution per message; which messages go back to the queue
``batches``          messages as Lambda hands them over, and what it is answered
``erasures``         SQS: accounts that are to end
``relay``            the stream of the jobs table: what is told, and what comes again
``deliveries``       SQS: webhooks to be called
``intake``           SQS: jobs that messages of AWS ask for
``job_requests``     a wanted job as JSON, over HTTP or in a message
``adapters``         DynamoDB, SQS, EventBridge, SSM, HTTP, PyJWT, the clock, the child process
``services``         order the steps of a use case; talk to the outside through ``ports``
``operations``       what a job computes, one module each
``ports``            what the services need from the outside, as protocols
``validation``       JSON as a type, and what msgspec's refusals say
``fields``           types of fields that bodies have in common
``domain``           jobs, users, limits, numbers and errors: pure rules
===================  ====================================================================

``app.py`` declares the Lambda entry points; import-linter holds the layers. A function loads of them what it needs.
"""
