"""
What jobs compute: one module an operation, holding one typed function of the module's name.

``registry`` finds them; there is no list to extend. ``docs/add-an-operation.md`` walks through it.
"""
