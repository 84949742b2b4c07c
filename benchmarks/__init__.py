"""What the product costs at sizes that no test should take the time for."""
