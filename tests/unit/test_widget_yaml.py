from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from screens.widgets.yaml_tones import yaml_line, yaml_lines

TEXT = """\
apiVersion: v1
metadata:
  labels:
    app.kubernetes.io/name: auth
    "quoted: key": x
  # a comment
spec:
- name: main
  command: ["sh", "-c", "a: b"]
  replicas: 3
  url: http://example.org:80/a
  script: |
    key: not a key
    - neither

  after: true
--- """


@given(st.text(alphabet=st.sampled_from("ab: -#|>\"'[]{}&*0\t\n日")))
def test_the_text_is_never_changed(text: str) -> None:
    lines = ["".join(piece for piece, _ in line) for line in yaml_lines(text)]
    assert lines == text.split("\n")


def test_keys_stand_out_and_block_scalars_do_not() -> None:
    keys = [piece for line in yaml_lines(TEXT) for piece, tone in line if tone == "accent"]
    assert keys == [
        "apiVersion:", "metadata:", "labels:", "app.kubernetes.io/name:", '"quoted: key":', "spec:", "name:", "command:",
        "replicas:", "url:", "script:", "after:",
    ]  # fmt: skip


def test_plain_values_and_comments_have_tones() -> None:
    assert yaml_line("  replicas: 3")[-1] == (" 3", "working")
    assert yaml_line("  # a: b") == (("  # a: b", "dim"),)
    assert yaml_line("- plain") == (("-", "dim"), (" plain", ""))
    assert yaml_line("") == ()
