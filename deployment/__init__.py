"""
The product as it is deployed: packaged, checked, rolled out to a stage, watched, changed and removed.

The same programs work on AWS and on an emulator. ``chalicelib`` never imports this package, and it is not in the
Lambda's zip.
"""
