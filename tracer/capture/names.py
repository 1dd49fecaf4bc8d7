"""Which names say that their value is a secret: one list for all of them.

A name is taken apart as people write it (`api_key`, `accessToken`,
`x-auth-token`), since a mere substring would hide `monkey` and `author`.
"""

import re
from collections.abc import Iterable

HEADERS = (
    "authorization", "proxy-authorization", "cookie", "set-cookie",
)  # fmt: skip
"""Headers that are secret whatever stands in them."""

NAMES = (
    "password", "passwd", "passphrase", "passcode", "token", "secret",
    "apikey", "credential", "session", "sessid", "signature", "jwt", "csrf",
    "xsrf", "cookie", "authorization",
)  # fmt: skip
"""A word of a name that ends in one of these makes it secret.

`sessionid`, `tokens` and `userpassword` too; `tokenizer` is none.
"""

SHORT = (
    "key", "auth", "pin", "otp", "totp", "pwd", "pass", "pw", "sid", "sig",
    "cvv", "cvc", "nonce", "hmac", "creds", "bearer", "ssn",
)  # fmt: skip
"""These must be a whole word, and the name's last one but for a suffix.

`sort_key` is hidden, which costs little; `KeyError` and `pinned` are not.
"""

SUFFIXES = ("id", "value", "hash", "code", "data", "key")
"""Words that may follow a short one: `key_id`, `pin_code`."""

LONGEST = 128
"""Characters; a longer name is no name that anyone gave a field."""

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_LONG = re.compile(rf"(?:{'|'.join(NAMES)})(?:s|id|key)?\Z")
_SHORT = frozenset(SHORT) | {f"{each}s" for each in SHORT}


def _any_of(words: Iterable[str]) -> str:
    """A pattern that is found wherever one of the words stands.

    The words are joined by their beginnings: of words side by side `re` tries
    one after the other at each byte, which takes three times as long.
    """
    after: dict[str, list[str]] = {}
    for word in words:
        after.setdefault(word[0], []).append(word[1:])
    found = [
        # Where one word ends, a longer one needn't be looked for.
        re.escape(first) + ("" if "" in rest else _any_of(rest))
        for first, rest in sorted(after.items())
    ]
    return found[0] if len(found) == 1 else f"(?:{'|'.join(found)})"


STEMS = re.compile(_any_of((*NAMES, *SHORT, "%", "\\")).encode())
"""Found in lower-case bytes wherever a secret name may stand.

A percent sign and a backslash too, which may spell one of them otherwise.
"""

_known: dict[str, bool] = {}
_MANY = 2048


def is_secret(name: str) -> bool:
    """Whether the value that goes by this name is hidden.

    Source: ours. No standard says which fields are secret.
    """
    found = _known.get(name)
    if found is None:
        found = _judge(name)
        if len(_known) < _MANY and len(name) <= LONGEST:
            _known[name] = found  # names come from outside: kept few
    return found


def _judge(name: str) -> bool:
    name = name[-LONGEST:]
    if name.lower() in HEADERS:
        return True
    words = [each.lower() for each in _WORDS.findall(name)]
    # `token_` in all capitals comes as one word; so does `TOKENid`.
    if any(_LONG.search(each) for each in words):
        return True
    if len(words) > 1 and words[-1] in SUFFIXES and words[-2] in _SHORT:
        return True
    return bool(words) and words[-1] in _SHORT
