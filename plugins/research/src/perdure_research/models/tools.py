"""The tools that a model has while it looks for the answer: what the goal allows, and no more."""

import re
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from perdure_research.answers.claims import Citation
from perdure_research.models.drafts import Excerpt
from perdure_research.models.evidence.clauses import is_in, terms_of
from perdure_research.models.limits import Limits
from perdure_research.models.planning import is_plain
from perdure_research.models.source_access import SourceAccess, between_marks

if TYPE_CHECKING:
    from pydantic_ai import RunContext, Tool
    from pydantic_ai.tools import ToolDefinition

SEARCH: Final = "search"
SEARCH_PROVIDERS: Final = "search_providers"
OPEN: Final = "open_surroundings"
_FIGURE: Final = re.compile(r"\d+")
_NOTHING: Final = "Nothing fits that you have not seen."
_NO_MORE: Final = "No searches are left: write the claims from what you have seen."


class SearchTools:
    """The tools for one part of a question, and the excerpts that they have shown.

    Attributes:
        searches: The queries so far.
    """

    def __init__(self, access: SourceAccess, limits: Limits, public: str) -> None:
        """Bind the tools to the sources.

        Args:
            access: What they search.
            limits: How many calls there may be, and how much they may show.
            public: What of the goal may be sent to search providers: the question and the plan,
                which was made before any source was read.
        """
        self._access = access
        self._left = limits.searches
        self._excerpts = limits.excerpts
        self._public = public
        self._shown: dict[str, Excerpt] = {}
        self.searches: list[str] = []

    def tools(self) -> "list[Tool[object]]":
        """Return the tools, for pydantic-ai; none any more once no call is left."""
        from pydantic_ai import Tool

        async def only_if_left(
            _: "RunContext[object]", definition: "ToolDefinition"
        ) -> "ToolDefinition | None":
            return definition if self._left > 0 else None

        async def search(query: str) -> str:
            """Search the sources and return excerpts of them.

            Args:
                query: A few words, as the sources may write them.
            """
            return await self._search(query, providers=False)

        async def search_providers(query: str) -> str:
            """Search beyond the sources that are here, and return excerpts of all.

            Args:
                query: A few words of the question or of a public source.
            """
            return await self._search(query, providers=True)

        async def open_surroundings(excerpt: str) -> str:
            """Return what stands before and after an excerpt.

            Args:
                excerpt: Its name, such as e3.
            """
            return await self._open(excerpt)

        functions = [(search, SEARCH), (open_surroundings, OPEN)]
        if self._access.widen is not None:
            functions.append((search_providers, SEARCH_PROVIDERS))
        return [
            Tool(function, name=name, sequential=True, max_retries=2, prepare=only_if_left)
            for function, name in functions
        ]

    async def begin(self, queries: Sequence[str], citations: Sequence[Citation]) -> str:
        """Return the first excerpts, between marks.

        Args:
            queries: What to search for.
            citations: What the rules have found already.
        """
        first = await self._access.around(citations)
        queries = list(dict.fromkeys(queries))
        found = [await self._access.search(query, self._excerpts) for query in queries]
        self.searches += queries
        # Of each query the best first: not all of what they find together may be shown.
        best = [one for some in zip_longest(*found) for one in some if one is not None]
        most = self._excerpts * min(len(queries), 2)
        return self._show([*first, *best], most) or _NOTHING

    async def _search(self, query: str, *, providers: bool) -> str:
        from pydantic_ai import ModelRetry

        query = " ".join(query.split())
        if not is_plain(query):
            raise ModelRetry("a query is a few words, without addresses or markup")
        if self._left <= 0:
            return _NO_MORE
        if providers and (private := self._private(query)):
            raise ModelRetry(
                f"{', '.join(private[:5])} may not be sent to search providers: use words of the"
                " question"
            )
        self._left -= 1
        self.searches.append(query)
        search = self._access.search_providers if providers else self._access.search
        found = await search(query, self._excerpts, list(self._shown.values()))
        return self._show(found) or _NOTHING

    async def _open(self, name: str) -> str:
        from pydantic_ai import ModelRetry

        excerpt = self._shown.get(name.strip().strip("[]").removeprefix("excerpt "))
        if excerpt is None:
            raise ModelRetry(f"there is no such excerpt: there are {', '.join(self._shown)}")
        if self._left <= 0:
            return _NO_MORE
        self._left -= 1
        return self._show([await self._access.surroundings(excerpt)]) or _NOTHING

    def _show(self, excerpts: Sequence[Excerpt], most: int | None = None) -> str:
        """Return excerpts that were not shown before, between marks; empty without any."""
        new: list[tuple[str, Excerpt]] = []
        for excerpt in excerpts:
            if len(new) != most and not any(_holds(one, excerpt) for one in self._shown.values()):
                name = f"e{len(self._shown) + 1}"
                self._shown[name] = excerpt
                new.append((name, excerpt))
        return between_marks(new, self._access.sources) if new else ""

    def _private(self, query: str) -> list[str]:
        """Return the words and figures of a query that no public source and no question has."""
        public = f"{self._public}\n{self._access.public_words(list(self._shown.values()))}"
        known, figures = terms_of(public), set(_FIGURE.findall(public))
        words = [term for term in terms_of(query) if not is_in(term, known)]
        return sorted([*words, *(set(_FIGURE.findall(query)) - figures)])


def _holds(one: Excerpt, other: Excerpt) -> bool:
    return one.source == other.source and one.start <= other.start and other.end <= one.end
