"""Keys: where they come from, what they seal, and what is said when they do not fit."""

import base64
import os
import sys
from pathlib import Path

import pytest

from perdure.encryption.cipher import Cipher, Tampered, is_sealed, sealed_with
from perdure.encryption.keyring import Key, KeyMissing, Keyring
from perdure.encryption.loading import KeysUnreadable, load_cipher, load_keyring

OLD, NEW = Key("2025", bytes(range(32))), Key("2026", bytes(range(1, 33)))
ROW = b"steps.value/goal-1/3"


def line(key: Key) -> str:
    return f"{key.id} {base64.b64encode(key.secret).decode()}\n"


def key_file(folder: Path, text: str, mode: int = 0o600) -> str:
    file = folder / "keys"
    file.write_text(text)
    file.chmod(mode)
    return str(file)


def test_what_is_sealed_opens_with_its_context_only() -> None:
    cipher = Cipher(Keyring((NEW,)))
    sealed = cipher.seal(b"the harbour's accounts", ROW)
    assert is_sealed(sealed)
    assert sealed_with(sealed) == "2026"
    assert b"harbour" not in sealed
    assert cipher.seal(b"the harbour's accounts", ROW) != sealed
    assert cipher.open(sealed, ROW) == b"the harbour's accounts"
    assert Cipher(Keyring((NEW,))).open(sealed, ROW) == b"the harbour's accounts"
    with pytest.raises(Tampered, match="'2026' sealed does not open"):
        cipher.open(sealed, b"steps.value/goal-2/3")
    assert cipher.open(cipher.seal(b"", b""), b"") == b""
    assert not is_sealed("õPDR".encode())


def test_each_changed_byte_is_noticed() -> None:
    cipher = Cipher(Keyring((NEW,)))
    sealed = cipher.seal(b"text", ROW)
    for place in range(len(sealed)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        with pytest.raises((Tampered, KeyMissing)):
            cipher.open(bytes(changed), ROW)
        with pytest.raises(Tampered):
            cipher.open(sealed[:place], ROW)


def test_old_keys_open_until_they_are_taken_away() -> None:
    before = Cipher(Keyring((OLD,)))
    sealed = before.seal(b"text", ROW)
    rotated = Cipher(Keyring((NEW, OLD)))
    assert rotated.key_id == sealed_with(rotated.seal(b"text", ROW)) == "2026"
    assert rotated.open(sealed, ROW) == b"text"
    with pytest.raises(
        KeyMissing, match="'2025', which is not among PERDURE_ENCRYPTION_KEYS"
    ) as at:
        Cipher(Keyring((NEW,))).open(sealed, ROW)
    assert at.value.key_id == "2025"
    another = Cipher(Keyring((Key("2025", NEW.secret),)))
    with pytest.raises(Tampered, match="or the key of that id was replaced by another"):
        another.open(sealed, ROW)


def test_hashes_outlive_rotations() -> None:
    digits = Cipher(Keyring((OLD,))).keyed_hash("acme")
    assert len(digits) == 32
    assert Cipher(Keyring((NEW, OLD))).keyed_hash("acme") == digits
    assert Cipher(Keyring((OLD,))).keyed_hash("acme2") != digits
    assert Cipher(Keyring((NEW,))).keyed_hash("acme") != digits
    # First all are given the new key, and then it encrypts: neither changes what is marked.
    assert Cipher(Keyring((OLD, NEW), "2025")).keyed_hash("acme") == digits
    assert Cipher(Keyring((NEW, OLD), "2025")).keyed_hash("acme") == digits
    with pytest.raises(ValueError, match="no key has the id '2024'"):
        Keyring((NEW, OLD), "2024")


def test_keys_are_read_from_a_file(tmp_path: Path) -> None:
    source = key_file(tmp_path, f"# newest first\n\n{line(NEW)}{line(OLD)}", 0o640)
    assert load_keyring(source) == Keyring((NEW, OLD))
    marked = f"{line(OLD)[:-1]} hashes\n{line(NEW)}"
    assert load_keyring(key_file(tmp_path, marked)) == Keyring((OLD, NEW), "2025")
    assert load_cipher("") is None
    assert load_cipher(source) is load_cipher(source)
    assert "secret" not in repr(load_keyring(source))


def test_a_command_prints_keys(tmp_path: Path) -> None:
    source = key_file(tmp_path, line(NEW))
    assert load_keyring(f"command:cat {source}") == Keyring((NEW,))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", r"cannot be used, as there is no key: write a line for each key"),
        (line(NEW) * 2, r"as the id '2026' is given to several keys"),
        ("2026\n", r"line 1 of .* is no key, as it is not an id, a space and base64"),
        (f"\n2026 {base64.b64encode(b'short').decode()}", r"line 2 .*it has 5 bytes instead"),
        (f"{line(NEW)[:-1]} first", r"line 1 of .* there is more than an id and base64"),
        (f"{line(NEW)[:-1]} hashes\n{line(OLD)[:-1]} hashes", r"line 2 .* another is marked"),
        ("2026 not-base64!", r"line 1 of .* is not an id and base64"),
        (line(NEW)[5:-1] + " main", r"line 1 .* its id is not made of letters"),
    ],
)
def test_a_file_that_is_none_of_keys(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(KeysUnreadable, match=sentence) as refused:
        load_keyring(key_file(tmp_path, text))
    assert base64.b64encode(NEW.secret).decode() not in str(refused.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    for mode in (0o644, 0o602):
        with pytest.raises(KeysUnreadable, match=r"may read or write .*keys: .*chmod o= "):
            load_keyring(key_file(tmp_path, line(NEW), mode))
    with pytest.raises(KeysUnreadable, match=r"nowhere cannot be read \(No such file"):
        load_keyring(str(tmp_path / "nowhere"))


def test_what_a_failing_command_prints_stays_unsaid(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "print_keys.py"
    script.write_text("import sys; print('s3cret'); print('s3cret', file=sys.stderr); sys.exit(3)")
    with pytest.raises(KeysUnreadable, match=r"ended with status 3: run it by hand") as refused:
        load_keyring(f"command:{sys.executable} {script}")
    assert "s3cret" not in str(refused.value)
    script.write_text("print('s3cret here')")
    with pytest.raises(KeysUnreadable, match=r"line 1 of what its command prints") as refused:
        load_keyring(f"command:{sys.executable} {script}")
    assert "s3cret" not in str(refused.value)
    for command in ("", "'", str(tmp_path / "nothing")):
        with pytest.raises(KeysUnreadable, match="cannot be started"):
            load_keyring(f"command:{command}")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    monkeypatch.setattr("perdure.encryption.secret_source.COMMAND_SECONDS", 0.2)
    with pytest.raises(KeysUnreadable, match=r"cat printed no keys within 0 s"):
        load_keyring(f"command:cat {fifo}")
