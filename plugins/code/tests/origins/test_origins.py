"""Repositories from archives and git: had whole, and nothing of theirs is run on the way."""

import asyncio
import http.server
import io
import os
import stat
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from perdure.agents import InputError, ParametersRefused, StepFailed
from perdure.testing import MemoryJournal, Rehearsal, rehearse
from perdure_code.origins import git_repository
from perdure_code.origins.archive import unpack
from perdure_code.repository.workspace import MAX_BYTES

FILES = {"pk.py": "x = 1\n", "test_pk.py": "import pk\ndef test_x():\n    assert pk.x == 1\n"}
IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    command = ["git", *IDENTITY, "-c", "protocol.file.allow=always", *arguments]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, env=environment
    )
    return done.stdout.strip()


def make_repository(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """A work tree with one commit on the branch main, and a tag on it."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "First")
    git(folder, "tag", "-a", "v1", "-m", "First")
    return folder


def make_bare(tmp_path: Path, tree: Path) -> Path:
    bare = tmp_path / "remote" / "shop.git"
    bare.parent.mkdir()
    git(tmp_path, "clone", "-q", "--bare", str(tree), str(bare))
    return bare


async def run_its_tests(**parameters: JsonValue) -> Rehearsal:
    return await rehearse("code", "Test this", {"task": "test", **parameters})


async def test_a_bare_repository_is_checked_out(tmp_path: Path) -> None:
    bare = make_bare(tmp_path, make_repository(tmp_path / "tree"))
    rehearsal = await run_its_tests(path=str(bare))
    assert "tests pass (1 passed" in rehearsal.result.summary
    assert b"# The tests of shop" in rehearsal.files["tests.md"]


@pytest.mark.parametrize("kind", ["branch", "tag", "commit"])
async def test_another_commit_than_the_last_is_checked_out(tmp_path: Path, kind: str) -> None:
    tree = make_repository(tmp_path / "tree")
    commit = git(tree, "rev-parse", "HEAD")
    git(tree, "branch", "old/er")
    (tree / "test_pk.py").write_text("def test_x():\n    assert False\n")
    git(tree, "commit", "-q", "-am", "Second")
    bare = make_bare(tmp_path, tree)
    assert "tests fail" in (await run_its_tests(path=str(bare))).result.summary
    ref = {"branch": "old/er", "tag": "v1", "commit": commit}[kind]
    assert "tests pass" in (await run_its_tests(path=str(bare), ref=ref)).result.summary


@pytest.mark.parametrize("ref", ["nowhere", "--upload-pack=id", "a..b", "v1^{}", "a b", "x\ny"])
async def test_a_ref_that_is_none_is_refused(tmp_path: Path, ref: str) -> None:
    bare = make_bare(tmp_path, make_repository(tmp_path / "tree"))
    with pytest.raises(StepFailed, match="give another ref") as caught:
        await run_its_tests(path=str(bare), ref=ref)
    assert caught.value.failure.type == "InputError"


async def test_nothing_of_a_hostile_repository_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    run = f"touch {trace}"
    tree = make_repository(
        tmp_path / "tree",
        {
            **FILES,
            ".gitattributes": "*.py filter=evil diff=evil\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "{run}"\n',
            ".lfsconfig": f"[lfs]\n\turl = ext::{run}\n",
        },
    )
    (tree / "out").symlink_to(tmp_path / "secret")
    (tree / "up").symlink_to("../../secret")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "Links")
    bare = make_bare(tmp_path, tree)
    script = f"#!/bin/sh\n{run}\n"
    hooks = (
        "post-checkout",
        "post-upload-pack",
        "pre-receive",
        "post-update",
        "reference-transaction",
    )
    for hook in hooks:
        (bare / "hooks" / hook).write_text(script)
        (bare / "hooks" / hook).chmod(0o755)
    (tmp_path / "evil").write_text(script)
    (tmp_path / "evil").chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.gitProxy", "core.pager", "core.editor",
                "uploadpack.packObjectsHook", "filter.evil.smudge", "filter.evil.process",
                "credential.helper", "diff.external", "core.askPass"):  # fmt: skip
        git(bare, "config", key, str(tmp_path / "evil"))
    git(bare, "config", "core.hooksPath", str(bare / "hooks"))
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "secret2.py").write_text("secret")
    with pytest.MonkeyPatch.context() as patch:
        # The worker's own settings for git count for nothing either.
        (tmp_path / "config").write_text(f'[filter "evil"]\n\tsmudge = {tmp_path}/evil\n')
        patch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "config"))
        rehearsal = await run_its_tests(path=str(bare))
    assert "tests pass" in rehearsal.result.summary
    assert not trace.exists()


async def test_nothing_of_a_hostile_work_tree_is_run(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    tree = make_repository(tmp_path / "tree")
    for hook in ("post-checkout", "post-index-change", "pre-commit"):
        (tree / ".git" / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {trace}\n")
        (tree / ".git" / "hooks" / hook).chmod(0o755)
    git(tree, "config", "core.fsmonitor", f"touch {trace}; false")
    await rehearse("code", "Review this", {"path": str(tree)})
    assert not trace.exists()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://127.0.0.1/shop.git", "loopback"),
        ("https://10.0.0.1/shop.git", "private"),
        ("https://169.254.169.254/shop.git", "metadata"),
        ("https://me:secret@example.org/shop.git", "credentials"),
        ("https://example.org:22/shop.git", "names port 22"),
        ("http://example.org/shop.git", "begins with https://"),
        ("ssh://example.org/shop.git", "begins with https://"),
        ("git@example.org:shop.git", "begins with https://"),
        ("file:///srv/shop.git", "begins with https://"),
        ("/srv/shop.git", "begins with https://"),
        ("ext::sh -c id", "begins with https://"),
        ("--upload-pack=id", "begins with https://"),
    ],
)
async def test_addresses_that_may_not_be_fetched_are_refused(url: str, says: str) -> None:
    with pytest.raises(StepFailed, match=says) as caught:
        await run_its_tests(url=url)
    assert caught.value.failure.type == "InputError"
    assert "secret" not in str(caught.value)


class Backend(http.server.BaseHTTPRequestHandler):
    """Git's own server, for the repositories below a folder."""

    root = ""
    redirect = ""
    port = 0

    def do_GET(self) -> None:
        if self.redirect:
            self.send_response(302)
            self.send_header("Location", self.redirect + self.path)
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        done = subprocess.run(
            ["git", "http-backend"],
            input=content,
            capture_output=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": self.root,
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REMOTE_ADDR": "127.0.0.1",
            },
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        self.send_response(200)
        for line in head.decode().splitlines():
            name, _, value = line.partition(": ")
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 -- as the server calls it

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Backend]]:
    class Handler(Backend):
        root = str(tmp_path / "remote")

    monkeypatch.setattr(git_repository, "_SCHEMES", ("http",))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as serving:
        Handler.port = serving.server_port
        thread = threading.Thread(target=serving.serve_forever, daemon=True)
        thread.start()
        yield Handler
        serving.shutdown()
        thread.join()


