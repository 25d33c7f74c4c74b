"""The audit trail: facts, stored together with what they are about, and the seals over them."""
