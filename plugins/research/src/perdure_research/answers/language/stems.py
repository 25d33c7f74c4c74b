"""The stems of words, by language, with the irregular forms that no stemming brings together."""

import threading
from functools import cache, lru_cache
from typing import Any, Final

from perdure_research.answers.language.tokens import folded

_STEMMING: Final = threading.Lock()
_ENGLISH_KIN: Final = 7
_ALGORITHMS: Final = {
    "en": "english",
    "de": "german",
    "fr": "french",
    "es": "spanish",
    "it": "italian",
    "pt": "portuguese",
    "nl": "dutch",
    "ru": "russian",
    "ar": "arabic",
}
_IRREGULAR: Final = """
    lose loses losing lost loss losses
    break breaks broke broken
    begin begins began begun beginning
    bring brings brought
    build builds built building
    buy buys bought
    child children
    choose chooses chose chosen choice
    fall falls fell fallen
    fail fails failed failure failures
    find finds found
    grow grows grew grown growth
    hold holds held
    keep keeps kept
    know knows knew known knowledge
    lead leads led leader
    leave leaves left
    lie lies lay lays laid lain laying lying
    man men
    mean means meant meaning
    pay pays paid payment
    rise rises rose risen
    run runs ran running
    sell sells sold sale sales
    send sends sent
    speak speaks spoke spoken
    spend spends spent
    swim swims swam swum
    teach teaches taught
    think thinks thought
    win wins won winner winning
    woman women
    write writes wrote written writer
    draw draws drew drawn drawing
    fly flies flew flown flight
    drive drives drove driven driver
    eat eats ate eaten
    give gives gave given
    see sees saw seen
    sing sings sang sung
    light lights lit
    bear born birth
    die dies died death dead
    bite bites bit bitten
    freeze freezes froze frozen
    foot feet
    mouse mice
    tooth teeth
    half halves
    leaf leaves
    strike strikes struck
    steal steals stole stolen theft
    sink sinks sank sunk
    catch catches caught
    burn burns burned burnt
    feed feeds fed
    tear tears tore torn
    weigh weighs weighed weight
    deep depth
    high height
    long length
    wide width
    strong strength
    arrive arrives arrival
    depart departs departure
    own owns owned owner
    apply applies applied applying application applications
    employ employs employed employee employees employment employer
    design designs designed designer
    found founds founded founder founding foundation
    invent invents invented inventor invention
    discover discovers discovered discoverer discovery
    produce produces produced production producer
    become becomes became
    blow blows blew blown
    come comes came coming
    deal deals dealt
    dig digs dug digging
    do does did done
    fight fights fought
    flee flees fled
    forbid forbids forbade forbidden
    forget forgets forgot forgotten
    get gets got gotten
    go goes went gone
    hang hangs hung
    hear hears heard
    hide hides hid hidden
    lend lends lent
    make makes made making
    meet meets met
    ride rides rode ridden riding
    ring rings rang rung
    say says said
    seek seeks sought
    shake shakes shook shaken
    shine shines shone
    shoot shoots shot
    shrink shrinks shrank shrunk shrinkage
    sit sits sat sitting
    sleep sleeps slept
    spring springs sprang sprung
    stand stands stood
    stick sticks stuck
    sweep sweeps swept
    take takes took taken taking
    tell tells told
    throw throws threw thrown
    understand understands understood
    wake wakes woke woken
    wear wears wore worn
    withdraw withdraws withdrew withdrawn withdrawal
    describe describes described description
    decide decides decided decision
    destroy destroys destroyed destruction
    explode explodes exploded explosion
    collide collides collided collision
    marry marries married marriage
    remove removes removed removal
    approve approves approved approval
    refuse refuses refused refusal
    propose proposes proposed proposal
    permit permits permitted permission
    admit admits admitted admission
    measure measures measured measurement
    compete competes competed competition
    perform performs performed performance
    renew renews renewed renewal
"""
# Adjectives with a comparative and a superlative.
_COMPARED: Final = """
    big cheap cold dark deep dry early fast great hard heavy high hot large late light long loud low
    narrow near new old poor quick rare rich short slow small strong tall thick thin warm weak wet
    wide young
"""
_DOUBLED: Final = frozenset(["big", "hot", "thin", "wet"])


@cache
def _stemmer(language: str) -> Any:  # snowballstemmer's classes have no common public type
    import snowballstemmer

    return snowballstemmer.stemmer(_ALGORITHMS[language])


@cache
def _irregular() -> dict[str, str]:
    known: dict[str, str] = {}
    for word in _COMPARED.split():
        bare = word.removesuffix("e")
        doubled = bare + bare[-1] if word in _DOUBLED else bare
        for stem_ in (bare, doubled, f"{word[:-1]}i" if word.endswith("y") else bare):
            known.setdefault(f"{stem_}er", word)
            known.setdefault(f"{stem_}est", word)
            # "darken", "widened"
            for ending in ("en", "ens", "ened", "ening"):
                known.setdefault(f"{stem_}{ending}", word)
    for line in _IRREGULAR.strip().splitlines():
        forms = line.split()
        for form in forms:
            # "found" is a form of two verbs; what stands first has it, the other its own stem.
            known.setdefault(form, forms[0])
    return known


@lru_cache(maxsize=100_000)
def stem(word: str, language: str) -> str:
    """Return the stem of a word; in a language that is not known, the word itself."""
    if language == "en" and (form := _irregular().get(word)) is not None:
        word = form
    if language not in _ALGORITHMS or not word.isalpha():
        return word
    # Goals answer in threads of one process, and a stemmer keeps the word that it works at.
    with _STEMMING:
        stemmed: str = _stemmer(language).stemWord(word)
    return folded(stemmed)


def is_irregular(word: str) -> bool:
    """Say whether an English word is a form that its stem does not tell, such as "built"."""
    return word in _irregular()


def is_kin(one: str, other: str, language: str) -> bool:
    """Say whether two stems are of one family, in languages that compound or inflect heavily."""
    if one == other:
        return True
    if language not in {"de", "nl", "ru", "en"}:
        return False
    if language == "en" and one[:_ENGLISH_KIN] != other[:_ENGLISH_KIN]:
        return False
    shared = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        shared += 1
    shorter, longer = sorted((len(one), len(other)))
    if language == "en":
        # "electrified" and "electrification" have different stems.
        return shared >= _ENGLISH_KIN and shared >= 0.85 * longer and not one.isdigit()
    least = 4 if language == "ru" else 5
    return shared >= least and (shared == shorter or shared >= 0.6 * longer)
