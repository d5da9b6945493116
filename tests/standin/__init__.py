"""A stand-in for GitHub's API: stateful, and held to GitHub's own description of it with each request and answer."""
