"""Which proxy the environment asks for."""

from __future__ import annotations

import pytest

from bakeryops.cluster.proxy import proxy_for
from bakeryops.errors import UsageError

P = "http://proxy:3128"


@pytest.mark.parametrize(
    ("server", "environ", "expected"),
    [
        ("https://k8s.example:6443", {}, ""),
        ("https://k8s.example:6443", {"HTTPS_PROXY": P}, P),
        ("https://k8s.example:6443", {"https_proxy": "proxy:3128"}, P),
        ("https://k8s.example:6443", {"HTTP_PROXY": P}, ""),
        ("http://k8s.example", {"HTTP_PROXY": P}, P),
        ("https://127.0.0.1:16443", {"HTTPS_PROXY": P}, ""),
        ("https://[::1]:16443", {"HTTPS_PROXY": P}, ""),
        ("https://localhost", {"HTTPS_PROXY": P}, ""),
        ("https://k8s.example", {"HTTPS_PROXY": P, "NO_PROXY": "*"}, ""),
        ("https://k8s.example", {"HTTPS_PROXY": P, "NO_PROXY": "a, example"}, ""),
        ("https://k8s.example", {"HTTPS_PROXY": P, "NO_PROXY": ".example"}, ""),
        ("https://example", {"HTTPS_PROXY": P, "NO_PROXY": ".example"}, P),
        ("https://example", {"HTTPS_PROXY": P, "NO_PROXY": "example"}, ""),
        ("https://counterexample", {"HTTPS_PROXY": P, "NO_PROXY": "example"}, P),
        ("https://k8s.example", {"HTTPS_PROXY": P, "no_proxy": "*.EXAMPLE"}, ""),
        ("https://10.152.183.1", {"HTTPS_PROXY": P, "NO_PROXY": "10.0.0.0/8"}, ""),
        ("https://11.0.0.1", {"HTTPS_PROXY": P, "NO_PROXY": "10.0.0.0/8,nonsense/x"}, P),
        ("https://10.1.1.1", {"HTTPS_PROXY": P, "NO_PROXY": "10.1.1.1"}, ""),
        ("https://[fd00::1]", {"HTTPS_PROXY": P, "NO_PROXY": "fd00::/8"}, ""),
        ("https://k8s.example:6443", {"HTTPS_PROXY": P, "NO_PROXY": "k8s.example:443"}, P),
        ("https://k8s.example:6443", {"HTTPS_PROXY": P, "NO_PROXY": "k8s.example:6443"}, ""),
        ("https://k8s.example", {"HTTPS_PROXY": P, "NO_PROXY": ",, ,"}, P),
    ],
)
def test_as_kubectl_reads_it(server: str, environ: dict[str, str], expected: str) -> None:
    assert proxy_for(server, environ) == expected


def test_a_scheme_that_is_not_spoken() -> None:
    with pytest.raises(UsageError) as caught:
        proxy_for("https://k8s.example", {"HTTPS_PROXY": "socks5://x:1"})
    assert caught.value.hint == "except the cluster from it: export NO_PROXY=k8s.example"


@pytest.mark.parametrize(
    "proxy", ["http://user:hush@[::1", "user:hush@x:many", "http://user:hush@x:1\n", "http://"]
)
def test_an_address_that_is_none_is_told_without_its_password(proxy: str) -> None:
    with pytest.raises(UsageError) as caught:
        proxy_for("https://k8s.example", {"HTTPS_PROXY": proxy})
    assert "hush" not in " ".join(caught.value.lines())
