"""The doors to git: the checkout as it is, and a repository of ours from which results are pushed."""
