"""Signs in to a registry for requests, once, and only when the registry asks."""

from collections.abc import Callable
from typing import Any

from requests import PreparedRequest, Response, codes
from requests.auth import AuthBase


class RegistryAuth(AuthBase):
    """Answers a registry's challenge, and signs later requests in the same way."""

    def __init__(self, answer: Callable[[str], str]) -> None:
        """`answer`: WWW-Authenticate → Authorization; empty without credentials."""
        self._answer = answer
        self._authorization = ""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        """Sign the request, if the signature is known."""
        if self._authorization:
            request.headers["Authorization"] = self._authorization
        request.register_hook("response", self._challenged)  # type: ignore[no-untyped-call]
        return request

    def _challenged(self, response: Response, **sending: Any) -> Response:  # noqa: ANN401 - as requests calls it
        """Repeat the request with a signature if the registry asks for one."""
        if response.status_code != codes["unauthorized"]:
            return response
        _ = response.content  # read it, so that the connection can be used again
        response.close()
        self._authorization = self._answer(response.headers.get("WWW-Authenticate", ""))
        if not self._authorization:
            return response
        request = response.request.copy()
        request.headers["Authorization"] = self._authorization
        again: Response = response.connection.send(request, **sending)
        again.history.append(response)
        again.request = request
        return again
