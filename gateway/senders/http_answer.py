"""Answers of HTTP/1.1 (RFC 9112) out of bytes, as they come. Pure.

The grammar is llhttp's, in its strict form. Knows no connection: whoever has one feeds it, and asks
afterwards whether the connection may carry another answer.
"""

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from gateway.errors import UnavailableError
from gateway.senders.answer import Answer, AnswerHeaders

MAX_ANSWER_BYTES = 1 << 20
"""Of a body. Buses answer with some hundred bytes an entry; what is longer comes from something else."""

MAX_HEAD_BYTES = 64 << 10
"""Of an answer's head with the interim answers before it, and of what stands between pieces of a body."""

_LEAST_FINAL_STATUS = 200
_SWITCHING_PROTOCOLS = 101
_VERSIONS = ("1.1", "1.0")


class AnswerReader:
    """Reads one answer after another; `expect` before each."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.expect()

    def expect(self) -> None:
        """Begin with the next answer; the one before must be complete and `keeps_alive`."""
        self.keeps_alive = False
        """Whether the connection may be used again; known when the answer is complete."""
        self._answer: Answer | None = None
        self._refusal: UnavailableError | None = None
        self._status = 0
        """Of the answer whose head is read; 0 until then."""
        self._headers: list[tuple[bytes, bytes]] = []
        self._pieces: list[bytes] = []
        self._body_bytes = 0
        self._bytes_without_body = 0
        """Since the beginning, or since the last piece of a body."""

    def feed(self, data: bytes) -> Answer | None:
        """The answer if it is complete with `data`, else None.

        Raises UnavailableError for what is no answer, or one that is too large; nothing may follow that.
        """
        self._bytes_without_body += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self.keeps_alive = False  # with a complete answer: there is something behind it
            if self._answer is None:
                raise self._refusal or UnavailableError("unreadable_answer", str(error)) from error
        if self._answer is None and self._bytes_without_body > MAX_HEAD_BYTES:
            raise _head_too_large()
        return self._answer

    def end(self) -> Answer:
        """The answer that the connection's end makes complete. Raises UnavailableError if it does not."""
        self.keeps_alive = False
        if not self._status or self._is_delimited():
            begun = self._status or self._headers or self._bytes_without_body
            raise UnavailableError(
                "connection_reset", "closed within the answer" if begun else "closed without an answer"
            )
        return self._complete()

    # the parser's side

    def on_message_begin(self) -> None:
        """A status line begins: of the answer that was asked for, of one after an interim one, or of none."""
        if self._answer is not None:
            raise ValueError("more than one answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or of a chunked body's trailer, which is not for us."""
        if not self._status:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is whole; where the network cuts does not decide whether it is too large."""
        status = self._parser.get_status_code()
        if self._bytes_without_body > MAX_HEAD_BYTES and self._head_bytes() > MAX_HEAD_BYTES:
            self._refuse(_head_too_large())
        if status == _SWITCHING_PROTOCOLS or not 100 <= status <= 999:  # noqa: PLR2004 - three digits
            self._refuse(UnavailableError("unreadable_answer", f"status {status}"))
        if self._parser.get_http_version() not in _VERSIONS:
            self._refuse(UnavailableError("unreadable_answer", "not HTTP/1.1 or 1.0"))
        self._status = status

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._status < _LEAST_FINAL_STATUS:
            self._refuse(UnavailableError("unreadable_answer", "an interim answer with a body"))
        self._bytes_without_body = 0
        self._body_bytes += len(piece)
        if self._body_bytes > MAX_ANSWER_BYTES:
            self._refuse(UnavailableError("answer_too_large", f"more than {MAX_ANSWER_BYTES} bytes"))
        self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """The answer is complete, unless it was an interim one (RFC 9110 §15.2)."""
        if self._status < _LEAST_FINAL_STATUS:
            self._status = 0
            self._headers.clear()
            return
        self.keeps_alive = self._parser.should_keep_alive()
        self._complete()

    # within

    def _complete(self) -> Answer:
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._answer = answer = Answer(self._status, AnswerHeaders(self._headers), body)
        return answer

    def _refuse(self, error: UnavailableError) -> None:
        self._refusal = error
        raise error

    def _head_bytes(self) -> int:
        return sum(len(name) + len(value) + len(b": \r\n") for name, value in self._headers)

    def _is_delimited(self) -> bool:
        """Whether the body's end is told by other means than the connection's."""
        return any(name.lower() in (b"content-length", b"transfer-encoding") for name, _ in self._headers)


def _head_too_large() -> UnavailableError:
    return UnavailableError("answer_too_large", f"a head of more than {MAX_HEAD_BYTES} bytes")
