"""Every request gets an answer with a stable code: good ones, bad ones, and nonsense."""

import json

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.support.guards import GUARD_S
from walrusd.rpc.dispatch import dispatch
from walrusd.rpc.schema import MAX_BATCH, MAX_BODY_BYTES, METHODS


def request(method: str, params=None, number: int | None = 1):
    body = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        body["params"] = params
    return body if number is None else body | {"id": number}


async def test_parameters_by_name_and_by_position(daemon) -> None:
    answer = await daemon.call("task.show", {"task": "0x1"})
    assert answer == {"jsonrpc": "2.0", "id": 1, "result": {"method": "task_show", "task": "0x1"}}
    answer = await daemon.call("keys.deny", ["0x2", "no licence"])
    assert answer["result"] == {"method": "keys_deny", "request": "0x2", "reason": "no licence"}


async def test_defaults_are_filled_in(daemon) -> None:
    assert (await daemon.call("dataset.list"))["result"]["mine"] is False
    assert (await daemon.call("node.register"))["result"]["params"] == {}


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_every_method_of_the_table_reaches_the_api(daemon, method) -> None:
    samples = {"string": "0x1", "boolean": True, "object": {"stake": "1 SUI"}}
    params = {param.name: samples[param.kind] for param in method.params}
    assert (await daemon.call(method.name, params))["result"]["method"] == method.attribute
    assert daemon.api.calls == [(method.attribute, params)]


@pytest.mark.parametrize(
    ("method", "params", "number", "complaint"),
    [
        ("task.shwo", {}, -32601, "Method not found: task.shwo"),
        ("task.show", {}, -32602, "needs the parameter 'task'"),
        ("task.show", {"task": 5}, -32602, "'task' to be a JSON string"),
        ("task.show", {"task": "a", "colour": 1}, -32602, "no parameter 'colour'"),
        ("task.show", ["a", "b"], -32602, "takes 1 parameters, not 2"),
        ("dataset.list", {"mine": "yes"}, -32602, "'mine' to be a JSON boolean"),
        ("task.publish", {"params": []}, -32602, "'params' to be a JSON object"),
        ("status", {"self": 1}, -32602, "no parameter 'self'"),
    ],
)
async def test_a_wrong_call_is_explained(daemon, method, params, number, complaint) -> None:
    error = (await daemon.call(method, params))["error"]
    assert error["code"] == number
    assert error["data"]["code"] == "rpc.bad_request"
    assert complaint in error["data"]["message"]
    assert error["data"]["hint"]
    assert daemon.api.calls == []


@pytest.mark.parametrize(
    ("task", "number", "code"),
    [
        ("broke", -32001, "chain.insufficient_balance"),
        ("forged", -32002, "storage.content"),
        ("spoilt", -32003, "storage.corrupt"),
        ("offline", -32003, "storage.unreachable"),
        ("full", -32003, "local.disk_full"),
        ("nested", -32003, "storage.unreachable"),
    ],
)
async def test_typed_errors_keep_code_hint_and_blame(daemon, task, number, code) -> None:
    error = (await daemon.call("task.join", {"task": task}))["error"]
    assert (error["code"], error["data"]["code"]) == (number, code)
    assert error["message"] == error["data"]["message"]
    assert "hint" in error["data"]


@pytest.mark.parametrize("task", ["bug", "invariant"])
async def test_a_bug_is_answered_without_its_text(daemon, task: str) -> None:
    response = await daemon.post(request("task.join", {"task": task}))
    assert "hunter2" not in response.text
    assert response.json()["error"]["data"]["code"] == "internal"
    assert (await daemon.call("status"))["result"]["method"] == "status", "the daemon lives on"


@pytest.mark.parametrize(
    ("body", "number"),
    [
        (b"", -32700),
        (b"garbage", -32700),
        (b"\xff\xfe", -32700),
        (b'{"jsonrpc": "2.0", "method": "status", "id": NaN}', -32700),
        (b'{"jsonrpc": "2.0", "method": "status", "id": 1e999}', -32700),
        (b"[" * 100_000, -32700),
        (b"5", -32600),
        (b"[]", -32600),
        (b'{"jsonrpc": "1.0", "method": "status", "id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "method": 5, "id": 1}', -32600),
        (b'{"jsonrpc": "2.0", "method": "status", "params": 5, "id": 1}', -32600),
    ],
)
async def test_malformed_requests(daemon, body: bytes, number: int) -> None:
    answer = (await daemon.post(body)).json()
    assert answer["id"] is None
    assert answer["error"]["code"] == number
    assert answer["error"]["data"]["code"] == "rpc.bad_request"
    assert answer["error"]["data"]["hint"]


