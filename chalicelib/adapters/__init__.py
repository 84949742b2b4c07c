"""The outside: one AWS call a method, and the libraries for tokens, passwords, time and ids."""
