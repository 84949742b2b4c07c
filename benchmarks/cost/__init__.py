"""
What jobs cost on AWS: ``python -m benchmarks.cost``, which ``make cost`` runs.

`prices` reads the dated list of prices and multiplies; `meter` counts; `stand` has the product over an emulator;
`shapes` uses it as callers do; `months` makes what AWS bills of the counts; `page` writes it down.
"""
