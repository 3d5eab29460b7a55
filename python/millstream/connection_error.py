"""What is told of a connection that fails: not what it quotes.

Drivers quote parts of connection strings, and where those are malformed a part may be of the password. What they raised
is not the cause of what is raised either.
"""

from __future__ import annotations

import re

from millstream.user_code_error import library_error

_SECRETS = re.compile(
    r"""(["'`]).*\1|\S*@\S*|\b\w*(?:passw|pwd|secret|token|key|credential)\w*\s*[=:]\s*\S+""", re.IGNORECASE
)
_OF_SERVER = "FATAL:"  # what follows it PostgreSQL says, which was never sent more than a hash


def connection_error(what: str, error: BaseException, remedy: str) -> BaseException:
    """The error to raise for `error`; to be raised where that is not handled any more, or it would be its context.

    `remedy` says how to see all of the text.
    """
    return library_error(what, error, f"{_without_secrets(str(error))} ({remedy} for the whole text)")


def _without_secrets(text: str) -> str:
    ours, server, said = text.partition(_OF_SERVER)
    return "\n".join(_SECRETS.sub("…", line) for line in ours.splitlines()) + server + said
