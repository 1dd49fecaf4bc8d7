"""Certificates become an SSLContext, and handshakes words.

Nothing here knows a connection. The key's password stays in this file: what
the trace says of the options is taken from `TLS.options`.
"""

import os
import ssl
from asyncio import BaseTransport, CancelledError
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

HANDSHAKE_TIMEOUT = 60.0
"""Seconds; asyncio's own, which uvicorn leaves as it is."""


class TLSError(ValueError):
    """What was given can't be used; says which of it, and why."""


@dataclass(frozen=True, slots=True)
class TLS:
    """How the server proves who it is, and whom it lets in.

    Attributes:
        certfile: Its certificate, with those of who signed it behind it.
        keyfile: The key to it; None: it stands in `certfile`.
        password: What opens the key.
        version: One of the `ssl` module's PROTOCOL constants.
        cert_reqs: One of its CERT constants: 0 asks clients for no
            certificate, 1 takes one that is shown, 2 requires one.
        ca_certs: Who may have signed a client's certificate.
        ciphers: OpenSSL's list of them; None: its own choice.

    Source: uvicorn, `Config.ssl_certfile` and those beside it
    """

    certfile: str
    keyfile: str | None = None
    password: str | None = field(default=None, repr=False)
    version: int = ssl.PROTOCOL_TLS_SERVER
    cert_reqs: int = ssl.CERT_NONE
    ca_certs: str | None = None
    ciphers: str | None = None

    def options(self) -> dict[str, str | int | None]:
        """What the trace may know: the files by their names alone."""
        return {
            "ssl_certfile": _name(self.certfile),
            "ssl_keyfile": _name(self.keyfile),
            "ssl_version": self.version,
            "ssl_cert_reqs": self.cert_reqs,
            "ssl_ca_certs": _name(self.ca_certs),
            "ssl_ciphers": self.ciphers,
        }

    def context(self) -> ssl.SSLContext:
        """Read the files.

        Raises:
            TLSError: They can't be read, or don't fit together.

        Source: uvicorn, `create_ssl_context`
        """
        context = self._empty_context()
        self._load_chain(context)
        try:
            context.verify_mode = ssl.VerifyMode(self.cert_reqs)
        except ValueError as error:
            raise TLSError(
                f"--ssl-cert-reqs {self.cert_reqs}: it is 0, 1 or 2"
            ) from error
        if self.ca_certs:
            _readable("--ssl-ca-certs", self.ca_certs, _CERTIFICATE)
            try:
                context.load_verify_locations(self.ca_certs)
            except ssl.SSLError as error:
                _refuse("--ssl-ca-certs", self.ca_certs, error)
        if self.ciphers:
            try:
                context.set_ciphers(self.ciphers)
            except ssl.SSLError as error:
                raise TLSError(
                    f"--ssl-ciphers: OpenSSL knows none of {self.ciphers!r}"
                ) from error
        return context

    def _empty_context(self) -> ssl.SSLContext:
        if self.version != ssl.PROTOCOL_TLS_CLIENT:
            try:
                return ssl.SSLContext(self.version)
            except ValueError:
                pass
        raise TLSError(
            f"--ssl-version {self.version}: no server speaks that; it is"
            f" {int(ssl.PROTOCOL_TLS_SERVER)} for what both sides know best"
        )

    def _load_chain(self, context: ssl.SSLContext) -> None:
        _readable("--ssl-certfile", self.certfile, _CERTIFICATE)
        option = "--ssl-keyfile" if self.keyfile else "--ssl-certfile"
        keyfile = self.keyfile or self.certfile
        _readable(option, keyfile, _KEY)
        asked = False

        def password() -> str:
            # Else OpenSSL would ask on the terminal, which isn't ours.
            nonlocal asked
            asked = True
            return self.password or ""

        try:
            context.load_cert_chain(self.certfile, self.keyfile, password)
        except (ssl.SSLError, ValueError) as error:
            if asked and not self.password:
                raise TLSError(
                    f"{option} {keyfile}: the key is encrypted; give its"
                    " password with --ssl-keyfile-password"
                ) from None
            if asked and getattr(error, "reason", "") != _MISMATCH:
                raise TLSError(
                    f"{option} {keyfile}: --ssl-keyfile-password doesn't open"
                    " the key"
                ) from None
            _refuse(option, keyfile, error)


