"""A refresh from the plan to what is published."""
