"""Everything that uses git: reading the checkout, and a separate repository from which results are pushed."""
