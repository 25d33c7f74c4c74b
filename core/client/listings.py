"""The lists that come in pages."""

from typing import Final

from perdure.client.operations import Listing
from perdure.client.requests import access, approvals, batches, files, goals

GOALS: Final = Listing(goals.list_page, lambda page: page.goals, "before", lambda page: page.before)
DEAD_LETTERS: Final = Listing(
    goals.dead_letters, lambda page: page.goals, "before", lambda page: page.before
)
NOTEBOOK: Final = Listing(
    goals.notebook, lambda page: page.entries, "after", lambda page: page.after
)
UPLOADS: Final = Listing(
    files.list_uploads, lambda page: page.uploads, "before", lambda page: page.before
)
APPROVALS: Final = Listing(
    approvals.list_page, lambda page: page.approvals, "after", lambda page: page.after
)
AUDIT: Final = Listing(
    access.list_audit, lambda page: page.entries, "before", lambda page: page.before
)
FACTS: Final = Listing(
    access.list_facts, lambda page: page.facts, "before", lambda page: page.before
)
BATCHES: Final = Listing(
    batches.list_page, lambda page: page.batches, "before", lambda page: page.before
)
BATCH_ITEMS: Final = Listing(
    batches.items, lambda page: page.items, "after", lambda page: page.after
)
