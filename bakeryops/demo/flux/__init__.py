"""Flux on the embedded cluster: sources fetched, Kustomizations applied, receivers answered."""

from __future__ import annotations

from bakeryops.demo.flux.receiver import webhook_path
from bakeryops.demo.flux.registry import Registry
from bakeryops.demo.flux.settle import PastApply, settle_kustomization, settle_source
from bakeryops.demo.flux.sources import Fetched, GitRef, GitSources, SourceFault
from bakeryops.demo.flux.start import Flux, start_flux

__all__ = [
    "Fetched",
    "Flux",
    "GitRef",
    "GitSources",
    "PastApply",
    "Registry",
    "SourceFault",
    "settle_kustomization",
    "settle_source",
    "start_flux",
    "webhook_path",
]
