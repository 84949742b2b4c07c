import msgspec
import pytest

from chalicelib.api.query import in_words, parameter_kinds


class Unserved(msgspec.Struct):
    ratio: float


def test_what_no_parameter_can_be_is_the_programmers_mistake() -> None:
    (ratio,) = parameter_kinds(Unserved).values()
    with pytest.raises(TypeError, match="no parameter can be of FloatType"):
        in_words(ratio)
    with pytest.raises(TypeError, match="dict must be a struct"):
        parameter_kinds(dict)
