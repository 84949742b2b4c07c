"""
Makes things once, when they are first asked for.

As ``cached_property`` and ``cache`` of `functools` do, which let two threads that ask at the same moment make two. Of a
limiter or a set of ids a process must not have two.
"""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

Made = TypeVar("Made")


class made_once(Generic[Made]):  # noqa: N801 - a decorator, as functools.cached_property is
    """
    A method that becomes an attribute: what it returns, made with the first access of each object.

    What is assigned to the attribute before that is taken instead.

    >>> class Shop:
    ...     @made_once
    ...     def door(self) -> str:
    ...         print("made")
    ...         return "a door"
    >>> shop = Shop()
    >>> shop.door, shop.door
    made
    ('a door', 'a door')
    """

    def __init__(self, make: Callable[[Any], Made]) -> None:
        self.__doc__ = make.__doc__
        self._make = make
        self._name = make.__name__
        # Members that need each other's are no circle, so nobody waits for who waits for them.
        self._lock = threading.RLock()

    @overload
    def __get__(self, whole: None, owner: type) -> "made_once[Made]": ...
    @overload
    def __get__(self, whole: object, owner: type) -> Made: ...
    def __get__(self, whole: object | None, owner: type) -> "made_once[Made] | Made":
        """Make it; from then on Python finds it in the object itself, and does not ask here."""
        if whole is None:
            return self
        with self._lock:
            found = vars(whole)
            if self._name not in found:
                found[self._name] = self._make(whole)
            made: Made = found[self._name]
            return made


class Once(Generic[Made]):
    """
    A function without arguments that is called once; whoever calls this gets what it returned.

    >>> door = Once(lambda: object())
    >>> door() is door()
    True
    """

    def __init__(self, make: Callable[[], Made]) -> None:
        self.__doc__ = make.__doc__
        self._make = make
        self._lock = threading.RLock()
        self._made: list[Made] = []

    def __call__(self) -> Made:
        """Return it; if making it failed, it is tried again."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def cache_clear(self) -> None:
        """Forget it, for tests; the next call makes another."""
        with self._lock:
            self._made.clear()
