"""Flux on the embedded cluster: sources fetched, Kustomizations applied, receivers answered."""

from __future__ import annotations

from bakeryops.demo.flux.sources import Fetched, GitRef, GitSources, SourceFault
from bakeryops.demo.flux.start import Flux, start_flux

__all__ = ["Fetched", "Flux", "GitRef", "GitSources", "SourceFault", "start_flux"]
