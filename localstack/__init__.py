"""
The product on a laptop: an emulated AWS, the same template that AWS gets, and the API at one local address.

``chalicelib`` never imports this package, and it is not in the Lambda's zip.
"""
