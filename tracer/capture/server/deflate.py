"""Compressed frames become plain ones, and stop at a limit.

wsproto unpacks whatever comes: 194 KB of a message can become 200 MB before
anybody may look at it. Here unpacking itself stops at the limit.
"""

import zlib

from wsproto.extensions import PerMessageDeflate
from wsproto.frame_protocol import (
    CloseReason,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    RsvBits,
)

TAIL = b"\x00\x00\xff\xff"
"""What a sender leaves out at the end of each message.

Source: RFC 7692, section 7.2.1
"""

Proto = FrameDecoder | FrameProtocol


class BoundedDeflate(PerMessageDeflate):
    """permessage-deflate on the server's side, with a size limit.

    What comes in is unpacked here; negotiating and packing are wsproto's.

    Attributes:
        limit: Bytes that one message may unpack to.
        unpacked: Bytes of the message that is coming, unpacked so far.
        packed: The same as it came; None: it isn't compressed.
        sent: Bytes of the latest frame that went out, packed.
        exceeded: Whether a message was over the limit.

    Source: RFC 7692; wsproto, `PerMessageDeflate`
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit
        self.unpacked = 0
        self.packed: int | None = None
        self.sent = 0
        self.exceeded = False
        self._begun = False
        self._is_data = False
        # zlib's class has no public name.
        self._unzip = zlib.decompressobj(wbits=-15)

    def accept(self, offer: str) -> bool | str | None:
        """Agree to one offer of the client's, or decline it."""
        try:
            accepted = super().accept(offer)
        except ValueError:
            return None  # a window size that is no number
        self._unzip = self._new_unzip()
        return accepted

    def _new_unzip(self) -> "zlib._Decompress":
        return zlib.decompressobj(wbits=-self.client_max_window_bits)

    def frame_inbound_header(
        self,
        proto: Proto,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        """See whether a message begins, and whether it is compressed.

        A control frame may stand between two frames of a message, and
        changes nothing about it.
        """
        self._is_data = not opcode.iscontrol()
        if rsv.rsv1 and (not self._is_data or opcode is Opcode.CONTINUATION):
            return CloseReason.PROTOCOL_ERROR
        if self._is_data and not self._begun:
            self._begun = True
            self.unpacked = 0
            self.packed = 0 if rsv.rsv1 else None
        return RsvBits(rsv1=True, rsv2=False, rsv3=False)

    def frame_inbound_payload_data(
        self, proto: Proto, data: bytes
    ) -> bytes | CloseReason:
        """Unpack what has come of a frame."""
        if not self._is_data or self.packed is None:
            return data
        self.packed += len(data)
        return self._unpack(data)

    def frame_inbound_complete(
        self, proto: Proto, fin: bool
    ) -> bytes | CloseReason | None:
        """Unpack what is still inside, at the end of a message."""
        if not self._is_data or not fin:
            return None
        self._begun = False
        if self.packed is None:
            return None
        data = self._unpack(TAIL)
        if self.client_no_context_takeover or self._unzip.eof:
            self._unzip = self._new_unzip()
        return data

    def _unpack(self, data: bytes) -> bytes | CloseReason:
        # One more than allowed: so that exactly the limit is within it. It
        # is never 0, which would mean "without a limit".
        most = self.limit - self.unpacked + 1
        try:
            plain = self._unzip.decompress(data, most)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self.unpacked += len(plain)
        if self.unpacked > self.limit:
            self.exceeded = True
            return CloseReason.MESSAGE_TOO_BIG
        return plain

    def frame_outbound(
        self,
        proto: Proto,
        opcode: Opcode,
        rsv: RsvBits,
        data: bytes,
        fin: bool,
    ) -> tuple[RsvBits, bytes]:
        """Pack a frame, and remember how small it became."""
        rsv, packed = super().frame_outbound(proto, opcode, rsv, data, fin)
        self.sent = len(packed)
        return rsv, packed
