"""Options become the server's Config."""

import os
from dataclasses import fields

from tracer.capture.gate import Gate
from tracer.capture.importer import AppError
from tracer.capture.options import Options
from tracer.capture.probe import Note, Probe
from tracer.capture.server import Config, WSProtocol
from tracer.capture.server.asgi import ASGIApp
from tracer.capture.server.proxy import TrustedProxies
from tracer.capture.server.tls import TLS, TLSError

TRUSTED = "127.0.0.1,::1"

_SAME = tuple(
    each.name
    for each in fields(Config)
    if each.init and each.name in Options.__struct_fields__
    if each.name != "app"  # a name there, and here what it names
)
"""What both call by one name goes over as it is."""


def configure(
    options: Options, app: ASGIApp, probe: Probe | None, gate: Gate | None
) -> Config:
    """Make the Config of an app that was imported.

    Raises:
        AppError: Certificate or key can't be used.
    """
    same = {name: getattr(options, name) for name in _SAME}
    try:
        return Config(
            app,
            app_name=options.app,
            trusted_proxies=_trusted(options),
            tls=_tls(options),
            ws_protocol_class=None if options.ws == "none" else WSProtocol,
            note=None if probe is None else Note(probe),
            gate=gate,
            **same,
        )
    except TLSError as error:
        raise AppError(str(error), usage=True) from error


def _trusted(options: Options) -> TrustedProxies | None:
    """Whose word is taken.

    Source: uvicorn, `Config.forwarded_allow_ips`
    """
    if not options.proxy_headers:
        return None
    if (named := options.forwarded_allow_ips) is None:
        named = os.environ.get("FORWARDED_ALLOW_IPS", TRUSTED)
    return TrustedProxies(named)


def _tls(options: Options) -> TLS | None:
    if options.ssl_certfile is None:
        return None
    return TLS(
        options.ssl_certfile,
        options.ssl_keyfile,
        options.ssl_keyfile_password,
        options.ssl_version,
        options.ssl_cert_reqs,
        options.ssl_ca_certs,
        options.ssl_ciphers,
    )
