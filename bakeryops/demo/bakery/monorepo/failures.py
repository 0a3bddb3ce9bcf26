"""What the steps of failed builds printed last."""

from __future__ import annotations

__all__ = ["no_such_package", "out_of_memory", "pytest_failure"]


def pytest_failure(service: str) -> tuple[str, ...]:
    """Return pytest's output of the test that `Editor.broken_test` breaks."""
    return (
        "============================= test session starts ==============================",
        "platform linux -- Python 3.12.8, pytest-8.3.4, pluggy-1.5.0",
        f"rootdir: /workspace/source/services/{service}",
        "collected 4 items",
        "",
        "tests/test_settings.py .                                                 [ 25%]",
        "tests/test_totals.py F..                                                 [100%]",
        "",
        "=================================== FAILURES ===================================",
        "__________________________________ test_total __________________________________",
        "",
        "    def test_total() -> None:",
        ">       assert total([3, 4]) == 7",
        "E       assert 4 == 7",
        "E        +  where 4 = total([3, 4])",
        "",
        "tests/test_totals.py:5: AssertionError",
        "=========================== short test summary info ============================",
        "FAILED tests/test_totals.py::test_total - assert 4 == 7",
        "========================= 1 failed, 3 passed in 0.41s ==========================",
    )


def no_such_package(line: str) -> tuple[str, ...]:
    """Return the builder's output where pip does not find a requirement."""
    name, _, version = line.partition("==")
    return (
        "INFO[0009] RUN pip install -r requirements.txt",
        "INFO[0009] Running: [/bin/sh -c pip install -r requirements.txt]",
        f"ERROR: Could not find a version that satisfies the requirement {name}=={version} (from versions: 1.1.4, "
        "1.1.5, 1.1.6)",
        f"ERROR: No matching distribution found for {name}=={version}",
        "error building image: error building stage: failed to execute command: waiting for process to exit: exit "
        "status 1",
    )


def out_of_memory() -> tuple[str, ...]:
    """Return the builder's output up to where the kernel ended it."""
    return (
        "INFO[0041] Running: [/bin/sh -c pip install -r requirements.txt]",
        "  Building wheel for prophet (pyproject.toml): started",
        "  Building wheel for prophet (pyproject.toml): still running...",
        "INFO[0233] Taking snapshot of full filesystem...",
    )
