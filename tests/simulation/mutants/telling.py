"""Mistakes in telling of jobs: events and the relay."""

from tests.simulation.mutants.mutant import DELIVERY_STORE, JOB_EVENTS, RELAYING, Mutant

TELLING = (
    Mutant(
        "last position reported",
        "a batch whose events the bus did not take comes again from its last event on",
        RELAYING,
        "first = ready[0].position",
        "first = ready[-1].position",
    ),
    Mutant(
        "bus away, changes let go",
        "events that the bus did not take are done with",
        RELAYING,
        '            logger.exception("the event bus is away; events come again", extra={"position": first})\n'
        "            return first\n",
        '            logger.exception("the event bus is away; events come again", extra={"position": first})\n'
        "            return None\n",
    ),
    Mutant(
        "told past a failure",
        "events are told although deliveries of one before them could not be stored, which is then left out",
        RELAYING,
        "                    break\n            except",
        "                    continue\n            except",
    ),
    Mutant(
        "two events of a job in one call",
        "the bus is given several events of one job at once, of which it may take the later only",
        RELAYING,
        " or any(event.subject == each.event.subject for each in together)",
        "",
    ),
    Mutant(
        "relay goes on after a failure",
        "the relay tells of later changes although one before them is to come again",
        RELAYING,
        "            if again is not None:\n                return again\n        return None\n",
        '            self.again = getattr(self, "again", None) or again\n        return getattr(self, "again", None)\n',
    ),
    Mutant(
        "new id per telling",
        "an event that is told again has another id",
        RELAYING,
        "self._bus.put([telling.event for telling in ready])",
        "self._bus.put(\n"
        '                [__import__("dataclasses").replace(telling.event, id=self._ids.new_token_id())\n'
        "                 for telling in ready]\n"
        "            )",
    ),
    Mutant(
        "one id for a job",
        "all events of a job have one id",
        JOB_EVENTS,
        "id=stable_id(newest.at, job_id, after.token)",
        "id=stable_id(after.created_at, job_id)",
    ),
    Mutant(
        "retry by hand told as submitted",
        "a job that is retried by hand is told as new",
        JOB_EVENTS,
        "Transition.RETRY_BY_HAND: EventType.RETRYING",
        "Transition.RETRY_BY_HAND: EventType.SUBMITTED",
    ),
    Mutant(
        "told as it was",
        "an event tells of the row as it was before",
        JOB_EVENTS,
        "data_json=_data_json(after)",
        "data_json=_data_json(before or after)",
    ),
    Mutant(
        "refused event forgotten",
        "nobody is told of what the bus refuses for good",
        RELAYING,
        "            self._failures.send(position, reason)\n",
        "            pass\n",
    ),
    Mutant(
        "unreadable change stops the shard",
        "a change that nobody can read comes again for ever, and keeps those behind it waiting",
        RELAYING,
        "again = self._given_up(position, step.reason) if",
        "again = position if",
    ),
    Mutant(
        "delivery not stored, not again",
        "an event whose deliveries could not be stored is told to the bus, and does not come again",
        RELAYING,
        '            logger.exception("deliveries cannot be made now; events come again", extra=log_fields)\n'
        "            return False\n",
        '            logger.exception("deliveries cannot be made now; events come again", extra=log_fields)\n',
    ),
    Mutant(
        "told to another owner",
        "the webhooks of the first owner of a batch are taken for those of all",
        RELAYING,
        "        known = self._known[event.owner_id]\n",
        "        known = next(iter(self._known.values()))\n",
    ),
    Mutant(
        "subscription ignored",
        "a webhook is told of events that it has not subscribed to",
        RELAYING,
        "each.webhook_id != CALLBACKS and each.wants(event.type)",
        "each.webhook_id != CALLBACKS",
    ),
    Mutant(
        "called back at each event",
        "a callback URL is told of more than its job's end",
        RELAYING,
        "if telling.callback_url is not None and event.type in FINAL_EVENTS:",
        "if telling.callback_url is not None:",
    ),
    Mutant(
        "delivery stored again",
        "a change that is relayed again makes its deliveries anew",
        DELIVERY_STORE,
        "            return self._deliveries.setdefault(delivery.key, delivery).token == delivery.token\n",
        "            self._deliveries[delivery.key] = delivery\n            return True\n",
    ),
)
