"""
DynamoDB repositories: keys and attribute names in ``keys`` and ``event_keys``, item forms in ``items`` and
``account_items``, one repository a module.

Every write that another may be in the way of is conditional, and its condition is a named constant with a sentence.
Tables are defined once, in ``.chalice/resources.json``.
"""
