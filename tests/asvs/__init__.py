"""OWASP ASVS 5.0.0: the requirements, the tests that hold them, and ``docs/security.md``, which is made of both."""
