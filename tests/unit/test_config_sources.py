from __future__ import annotations

from pathlib import Path

import pytest

from bakeryops import config
from bakeryops.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text("theme: light\nlogs:\n  tail: 5\nkubeconfig: sub/kubeconfig\n")
    return path


def test_an_option_wins_over_a_variable_over_the_file_over_the_default(file: Path) -> None:
    def theme(environ: dict[str, str], flags: dict[str, str]) -> tuple[str, str]:
        loaded = config.load(file, environ=environ, flags=flags)
        return loaded.config.theme, loaded.origins["theme"]

    assert theme({"BAKERYOPS_THEME": "ansi"}, {"theme": "contrast"}) == ("contrast", "--theme")
    assert theme({"BAKERYOPS_THEME": "ansi"}, {}) == ("ansi", "BAKERYOPS_THEME")
    assert theme({"BAKERYOPS_THEME": ""}, {}) == ("light", f"{file}:1")
    file.write_text("")
    assert theme({}, {}) == ("dark", "default")


@pytest.mark.parametrize("key", list(config.all_keys()), ids=lambda key: key.name)
def test_every_key_has_a_variable(key: config.Key) -> None:
    texts = {"tuple": "a-b,c", "bool": "yes", "Bytes": "2Mi", "int": "200", "float": "2"}
    text = texts.get(type(key.default).__name__, {"theme": "light"}.get(key.name, "word"))
    text = "https://word/word" if key.name.endswith(".url") else text
    loaded = config.load(environ={key.variable: text})
    assert loaded.origins[key.name] == key.variable
    value = loaded.config
    for part in key.name.split("."):
        value = getattr(value, part)
    assert value != key.default


def test_the_usual_place_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("BAKERYOPS_CONFIG", raising=False)
    assert not config.load(environ={}).found
    (tmp_path / "bakeryops").mkdir()
    (tmp_path / "bakeryops/config.yaml").write_text("theme: ansi\n")
    loaded = config.load(environ={})
    assert (loaded.found, loaded.config.theme) == (True, "ansi")


def test_a_wrong_variable_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="BAKERYOPS_LOGS_TAIL: 'x' is not a whole number") as bad_value:
        config.load(environ={"BAKERYOPS_LOGS_TAIL": "x"})
    assert bad_value.value.exit_code == 2
    with pytest.raises(ConfigError, match="BAKERYOPS_THEM: no such variable") as unknown:
        config.load(environ={"BAKERYOPS_THEM": "dark"})
    assert unknown.value.hint == "Did you mean BAKERYOPS_THEME?"


def test_variables_of_tests_and_completion_are_let_be() -> None:
    assert (
        config.load(environ={"BAKERYOPS_TEST_KUBECONFIG": "x", "_BAKERYOPS_COMPLETE": "y"}).config
        == config.Config()
    )


def test_a_path_is_taken_from_where_it_was_written(
    file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", "/home/ops")
    assert config.load(file, environ={}).config.kubeconfig == str(file.parent / "sub/kubeconfig")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert config.load(file, environ={}, flags={"kubeconfig": "k"}).config.kubeconfig == str(elsewhere / "k")
    assert config.load(file, environ={"BAKERYOPS_KUBECONFIG": "~/k"}).config.kubeconfig == "/home/ops/k"


def test_low_bandwidth_slows_the_repainting() -> None:
    assert config.Config(refresh=10).max_hz == 10
    assert config.Config(refresh=10, low_bandwidth=True).max_hz == 1
    assert config.Config(refresh=0.5, low_bandwidth=True).max_hz == 0.5


def test_sizes_are_bytes_and_show_in_units() -> None:
    budgets = config.Config().budgets
    assert (budgets.gitea, budgets.total) == (768 * 2**20, 2 * 2**30)
    assert config.show(budgets.gitea) == "768Mi"
    assert config.show(config.Bytes(1000)) == "1000"


def test_the_home_of_nobody_is_no_crash(tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text("kubeconfig: ~nobody-at-all/config\n")
    loaded = config.load(file, flags={}, environ={})
    assert loaded.config.kubeconfig == str(tmp_path / "~nobody-at-all/config")
