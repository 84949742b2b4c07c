"""
What the deployed service does at internet scale: ``python -m benchmarks.model``, which ``make model`` runs.

`aws` has what AWS documents, `product` what the product's own code and settings say, `deployment` both as the limits
of one deployment; `loads` is what callers ask for. `service` is the simulation, of the parts `front`, `functions`,
`store`, `queue`, `relay` and `capacity`; `book` and `outcome` are what is kept of it. `scenarios` runs it with one
limit after the other raised, `runs` all of that; `bill` makes dollars of it, `values`, `page` and `plots` show it.

Nothing here has been measured in an AWS account.
"""
