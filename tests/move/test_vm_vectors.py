"""What a Move VM wrote, the daemon's layouts read and write: every event, every object."""

import json

import pytest

from walrusd.chain.layouts import events, objects

from . import vm_vectors

VECTORS = json.loads(vm_vectors.FILE.read_text())
OBJECTS = {name: found for name, (_, _, found) in vm_vectors.tell_objects().items()}


def test_every_event_and_object_has_a_vector():
    assert set(VECTORS["events"]) == set(events.EVENTS)
    assert set(VECTORS["objects"]) == set(OBJECTS)
    assert {type(o) for o in OBJECTS.values()} == {*objects.SHARED_OBJECTS, *objects.OWNED_OBJECTS}


@pytest.mark.parametrize("name", sorted(events.EVENTS))
def test_events_are_read_and_written_as_by_the_vm(name):
    raw = bytes.fromhex(VECTORS["events"][name])
    assert events.EVENTS[name].from_bcs(raw) == vm_vectors.expected_events()[name]
    assert vm_vectors.expected_events()[name].to_bcs() == raw


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_objects_are_read_and_written_as_by_the_vm(name):
    raw = bytes.fromhex(VECTORS["objects"][name])
    assert type(OBJECTS[name]).from_bcs(raw) == OBJECTS[name]
    assert OBJECTS[name].to_bcs() == raw


@pytest.mark.slow
def test_event_vectors_are_what_the_vm_writes():
    assert {n: b.hex() for n, b in vm_vectors.leak_events().items()} == VECTORS["events"]


@pytest.mark.slow
def test_object_vectors_are_what_the_vm_writes(tmp_path):
    pytest.importorskip("sui_sandbox", reason="SUI-SANDBOX IS MISSING: no object was leaked")
    leaked = vm_vectors.leak_objects(tmp_path)
    assert {n: b.hex() for n, b in leaked.items()} == VECTORS["objects"]
