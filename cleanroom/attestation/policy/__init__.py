"""What the parties accept: one type of entry of the manifest's `attestation` for each platform.

Every field of one entry must hold at once. What may be lax is a named field, so that all parties
signed it. Entries are shape only; the module of the same name in `rules` compares.
"""

from cleanroom.attestation.policy.base import Demand
from cleanroom.attestation.policy.sev_snp import Product, SevSnpPolicy

__all__ = ["AppraisalPolicy", "Demand", "Product", "SevSnpPolicy"]

AppraisalPolicy = SevSnpPolicy
"""Any entry of `attestation`, told apart by `platform`."""
