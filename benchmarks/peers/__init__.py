"""What one would use instead of the product, as its own documentation recommends; runs in an environment of its own."""
