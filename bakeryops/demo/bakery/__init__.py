"""Bakery-IA at full size: what runs in the embedded cluster when it starts, and what it has been through."""
