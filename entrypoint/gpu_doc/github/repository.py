"""One repository on GitHub, used with one token.

PyGithub's objects are lazy here and made from a number or a name, so that each method makes exactly the requests that
its docstring names. The first request asks for the repository itself. If it was renamed, we use the new name from then
on: for the old name, PyGithub follows GitHub's redirect without the request's query.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import github.Repository

    from gpu_doc.github.connection import Connection


class Repository:
    """What requests about one repository share."""

    def __init__(self, name: str, connection: Connection, note: Callable[[str], None]) -> None:
        """`note` prints a note."""
        self._name = name
        self.connection = connection
        self.note = note

    @cached_property
    def there(self) -> github.Repository.Repository:
        """PyGithub's object: one request, sent once. Raises PublishError."""
        ask = self.connection
        with ask.asked("look at the repository"):
            repository = ask.repeat(lambda: ask.api.get_repo(self._name).complete())
        if not repository.full_name:
            raise ask.strange("it knows no name of the repository")
        if repository.full_name.lower() != self._name.lower():
            self.note(f"{self._name} is called {repository.full_name} by now")
        return repository
