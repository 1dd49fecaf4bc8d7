"""Certificates for a test, and a client that checks them."""

import socket
import ssl
from pathlib import Path
from typing import Any

import trustme
from server_running import PATIENCE, Client

from tracer.capture.server.tls import TLS


def certificate(folder: Path, **options: Any) -> tuple[trustme.CA, TLS]:  # noqa: ANN401
    """Make one for 127.0.0.1, and whoever has signed it.

    Its files are `server.pem` and `server.key`; `ca.pem` is the signer's.
    """
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1", "localhost")
    certfile, keyfile = folder / "server.pem", folder / "server.key"
    certfile.write_bytes(b"".join(p.bytes() for p in made.cert_chain_pems))
    made.private_key_pem.write_to_path(keyfile)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return authority, TLS(str(certfile), str(keyfile), **options)


class TLSClient(Client):
    """A socket that speaks TLS.

    Args:
        port: The server's.
        authority: Whom it trusts.
        shown: Its own certificate; None: it has none.
        plain: A connected socket, if it isn't TCP.
        newest: The newest version that it speaks.
    """

    sock: ssl.SSLSocket

    def __init__(
        self,
        port: int,
        authority: trustme.CA,
        shown: trustme.LeafCert | None = None,
        *,
        plain: socket.socket | None = None,
        newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
    ) -> None:
        context = ssl.create_default_context()
        context.maximum_version = newest
        authority.configure_trust(context)
        if shown is not None:
            shown.configure_cert(context)
        if plain is None:
            plain = socket.create_connection(("127.0.0.1", port), PATIENCE)
        try:
            self.sock = context.wrap_socket(plain, server_hostname="127.0.0.1")
        except BaseException:
            plain.close()
            raise
