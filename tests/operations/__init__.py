"""Operations for the tests of the process that runs them."""
