"""An HTTP/1.1 server to be read beside uvicorn's: the same names.

Read `server` first (startup, main loop, shutdown), then `lifespan` and
`listen`, then `protocol` (bytes become requests) and `cycle` (a request
becomes a response); `reader` and `writer` stand between these two and h11,
of which `connection` chooses the class and `lean` is a faster one; `start`
makes a cycle a task, `ending` says how it ended.
`upgrade` gives a connection to `websocket`, where frames become messages, and
`websocket_cycle` is a WebSocket as its app sees it; `handshake`, `incoming`,
`deflate`, `pings` and `socket_writer` are parts of these. With TLS,
`tls_server` accepts and shakes hands, and `tls` has the words for it;
`introduction` numbers each connection, and `proxy` believes who stands before
it. `scope`, `head`, `flow`, `refuse`, `rfc9112`, `access`, `address` and
`blame` help; `config`, `state` and `asgi` hold what they share.
"""

from tracer.capture.server.config import Config
from tracer.capture.server.protocol import H11Protocol
from tracer.capture.server.server import Server
from tracer.capture.server.state import ServerState
from tracer.capture.server.websocket import WSProtocol

__all__ = ["Config", "H11Protocol", "Server", "ServerState", "WSProtocol"]