async def test_a_url_is_fetched_from_the_address_that_was_checked(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_bare(tmp_path, make_repository(tmp_path / "tree"))
    url = f"http://git.test:{server.port}/shop.git"

    async def addresses(*_: object) -> tuple[str, ...]:
        return ("127.0.0.1",)

    # A name that nobody else could resolve: only the address that was checked can have been used.
    monkeypatch.setattr("perdure.agents.WebClient.addresses", addresses)
    journal = MemoryJournal()
    parameters: dict[str, JsonValue] = {"task": "test", "url": url}
    first = await rehearse("code", "Test this", parameters, journal=journal)
    assert "tests pass (1 passed" in first.result.summary
    # What was fetched is gone by now, and is not needed: everything is in the journal.
    server.redirect = "http://127.0.0.1:1"
    again = await rehearse("code", "Test this", parameters, journal=journal)
    assert again.result == first.result


async def test_redirects_of_a_server_are_not_followed(
    server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PERDURE_WEB_ALLOW", "127.0.0.1")
    make_bare(tmp_path, make_repository(tmp_path / "tree"))
    server.redirect = f"http://localhost:{server.port}"
    with pytest.raises(StepFailed, match="cannot be fetched"):
        await run_its_tests(url=f"http://127.0.0.1:{server.port}/shop.git")


async def test_an_archive_is_unpacked(tmp_path: Path) -> None:
    packed = tmp_path / "shop.tar.gz"
    with tarfile.open(packed, "w:gz") as archive:
        for name, text in FILES.items():
            entry = tarfile.TarInfo(f"shop-1.0/{name}")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
    rehearsal = await run_its_tests(path=str(packed))
    assert "tests pass (1 passed" in rehearsal.result.summary
    zipped = tmp_path / "shop.zip"
    with zipfile.ZipFile(zipped, "w") as zip_archive:
        for name, text in FILES.items():
            zip_archive.writestr(name, text)
    assert "tests pass (1 passed" in (await run_its_tests(path=str(zipped))).result.summary


async def test_what_others_bring_is_not_run_without_a_sandbox(tmp_path: Path) -> None:
    zipped = tmp_path / "shop.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("test_pk.py", FILES["test_pk.py"])
    with pytest.raises(StepFailed, match="whose code is run in a sandbox alone"):
        await run_its_tests(path=str(zipped), sandbox="none")
    for brought in ({"url": "https://example.org/x.git"}, {"path": ".", "tests_command": "id"}):
        with pytest.raises(ParametersRefused, match="is run in a sandbox alone"):
            await run_its_tests(**brought, sandbox="none")


@pytest.mark.parametrize("name", ["../x.py", "/x.py", "a/../../x.py", "..\\x.py", "C:\\x.py"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_entries_that_lead_out_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    packed = tmp_path / "in" / "packed"
    packed.parent.mkdir()
    if kind == "zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(name, "x = 1\n")
    else:
        with tarfile.open(packed, "w") as tape:
            tape.addfile(tarfile.TarInfo(name))
    with pytest.raises(InputError, match="leads out of it"):
        unpack(packed, tmp_path / "in" / "out")
    assert not list(tmp_path.rglob("x.py"))


def test_links_and_devices_of_archives_are_left_out(tmp_path: Path) -> None:
    packed = tmp_path / "packed.tar"
    with tarfile.open(packed, "w") as tape:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            entry = tarfile.TarInfo(f"kind-{kind.decode()}")
            entry.type, entry.linkname = kind, "/etc/passwd"
            tape.addfile(entry)
        tape.addfile(tarfile.TarInfo("a.py"))
    folder = unpack(packed, tmp_path / "out")
    assert [file.name for file in folder.iterdir()] == ["a.py"]
    zipped = tmp_path / "packed.zip"
    with zipfile.ZipFile(zipped, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.py", "")
    folder = unpack(zipped, tmp_path / "out2")
    assert [file.name for file in folder.iterdir()] == ["a.py"]


def test_an_archive_that_swells_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure_code.origins.archive.MAX_BYTES", 1 << 20)
    assert MAX_BYTES > 1 << 20
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.py", bytes(2 << 20))
    with pytest.raises(InputError, match="holds more than"):
        unpack(packed, tmp_path / "out")
    (tmp_path / "cut.zip").write_bytes(packed.read_bytes()[:-40])
    with pytest.raises(InputError, match=r"cannot be unpacked|no archive"):
        unpack(tmp_path / "cut.zip", tmp_path / "out3")


async def test_what_was_fetched_is_removed_when_the_goal_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    bare = make_bare(tmp_path, make_repository(tmp_path / "tree"))
    await run_its_tests(path=str(bare))
    left = await asyncio.to_thread(lambda: list(place.iterdir()))
    assert [one for one in left if one.name.startswith("perdure-code-")] == []
