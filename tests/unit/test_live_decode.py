"""Pages and events decoded, whole or object by object."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from bakeryops.cluster.decode import Broken, Decoder
from bakeryops.cluster.errors import KubeError
from bakeryops.cluster.kinds import KINDS
from bakeryops.cluster.wire.core import Pod
from tests.support.recordings import exchanges, needs_recordings


def page(*items: Any, **meta: Any) -> bytes:
    return json.dumps({"metadata": {"resourceVersion": "7", **meta}, "items": list(items)}).encode()


def test_a_page_gives_objects_version_and_token() -> None:
    meta, pods, broken = Decoder(Pod).page(page({"metadata": {"name": "web"}}, **{"continue": "more"}))
    assert (meta.resourceVersion, meta.continue_) == ("7", "more")
    assert [each.metadata.name for each in pods] == ["web"]
    assert broken == []


def test_null_items_are_an_empty_page() -> None:
    assert Decoder(Pod).page(b'{"metadata":{"resourceVersion":"7"},"items":null}')[1] == []


def test_one_bad_object_costs_one_object() -> None:
    bad = {"metadata": {"name": "odd", "namespace": "shop", "uid": "u"}, "spec": "a string"}
    _, pods, broken = Decoder(Pod).page(page({"metadata": {"name": "web"}}, bad, 17, {"metadata": "?"}))
    assert [each.metadata.name for each in pods] == ["web"]
    assert [each.meta.name if each.meta else None for each in broken] == ["odd", None, None]
    assert "spec" in broken[0].error


@pytest.mark.parametrize("data", [b"<html>502</html>", b'{"metadata":{"resourc', b"", b"[1,2]", b"\xff\xfe"])
def test_what_is_no_page_is_an_error_that_says_so(data: bytes) -> None:
    with pytest.raises(KubeError) as caught:
        Decoder(Pod).page(data)
    assert caught.value.kind == "protocol"
    assert caught.value.hint


def test_a_placeholder_knows_the_metadata_only() -> None:
    decoder = Decoder(Pod)
    broken = decoder.object(b'{"metadata":{"name":"odd","uid":"u","resourceVersion":"3"},"status":7}')
    assert isinstance(broken, Broken)
    assert broken.meta is not None
    made = decoder.placeholder(broken.meta)
    assert made is not None
    assert (made.metadata.uid, made.status) == ("u", None)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_has_a_placeholder(name: str) -> None:
    decoder = Decoder(KINDS[name].struct)
    broken = decoder.object(b'{"metadata":{"name":"odd","uid":"u"},"spec":5,"status":5,"usage":5,"containers":5}')
    meta = broken.meta if isinstance(broken, Broken) else broken.metadata
    assert meta is not None
    made = decoder.placeholder(meta)
    assert made is not None
    assert made.metadata.name == "odd"


def test_events_and_bookmarks_without_a_name() -> None:
    decoder = Decoder(Pod)
    event = decoder.event(
        b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","creationTimestamp":null}}}'
    )
    assert event.type == "BOOKMARK"
    assert decoder.bookmark(event.object) == "9"
    assert decoder.bookmark(msgspec.Raw(b"7")) is None
    assert decoder.status(msgspec.Raw(b'{"code":410}')) == {"code": 410}
    assert decoder.status(msgspec.Raw(b"[]")) == {}
    with pytest.raises(KubeError):
        decoder.event(b"<html>")


@needs_recordings
def test_recorded_watch_lines_decode() -> None:
    decoder = Decoder(KINDS["configmaps"].struct)
    stream = json.loads(exchanges()["watch-bookmarks"].read_text())["response"]["stream"]
    kinds = set()
    for entry in stream:
        event = decoder.event(json.dumps(entry["line"]).encode())
        kinds.add(event.type)
        if event.type == "BOOKMARK":
            assert decoder.bookmark(event.object)
        else:
            assert not isinstance(decoder.object(event.object), Broken)
    assert {"MODIFIED", "BOOKMARK"} <= kinds


DEEP = b"[" * 20_000 + b"]" * 20_000


@pytest.mark.parametrize("inner", [b'"\xff"', DEEP], ids=["no UTF-8", "nested without end"])
def test_hostile_json_is_an_error_with_words_and_no_crash(inner: bytes) -> None:
    decoder = Decoder(Pod)
    with pytest.raises(KubeError, match="not that of a Kubernetes API server"):
        decoder.page(b'{"items":[{"metadata":{"name":' + inner + b'},"spec":' + inner + b"}]}")
    with pytest.raises(KubeError, match="not that of a Kubernetes API server"):
        decoder.event(b'{"type":' + inner + b"}")
    raw = msgspec.Raw(b'{"metadata":{"name":' + inner + b"}}")
    assert isinstance(decoder.object(raw), Broken)
    assert decoder.bookmark(msgspec.Raw(b'{"metadata":{"resourceVersion":' + inner + b"}}")) is None
    assert decoder.status(msgspec.Raw(inner)) == {}
