"""What the functions of queues, stream and schedule call, and the operator's."""

from datetime import timedelta
from typing import TYPE_CHECKING

from chalicelib.wiring.jobs import JobServices
from chalicelib.wiring.once import made_once

if TYPE_CHECKING:
    from chalicelib.consumer import Consumer
    from chalicelib.deliveries import DeliveryConsumer
    from chalicelib.erasures import ErasureConsumer
    from chalicelib.intake import IntakeConsumer
    from chalicelib.relay import RelayConsumer
    from chalicelib.services.dead_letters import DeadLetters
    from chalicelib.services.every_minute import EveryMinute, Run


class FunctionServices(JobServices):
    """One member for each function, but for two that share the consumer of jobs."""

    @made_once
    def consumer(self) -> "Consumer":
        """Jobs are run, and those of dead letters failed."""
        from chalicelib.consumer import Consumer
        from chalicelib.services.execution import Execution

        has = self.adapters
        # The process that runs operations finds them by itself. While one cannot be loaded, no message may be taken:
        # it would cost its job an attempt.
        has.operations.all()
        return Consumer(
            execution=Execution(
                jobs=has.jobs,
                queue=has.queue,
                runner=has.runner,
                clock=has.clock,
                ids=has.ids,
                randomness=has.randomness,
                limits=self.job_limits,
                pauses=self.known_pauses,
                worker=has.worker,
            ),
            dead_letters=self.dead_letters,
            queue=has.queue,
            partial_responses=has.settings.partial_batch_responses,
        )

    @made_once
    def dead_letters(self) -> "DeadLetters":
        """Dead jobs are failed, and retried when the operator asks."""
        from chalicelib.services.dead_letters import DeadLetters

        has = self.adapters
        return DeadLetters(
            jobs=has.jobs,
            queue=has.queue,
            clock=has.clock,
            ids=has.ids,
            limits=self.job_limits,
            worker=has.worker,
        )

    @made_once
    def every_minute(self) -> "EveryMinute":
        """
        What is due is sent again, and schedules fire.

        Where an update has not brought the settings yet, there are no tables to look at. What has most to do at its
        times is last, and has what the others leave.
        """
        from chalicelib.services.every_minute import EveryMinute

        settings = self.adapters.settings
        sweeps = {"jobs": self._sweep_of_jobs()}
        if settings.deliveries_table:
            sweeps["deliveries"] = self._sweep_of_deliveries()
        if settings.schedules_table:
            sweeps["schedules"] = self._firing_of_schedules()
        return EveryMinute(sweeps)

    @made_once
    def relay(self) -> "RelayConsumer":
        """Transitions of jobs are told and counted; counted only where an update has brought the table for it."""
        from chalicelib.relay import RelayConsumer
        from chalicelib.services.counting import Counting
        from chalicelib.services.relaying import Relay

        has = self.adapters
        return RelayConsumer(
            relay=Relay(
                source=f"/{has.settings.stack_name}/jobs",
                bus=has.bus,
                failures=has.relay_failures,
                webhooks=has.webhooks,
                deliveries=has.deliveries,
                queue=has.delivery_queue,
                clock=has.clock,
                ids=has.ids,
                retention=timedelta(days=has.settings.delivery_retention_days),
            ),
            counting=None if has.counts is None else Counting(has.counts),
            partial_responses=has.settings.partial_batch_responses,
        )

    @made_once
    def deliveries(self) -> "DeliveryConsumer":
        """Webhooks are called."""
        from chalicelib.deliveries import DeliveryConsumer
        from chalicelib.services.delivering import Delivering

        has = self.adapters
        return DeliveryConsumer(
            delivering=Delivering(
                webhooks=has.webhooks,
                deliveries=has.deliveries,
                queue=has.delivery_queue,
                sender=has.sender,
                signer=has.signer,
                clock=has.clock,
                ids=has.ids,
                randomness=has.randomness,
            ),
            partial_responses=has.settings.partial_batch_responses,
        )

    @made_once
    def erasures(self) -> "ErasureConsumer":
        """What users leave is erased."""
        from chalicelib.erasures import ErasureConsumer
        from chalicelib.services.erasure import ErasureService

        has = self.adapters
        return ErasureConsumer(
            erasure=ErasureService(
                users=has.users,
                credentials=has.credentials,
                # In the order in which one makes the next: what is left of the one finds nobody to tell.
                rows=[has.schedules, has.job_eraser, has.webhooks, has.deliveries, has.pauses],
                queue=has.erasure_queue,
            ),
            partial_responses=has.settings.partial_batch_responses,
        )

    @made_once
    def intake(self) -> "IntakeConsumer":
        """Jobs that messages of AWS ask for are submitted."""
        from chalicelib.intake import IntakeConsumer
        from chalicelib.services.intake import Intake

        has = self.adapters
        return IntakeConsumer(
            intake=Intake(
                users=has.users,
                jobs=has.jobs,
                queue=has.queue,
                acceptance=self.acceptance,
                callbacks_of=self.callbacks_of,
                rate_limiter=self.rate_limiter,
                limit=self.intake_limit,
                clock=has.clock,
                ids=has.ids,
                worker=has.worker,
            ),
            operations=self.operations,
            queue=has.intake_queue,
            refused=has.refused_messages,
            clock=has.clock,
            partial_responses=has.settings.partial_batch_responses,
        )

    def _sweep_of_jobs(self) -> "Run":
        from chalicelib.services.sweeping import Sweep

        has = self.adapters
        return Sweep(
            jobs=has.jobs, queue=has.queue, clock=has.clock, randomness=has.randomness, limits=self.job_limits
        ).run

    def _sweep_of_deliveries(self) -> "Run":
        from chalicelib.services.delivery_sweeping import DeliverySweep

        has = self.adapters
        return DeliverySweep(
            deliveries=has.deliveries, queue=has.delivery_queue, clock=has.clock, randomness=has.randomness
        ).run

    def _firing_of_schedules(self) -> "Run":
        from chalicelib.services.firing import Firing

        has = self.adapters
        return Firing(
            schedules=has.schedules,
            timetable=has.timetable,
            acceptance=self.acceptance,
            queue=has.queue,
            clock=has.clock,
            ids=has.ids,
            randomness=has.randomness,
            worker=has.worker,
        ).run