async def test_a_request_that_is_too_large(daemon) -> None:
    exact = json.dumps(request("task.show", {"task": ""})).encode()
    exact = exact.replace(b'""', b'"' + b"a" * (MAX_BODY_BYTES - len(exact)) + b'"')
    assert len(exact) == MAX_BODY_BYTES
    assert (await daemon.post(exact)).status_code == 200
    head = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1)
    async with daemon.connect() as stream:
        await stream.send_all(head)  # the length alone is enough
        answer = await receive_all(stream)
    assert answer.startswith(b"HTTP/1.1 413 ")
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert error["data"]["code"] == "rpc.bad_request"
    assert "more than 1048576 bytes" in error["message"]


async def test_a_large_request_without_declared_length_is_cut_off(daemon) -> None:
    async with daemon.connect() as stream:
        await stream.send_all(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(MAX_BODY_BYTES // 65536):
            await stream.send_all(b"10000\r\n" + b" " * 65536 + b"\r\n")
        await stream.send_all(b"1\r\n \r\n")  # one byte too many, and the body has not ended
        answer = await receive_all(stream)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert daemon.api.calls == []


async def receive_all(stream: trio.SocketStream) -> bytes:
    answer = b""
    with trio.fail_after(GUARD_S):
        async for chunk in stream:
            answer += chunk
    return answer


async def test_batches_run_together_and_answer_in_order(daemon) -> None:
    daemon.api.gate = trio.Event()
    batch = [request("task.show", {"task": str(n)}, n) for n in range(20)]
    batch.insert(3, request("status", number=None))
    answers = []

    async def post() -> None:
        answers.extend((await daemon.post(batch)).json())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(post)
        await daemon.api.wait_for_calls(len(batch))
        daemon.api.gate.set()
    assert [answer["id"] for answer in answers] == list(range(20))
    assert [answer["result"]["task"] for answer in answers] == [str(n) for n in range(20)]


async def test_batches_are_bounded(daemon) -> None:
    batch = [request("status", number=n) for n in range(MAX_BATCH + 1)]
    assert "a batch of 65" in (await daemon.post(batch)).json()["error"]["message"]
    assert daemon.api.calls == []
    assert len((await daemon.post(batch[:-1])).json()) == MAX_BATCH


async def test_notifications_are_done_and_not_answered(daemon) -> None:
    for body in (request("status", number=None), [request("status", number=None)] * 2):
        response = await daemon.post(body)
        assert (response.status_code, response.content) == (204, b"")
    assert len(daemon.api.calls) == 3


async def test_discover_describes_every_method(daemon) -> None:
    document = (await daemon.call("rpc.discover"))["result"]
    assert document["openrpc"].startswith("1.")
    assert [item["name"] for item in document["methods"]] == [method.name for method in METHODS]
    deny = next(item for item in document["methods"] if item["name"] == "keys.deny")
    assert [param["name"] for param in deny["params"]] == ["request", "reason"]
    assert deny["params"][0]["schema"] == {"type": "string"}


@given(body=st.binary(max_size=200) | st.text(max_size=50).map(str.encode))
def test_any_bytes_get_a_well_formed_answer(body: bytes) -> None:
    answer = trio.run(dispatch, body, {})
    for item in answers_in(answer):
        assert item["jsonrpc"] == "2.0"
        assert item["error"]["data"]["code"] == "rpc.bad_request"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["jsonrpc", "method", "params", "id", "x"]), inner)
    ),
    max_leaves=10,
)


@given(value=json_values, version=st.sampled_from(["2.0", "1.0"]))
def test_any_json_gets_a_well_formed_answer(value, version: str) -> None:
    if isinstance(value, dict) and "jsonrpc" in value:
        value["jsonrpc"] = version
    for item in answers_in(trio.run(dispatch, json.dumps(value).encode(), {})):
        assert item["error"]["code"] in {-32600, -32601}
        assert item["error"]["data"]["hint"]


def answers_in(answer: bytes):
    if not answer:
        return []
    decoded = json.loads(answer)
    return decoded if isinstance(decoded, list) else [decoded]