_CERTIFICATE = "-----BEGIN CERTIFICATE-----", "certificate"
_KEY = "PRIVATE KEY-----", "private key"
_MISMATCH = "KEY_VALUES_MISMATCH"


def _readable(option: str, path: str, wanted: tuple[str, str]) -> None:
    mark, what = wanted
    try:
        text = Path(path).read_text("latin-1")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise TLSError(f"{option} {path} can't be read: {why}") from error
    if mark not in text:
        raise TLSError(f"{option} {path}: there is no {what} in it (as PEM)")


def _refuse(option: str, path: str, error: Exception) -> NoReturn:
    reason = getattr(error, "reason", None) or "unreadable"
    if reason == _MISMATCH:
        said = "it is not the key to the certificate"
    else:
        said = f"OpenSSL can't use it ({_words(reason)})"
    raise TLSError(f"{option} {path}: {said}") from error


def _name(path: str | None) -> str | None:
    return None if path is None else os.path.basename(path)  # noqa: PTH119


def agreed(transport: BaseTransport) -> tuple[str, str, str, str]:
    """Give what a handshake has settled.

    Returns:
        Version, cipher, application protocol (ALPN) or nothing, and whom the
        client's certificate names, or nothing.
    """
    found = transport.get_extra_info("ssl_object")
    cipher = found.cipher()
    return (
        found.version() or "",
        cipher[0] if cipher else "",
        found.selected_alpn_protocol() or "",
        _subject(found.getpeercert() or {}),
    )


def _subject(certificate: Mapping[str, Any]) -> str:
    """Write a name as RFC 4514 does, but in the certificate's order."""
    names = (pair for part in certificate.get("subject", ()) for pair in part)
    return ", ".join(f"{_SHORT.get(name, name)}={it}" for name, it in names)


_SHORT = {
    "commonName": "CN",
    "countryName": "C",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
}


def failure(error: BaseException) -> tuple[str, str]:
    """Say why a handshake failed: the error's own name, and in words."""
    name = type(error).__name__
    match error:
        case ssl.SSLCertVerificationError():
            said = error.verify_message.rstrip(".")
            said = f"the client's certificate is not trusted: {said}"
            return f"{name} {error.reason}", said
        case ssl.SSLError(reason=str(reason)):
            return f"{name} {reason}", _reason(reason)
        case ConnectionAbortedError():
            return name, str(error) or "the connection was cut"
        case ConnectionError() | ssl.SSLError():
            return name, "the client hung up"
        case CancelledError():
            return name, "the server shut down"
        case _:
            return name, str(error) or name


def _reason(reason: str) -> str:
    _, alert, theirs = reason.partition("ALERT_")
    if alert:
        said = _ALERTS.get(theirs, _words(theirs))
        return f"the client broke it off: {said}"
    return _REASONS.get(reason, _words(reason))


def _words(name: str) -> str:
    return name.replace("_", " ").lower()


_REASONS = {
    "HTTP_REQUEST": "plain HTTP came to a port that speaks TLS",
    "HTTPS_PROXY_REQUEST": "a proxy's plain HTTP came to a port of TLS",
    "NO_SHARED_CIPHER": "client and server know no cipher in common",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": (
        "the client showed no certificate, and one is required"
    ),
    "PACKET_LENGTH_TOO_LONG": "what came is no TLS",
    "RECORD_LAYER_FAILURE": "what came is no TLS",
    "UNEXPECTED_EOF_WHILE_READING": "the client hung up",
    "UNKNOWN_PROTOCOL": "what came is no TLS",
    "UNSUPPORTED_PROTOCOL": "the client knows only too old versions of TLS",
    "VERSION_TOO_LOW": "the client knows only too old versions of TLS",
    "WRONG_VERSION_NUMBER": "what came is no TLS",
}
"""OpenSSL's reasons, in words; the others are words enough."""

_ALERTS = {
    "BAD_CERTIFICATE": "it doesn't accept the server's certificate",
    "CERTIFICATE_EXPIRED": "the server's certificate has expired",
    "CERTIFICATE_UNKNOWN": "it doesn't accept the server's certificate",
    "HANDSHAKE_FAILURE": "it found nothing in common",
    "PROTOCOL_VERSION": "it doesn't speak the server's version of TLS",
    "UNKNOWN_CA": "it doesn't trust who signed the server's certificate",
}
"""What a client said before it left.

Source: RFC 8446, section 6.2
"""
