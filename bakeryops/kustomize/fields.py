"""Fields of a kustomization, each of the type that it must have."""

from __future__ import annotations

from typing import Any

from bakeryops.kustomize.errors import KustomizeError

__all__ = ["boolean", "items", "mapping", "pairs", "text", "texts", "whole"]


def mapping(value: Any, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Return a map that has no fields but the known ones; raises `KustomizeError` naming the others."""
    if not isinstance(value, dict):
        raise KustomizeError(f"invalid Kustomization: {where} is not a map")
    if unknown := sorted(value.keys() - set(known)):
        raise KustomizeError(f'invalid Kustomization: json: unknown field "{where}.{unknown[0]}"')
    return value


def text(found: dict[str, Any], field: str, where: str) -> str:
    """Return a text, "" where it is missing."""
    value = found.get(field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise KustomizeError(f"invalid Kustomization: {where}.{field} is not text: put it in quotes")
    return value


def boolean(found: dict[str, Any], field: str, where: str) -> bool:
    """Return a truth value, false where it is missing."""
    value = found.get(field)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise KustomizeError(f"invalid Kustomization: {where}.{field} is neither true nor false")
    return value


def whole(found: dict[str, Any], field: str, where: str) -> int:
    """Return a whole number, 0 where it is missing."""
    value = found.get(field, 0)
    if isinstance(value, bool) or not isinstance(value, int):
        raise KustomizeError(f"invalid Kustomization: {where}.{field} is not a whole number")
    return value


def items(found: dict[str, Any], field: str) -> list[Any]:
    """Return a list, empty where it is missing."""
    value = found.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise KustomizeError(f"invalid Kustomization: {field} is not a list")
    return value


def texts(found: dict[str, Any], field: str) -> list[str]:
    """Return a list of texts, empty where it is missing."""
    value = items(found, field)
    if not all(isinstance(each, str) for each in value):
        raise KustomizeError(f"invalid Kustomization: {field} holds something that is not text")
    return value


def pairs(found: dict[str, Any], field: str) -> dict[str, str]:
    """Return a map of texts to texts, empty where it is missing."""
    value = found.get(field)
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
        raise KustomizeError(f"invalid Kustomization: {field} is not a map of texts: put its values in quotes")
    return value
