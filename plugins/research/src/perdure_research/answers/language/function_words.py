# ruff: noqa: RUF001 -- letters and marks of many scripts are meant here
"""Words that carry no meaning of their own, by language; they also tell which language it is."""

from typing import Final

_WORDS: Final = {
    "en": """
        since until up rather instead
        a about after again against all also am an and any anybody anyone anything are aren as at
        be because been before being below between both but by can cannot could couldn d did didn
        do does doesn doing don down during each few for from further get gets given gives give had
        hadn has hasn have haven having he her here hers herself him himself his how i if in into
        is isn it its itself ll m many may me might more most much must my myself no nor not of off
        on once only onto or other our ours out over own per please re s same shall she should
        shouldn so some somebody someone something such t tell than that the their theirs them
        themselves then there these they this those through to too toward towards upon us ve very
        was wasn we were weren what when where whether which while who whom whose why will with
        within without would wouldn you your yours
    """,
    "de": """
        aber als am an auch auf aus bei beim bis das dass dem den denn der des die dies diese
        dieser dieses doch du durch ein eine einem einen einer eines er es etwas fur gegen hat habe
        haben hatte hatten hier ihr ihre ihrem ihren ihrer im in ins ist jede jeder jedes kann kein
        keine konnen man mit musst nach nicht noch nun nur ob oder seit sein seine seinem seinen
        seiner sich sie sind so uber uhr um und unter uns viel viele vom von vor wann war waren
        warum was welche welchem welchen welcher welches wem wen wenn wer werden weshalb wie wieso
        wird wo woher wohin wurde wurden wodurch zu zum zur zwischen
    """,
    "fr": """
        a ai ainsi alors au aux avec avoir c ce ces cet cette ceux chez combien comme comment d
        dans de des dont du elle elles en entre est et etait etaient etre eu fut furent il ils j je
        jusqu l la le les leur leurs lorsqu lui m mais me mes mon n ne ni nos notre nous on ont ou
        par pas pour pourquoi qu quand que quel quelle quelles quels qui quoi s sa sans se ses si
        son sont sous sur t ta te tes ton tu un une vos votre vous y
    """,
    "es": """
        a al ante aquel como con cual cuales cuando cuanta cuantas cuanto cuantos de del desde
        donde e el ella ellos en entre era eran es esa ese eso esta estan este esto fue fueron ha
        han hay la las le les lo los mas me mi muy nos o os otra otro para pero por porque que
        quien quienes se ser si sin sobre son su sus te tiene tienen un una uno unos y ya
    """,
    "it": """
        a ad agli ai al alla alle allo anche c che chi ci come con cosa cui d da dagli dai dal
        dalla dalle dei del della delle dello di dove e ed era erano fu furono gli ha hanno i il in
        io l la le lo loro ma mi ne nei nel nella nelle non o per perche piu qual quale quali
        quando quanta quante quanti quanto si sono su sua sue sui sul sulla suo suoi tra un una uno
    """,
    "pt": """
        a ao aos as com como da das de do dos e ela ele em entre era eram essa esse esta este eu
        foi foram ha isso isto ja mais mas na nas no nos o onde os ou para pela pelo por porque
        qual quais quando quanta quantas quanto quantos que quem se sem ser seu seus sua suas sao
        tem um uma
    """,
    "nl": """
        aan al als bij dan dat de der deze die dit door een en er had hebben heeft het hij hoe
        hoeveel hun ik in is je kan maar me men met na naar niet nog nu of om onder ook op over te
        toen tot uit van veel voor waar waarom wanneer waren was wat we wel welk welke werd werden
        wie wordt worden zij zijn zo
    """,
    "ru": """
        а б в и к о с у без был была были было в вам вас весь во вот все всех вы где да для до его
        ее если есть еще же за и из или им их к как каков какова каково каковы какая какие какой
        какого когда кто ли мы на над не него нее ни них но о об он она они оно от откуда по под
        почему при про с сколько со так такой там то того тот ты у уже чего чем что чтобы чья чей
        это этого этот я
    """,
    "ar": "من ما ماذا متى كم أين هل في على إلى عن أو و هو هي كيف لماذا التي الذي هذا هذه ذلك",
    "he": "מי מה מתי כמה איפה האם של את על עם או הוא היא זה זאת אל כי איך למה מדוע",
}
# What a question is put with, in any language: it tells nothing of what is asked about.
_ASKING: Final = frozenset(
    """
    according answer describe detail explain list mention mentioned question report reports say says
    source sources state stated summarise summarize tell text texts write document documents
    dokument dokumente quelle quellen sagen source sources texte texto textos
    """.split()  # noqa: SIM905 -- a column of words reads worse
)
# What may be missing where the rest is there.
_LIGHT: Final = frozenset(
    """
    betragt betrug zahlt compte comptent possede cuenta cuentan hold holds
    wrong matter trouble likely back available
    actual actually amount approximately called come comes came current currently day days date
    exact exactly ever get happen happened happens kind kinds located long many much name named
    names now number numbers people person persons place take taken takes thing things time times
    go goes went gone point today total type types value year years overall usually always old
    really still yet going make made makes one ones sort situated under entree eintritt lie lies
    altogether often oft souvent seguido frecuencia gibt jahr jahre tag tage zahl menge leute name
    heisst heute derzeit personnes nombre jour jours annee annees heure aujourd hui appelle
    personas numero dia dias ano anos hora hoy llama
    """.split()  # noqa: SIM905 -- a column of words reads worse
)

FUNCTION_WORDS: Final = {name: frozenset(words.split()) for name, words in _WORDS.items()}


def language_of(keys: list[str]) -> str:
    """Return which language most of the function words among some words are of; English if none."""
    if not keys:
        return "en"
    counts = {name: sum(key in words for key in keys) for name, words in FUNCTION_WORDS.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if counts[best] else "en"


def is_function_word(key: str, language: str) -> bool:
    """Say whether a word carries no meaning of its own."""
    return key in FUNCTION_WORDS.get(language, frozenset())


def only_asks(key: str) -> bool:
    """Say whether a word only asks, such as "explain"."""
    return key in _ASKING


def is_light(key: str) -> bool:
    """Say whether an answer need not hold a word, though a better one does."""
    return key in _LIGHT
