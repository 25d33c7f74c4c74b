"""The page of the reference: all that it loads ships with it, under a strict policy."""

import re
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio

import perdure.api.reference
from perdure.temporal.server.ports import free_port
from tests.api.conftest import ServeApi

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def api(serve_api: ServeApi) -> httpx.AsyncClient:
    """Return a client of the API where no Temporal server is."""
    return await serve_api(f"127.0.0.1:{free_port()}", worker=False)


async def test_the_page_loads_only_what_ships_with_it(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    files = [name for name in loaded if name not in {"data:,", "openapi.json"}]
    assert {"docs/swagger-ui-bundle.js", "docs/swagger-ui.css", "docs/start.js"} <= set(files)
    assert not re.search(r"<script(?![^>]*src)|<style|\sstyle=|\son\w+=", page.text)
    for name in files:
        answer = await api.get(urljoin(f"{api.base_url}/docs", name))
        assert answer.status_code == 200, name
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert len(answer.content) > 100


async def test_it_sends_no_other_file_of_its_folder(api: httpx.AsyncClient) -> None:
    folder = Path(perdure.api.reference.__file__).parent / "static"
    assert (folder / "LICENSE").is_file()
    for name in ("LICENSE", "reference.html", "..%2Fpage.py", "%2Fetc%2Fpasswd", "x"):
        assert (await api.get(f"/docs/{name}")).status_code == 404, name
    assert (await api.get("/redoc")).status_code == 404
