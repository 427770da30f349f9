"""The details of a status, and calls that end without one."""

import base64

import pytest
import trio

from walrusd.chain.grpc import BadRequest, ErrorInfo, FieldViolation, GRPCError, HangUpError, Status
from walrusd.chain.grpc.status_details import decode_details, encode_details

from .wiretools import Raw, handler, method, switchboard

ASK, COUNT = method("Ask"), method("Count")


def violation():
    return BadRequest([FieldViolation("owner", "not an address", "FIELD_INVALID")])


def test_the_trailer_has_the_bytes_of_the_protocol():
    # google.rpc.Status{code=3, message="no", details=[Any{type_url, ErrorInfo{"R", "D"}}]}
    url = b"type.googleapis.com/google.rpc.ErrorInfo"
    info = b"\x0a\x01R\x12\x01D"
    packed = b"\x0a" + bytes([len(url)]) + url + b"\x12" + bytes([len(info)]) + info
    raw = b"\x08\x03\x12\x02no\x1a" + bytes([len(packed)]) + packed
    text = encode_details(Status.INVALID_ARGUMENT, "no", [ErrorInfo("R", "D")])
    assert base64.b64decode(text + "=" * (-len(text) % 4)) == raw
    assert not text.endswith("=")
    assert decode_details(text) == [ErrorInfo("R", "D")]


@pytest.mark.parametrize("text", ["", "!", "AAAA", base64.b64encode(b"\xff" * 9).decode()])
def test_a_trailer_that_cannot_be_read_says_nothing(text):
    assert decode_details(text) == []


async def test_details_arrive_with_the_error(autojump_clock):
    async def ask(request):
        raise GRPCError(Status.INVALID_ARGUMENT, "no", [violation(), ErrorInfo("R", "sui.rpc")])

    async with switchboard({ASK.route: handler(ask)}) as (channel, _):
        with pytest.raises(GRPCError) as caught:
            await channel.unary(ASK, Raw(b""))
    assert caught.value.details == [violation(), ErrorInfo("R", "sui.rpc")]


@pytest.mark.parametrize("connection", [False, True])
async def test_a_call_that_is_hung_up_on_is_unavailable(autojump_clock, connection):
    async def ask(request):
        if request == b"again":
            return request
        raise HangUpError(reply=Raw(bytes(100)), connection=connection)

    async def count(request):
        yield Raw(b"one")
        yield Raw(b"two")
        raise HangUpError(reply=Raw(b"three"), connection=connection)

    table = {ASK.route: handler(ask), COUNT.route: handler(count, streaming=True)}
    async with switchboard(table) as (channel, board):
        with pytest.raises(GRPCError) as caught:
            await channel.unary(ASK, Raw(b""))
        assert caught.value.status is Status.UNAVAILABLE
        got = []
        async with channel.stream(COUNT, Raw(b"")) as stream:
            with pytest.raises(GRPCError) as caught:  # noqa: PT012 - the error ends the loop
                while True:
                    got.append(await stream.recv_message())
        assert caught.value.status is Status.UNAVAILABLE
        assert got == [b"one", b"two"]
        assert await channel.unary(ASK, Raw(b"again")) == b"again"
        assert len(board.streams) == (3 if connection else 1)
    await trio.lowlevel.checkpoint()
