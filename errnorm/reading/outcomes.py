"""What every client calls its failures, and what each means for the request: one table, one row per outcome."""

from __future__ import annotations

from typing import NamedTuple

from errnorm.families import Family

# The forks share their elder's names.
CLIENTS = {
    "httpx": "httpx",
    "httpx2": "httpx",
    "requests": "requests",
    "niquests": "requests",
    "aiohttp": "aiohttp",
    "urllib3": "urllib3",
    "urllib3_future": "urllib3",
    "urllib": "urllib",
}


class Outcome(NamedTuple):
    """What a word means; the finest word has the lowest rank, and no reason where it tells of no transport failure."""

    rank: int
    reason: str
    family: Family
    sent: bool | None


# The finest row stands first: of all the words along an exception's causes, the one that stands highest is believed.
# A word is `client.Class`; `handshake.Class` is a failure inside a TLS handshake, `errno.NAME` a system's error number.
# fmt: off
_TABLE: tuple[tuple[str, Family, bool | None, str], ...] = (
    # ours: the request could not even be written down, so the family whose fault is the integration's
    ("INVALID_URL", Family.VALIDATION, False, """
        httpx.InvalidURL httpx.UnsupportedProtocol requests.InvalidURL requests.InvalidProxyURL requests.InvalidSchema
        requests.MissingSchema requests.URLRequired aiohttp.InvalidUrlClientError aiohttp.NonHttpUrlClientError
        aiohttp.InvalidURL urllib3.LocationValueError urllib3.LocationParseError urllib3.URLSchemeUnknown
        urllib3.ProxySchemeUnknown urllib3.ProxySchemeUnsupported"""),
    # a loop may be our wrong path as well as the vendor's: nobody knows, and the same request will loop again
    ("TOO_MANY_REDIRECTS", Family.UNKNOWN, True, """
        httpx.TooManyRedirects requests.TooManyRedirects aiohttp.TooManyRedirects urllib3.ResponseError:redirects"""),
    ("BAD_REDIRECT", Family.UNKNOWN, True, """
        aiohttp.RedirectClientError aiohttp.InvalidUrlRedirectClientError aiohttp.NonHttpUrlRedirectClientError"""),
    # the client's own retries ended on statuses that it was told to retry; which ones, it does not say
    ("RETRIES_EXHAUSTED", Family.UNAVAILABLE, True, "requests.RetryError urllib3.ResponseError"),
    ("PROXY_FAILURE", Family.CONNECTION, False, """
        httpx.ProxyError requests.ProxyError aiohttp.ClientProxyConnectionError aiohttp.ClientHttpProxyError
        urllib3.ProxyError"""),
    ("DNS_FAILURE", Family.CONNECTION, False, """
        aiohttp.ClientConnectorDNSError urllib3.NameResolutionError socket.gaierror socket.herror"""),
    ("CONNECTION_REFUSED", Family.CONNECTION, False, "builtins.ConnectionRefusedError"),
    ("HOST_UNREACHABLE", Family.CONNECTION, False, """
        errno.EHOSTUNREACH errno.ENETUNREACH errno.EHOSTDOWN errno.ENETDOWN"""),
    ("TLS_FAILURE", Family.CONNECTION, False, """
        handshake.SSLError ssl.SSLCertVerificationError aiohttp.ClientSSLError aiohttp.ClientConnectorSSLError
        aiohttp.ClientConnectorCertificateError aiohttp.ServerFingerprintMismatch"""),
    ("POOL_TIMEOUT", Family.TIMEOUT, False, "httpx.PoolTimeout urllib3.EmptyPoolError"),
    ("CONNECT_TIMEOUT", Family.TIMEOUT, False, """
        handshake.TimeoutError httpx.ConnectTimeout requests.ConnectTimeout aiohttp.ConnectionTimeoutError
        urllib3.ConnectTimeoutError"""),
    ("WRITE_TIMEOUT", Family.TIMEOUT, None, "httpx.WriteTimeout"),
    ("READ_TIMEOUT", Family.TIMEOUT, None, """
        httpx.ReadTimeout requests.ReadTimeout aiohttp.SocketTimeoutError urllib3.ReadTimeoutError"""),
    ("TIMEOUT", Family.TIMEOUT, None, """
        httpx.TimeoutException requests.Timeout aiohttp.ServerTimeoutError urllib3.TimeoutError
        builtins.TimeoutError"""),
    ("TLS_FAILURE", Family.CONNECTION, None, "requests.SSLError urllib3.SSLError ssl.SSLError"),
    ("DECODING_ERROR", Family.CONNECTION, True, """
        httpx.DecodingError requests.ContentDecodingError aiohttp.ContentEncodingError urllib3.DecodeError"""),
    ("CONNECTION_RESET", Family.CONNECTION, False, "handshake.ConnectionError"),
    ("PROTOCOL_ERROR", Family.CONNECTION, None, """
        h11.RemoteProtocolError h2.ProtocolError httpx.SSEError aiohttp.HttpProcessingError urllib3.IncompleteRead
        urllib3.InvalidChunkLength urllib3.InvalidHeader urllib3.HeaderParsingError urllib3.ResponseNotChunked"""),
    # an answer that never begins is a broken connection too: httpx calls both remote protocol errors, but only where
    # h11 or h2 stand behind one was there something to object to
    ("CONNECTION_RESET", Family.CONNECTION, None, """
        httpx.RemoteProtocolError httpx.ReadError httpx.WriteError httpx.CloseError http.RemoteDisconnected
        aiohttp.ServerDisconnectedError aiohttp.ClientConnectionResetError aiohttp.UploadAbortedError
        builtins.ConnectionResetError builtins.ConnectionAbortedError builtins.BrokenPipeError"""),
    ("PROTOCOL_ERROR", Family.CONNECTION, None, """
        httpx.ProtocolError requests.ChunkedEncodingError aiohttp.ClientPayloadError urllib3.ProtocolError"""),
    ("INVALID_REQUEST", Family.VALIDATION, None, """
        httpx.LocalProtocolError requests.InvalidHeader requests.UnrewindableBodyError urllib3.UnrewindableBodyError
        urllib3.HostChangedError"""),
    ("CONNECT_FAILURE", Family.CONNECTION, False, """
        httpx.ConnectError aiohttp.ClientConnectorError aiohttp.UnixClientConnectorError urllib3.NewConnectionError"""),
    ("CONNECTION", Family.CONNECTION, None, """
        httpx.NetworkError httpx.TransportError httpx.RequestError httpx.HTTPError requests.ConnectionError
        requests.RequestException requests.MultiplexingError aiohttp.ServerConnectionError aiohttp.ClientOSError
        aiohttp.ClientConnectionError aiohttp.ClientError urllib3.HTTPError urllib3.PoolError urllib3.RequestError
        urllib3.MaxRetryError urllib3.ClosedPoolError urllib3.FullPoolError urllib3.RecoverableError
        urllib3.MustDowngradeError urllib3.MustRedialError urllib3.EarlyResponse urllib.URLError
        builtins.ConnectionError"""),
    # an answer that came, and misuse of a client: the one is read elsewhere, the other is a bug and rises as one
    ("", Family.UNKNOWN, None, """
        httpx.HTTPStatusError httpx.CookieConflict httpx.StreamError httpx.StreamConsumed httpx.StreamClosed
        httpx.ResponseNotRead httpx.RequestNotRead requests.HTTPError requests.InvalidJSONError
        requests.JSONDecodeError requests.StreamConsumedError aiohttp.ClientResponseError aiohttp.ContentTypeError
        aiohttp.WSServerHandshakeError aiohttp.WSMessageTypeError aiohttp.WebSocketError aiohttp.EofStream
        urllib3.BodyNotHttplibCompatible urllib3.ResponseNotReady urllib3.TimeoutStateError urllib.HTTPError"""),
)
# fmt: on
OUTCOMES = {
    word: Outcome(rank, reason, family, sent)
    for rank, (reason, family, sent, words) in enumerate(_TABLE)
    for word in words.split()
}
