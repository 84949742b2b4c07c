"""
What one would write instead of this project, as one would write it: the comparison's other contestants.

Each does of a job backend only what is timed: a token check, a limit, a row and a message to submit a job; two writes
to run one. Those for Lambda make their clients where its best practices have them, outside of the handler. What these
modules import is installed apart, so only a process that is started for it can import them.
"""
