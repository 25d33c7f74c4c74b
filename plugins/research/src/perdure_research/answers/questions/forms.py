# ruff: noqa: RUF001, E501, ISC004 -- letters of many scripts are meant here; a form of question a line
"""The forms of questions, by language: which words ask for what."""

import re
from typing import Final

from perdure_research.answers.questions.question import Kind

# Those of whom "which" asks for a name, as "who" does.
_PEOPLE: Final = (
    "architect|author|writer|artist|painter|composer|singer|player|actor|actress|engineer|scientist"
    "|doctor|professor|politician|king|queen|president|mayor|minister|captain|company|companie|firm"
    "|group|team|band|manufacturer|maker|publisher|airline|person|woman|man"
)
# Each pattern is tried on the question's text in lower case and without accents; first hit wins.
_FORMS: Final[dict[str, tuple[tuple[str, Kind], ...]]] = {
    "en": (
        (
            r"^what (happened|happens|became|has become|will happen|will become) (to|of|with)\b",
            "open",
        ),
        (r"^what (is|was|s) (wrong|the matter|the problem|the trouble) with\b", "open"),
        (r"^what (made|makes) .* \w+(er|ed|en)$", "reason"),
        (r"^(what|which) (is|was|are|were) the (\w+ )?(cause|causes|reason|reasons)\b", "thing"),
        (
            r"\bwhat (does|do|did) [\w\s'-]+ mean\b|^define\b|\bwhat is meant by\b|\bdefinition of\b",
            "definition",
        ),
        (
            r"^(in |at |by |since |until |from |on |for )?how (many|much|tall|high|long|far|deep|wide|broad"
            r"|big|large|heavy|old|fast|hot|cold|warm|loud|expensive|often|strong|thick|quickly)\b",
            "figure",
        ),
        (
            r"^(at|to|by|for|with|in|of|from) (what|which) (\w+ )?(temperature|price|speed|height|depth|percentage|rate|cost|age)\b",
            "figure",
        ),
        (r"^what (percentage|share|proportion|fraction|number|amount)\b", "figure"),
        (r"^what (does|do|did|will|would|might|can) .*\b(cost|weigh|measure)\b", "figure"),
        (r"^(since |until |from |by )?when\b", "date"),
        (
            r"^(in|on|at|since|until|by|from|during)? ?(what|which) (year|date|day|month|time|century|season|weekday)\b",
            "date",
        ),
        (r"^who (should|may|can|must|has to|have to|needs to|is allowed|are allowed)\b", "thing"),
        (r"^(by |to |with |for |from )?(who|whom|whose)\b", "person"),
        (rf"^(by |to |with |for |from )?(which|what) ({_PEOPLE})s?\b", "person"),
        (r"^(from |to )?where\b", "place"),
        (
            r"^(in|at|to|from) (what|which) (city|town|country|place|village|street|room|region|building)\b",
            "place",
        ),
        (r"^(and )?(why|for what reason|how come|what causes|what caused)\b", "reason"),
        (
            r"^(list|name|enumerate)\b|^(who|what) are\b|^(what|which) (\w+ )?\w+s (are|were|does|do|did|can|may|has|have)\b",
            "list",
        ),
        (r"^how\b", "manner"),
        (
            r"^(is|are|was|were|am|do|does|did|has|have|had|can|could|may|might|must|shall|should|will|would|isn't|aren't|doesn't|don't|didn't)\b",
            "yes-no",
        ),
        (r"^(in |on |at |to |from |under |by |with |for |of |through )?(what|which)\b", "thing"),
    ),
    "de": (
        (r"^was (bedeutet|heisst)\b|^was versteht man unter\b", "definition"),
        (
            r"^(seit |um |in |auf |zu |bis )?(wie ?viele?n?|wie (hoch|lang|lange|tief|gross|schwer|alt|weit|teuer|oft|breit|schnell|warm|kalt|stark))\b",
            "figure",
        ),
        (
            r"^was (kostet|kosten|wiegt)\b|^welche[nr]? (hohe|lange|tiefe|preis|temperatur)\b",
            "figure",
        ),
        (
            r"^(seit |bis |ab )?wann\b|^um wie ?viel uhr\b|^(in|an|seit) welche[mrn]? (jahr|tag|monat|datum)\b",
            "date",
        ),
        (r"^(von |mit |fur |an )?(wer|wem|wen|wessen)\b", "person"),
        (r"^(wo|woher|wohin)\b|^in welche[mr] (stadt|ort|land)\b", "place"),
        (r"^(warum|weshalb|wieso|aus welchem grund)\b", "reason"),
        (r"^was (ist|sind) (ein|eine|einen|der|die|das)?\b", "definition"),
        (r"^(nenne|welche) ", "list"),
        (r"^wie\b", "manner"),
        (r"^(was|welche[rsmn]?|wof?ur|womit|woraus)\b", "thing"),
    ),
    "fr": (
        (
            r"\b(que|qu'est-ce que|que veut dire|que signifie)\b.*\b(signifie|veut dire)\b",
            "definition",
        ),
        (
            r"\bcombien\b|\bquel(le)?s? (est|etait|sont) (la |le |l')(hauteur|longueur|profondeur|prix|poids|superficie|temperature|nombre|tarif)\b|^a quelle (hauteur|temperature|vitesse)\b",
            "figure",
        ),
        (
            r"\bquand\b|\ba quelle heure\b|\b(en|de) quelle annee\b|\bquel jour\b|\bdepuis quand\b|\bquelle date\b",
            "date",
        ),
        (r"^(par |de |a |avec )?qui\b(?! est-ce que)", "person"),
        (r"^(d'|par )?ou\b|\bdans quel(le)? (ville|pays|lieu)\b", "place"),
        (r"^pourquoi\b", "reason"),
        (r"^qu'est[- ]ce qu(e|')", "definition"),
        (r"^(quels|quelles|citez|nommez)\b", "list"),
        (r"^comment\b", "manner"),
        (r"^(est-ce que|peut-on|faut-il|y a-t-il)\b|-(t-)?(il|elle|ils|elles|on)\b", "yes-no"),
        (r"^(a |de |dans |par |avec |en |sur )?(quel|quelle|que|quoi)\b", "thing"),
    ),
    "es": (
        (r"\bque (significa|quiere decir)\b", "definition"),
        (
            r"^(a |de |en |por )?cuant[oa]s?\b|\bcual es (la |el )(altura|longitud|profundidad|precio|peso|superficie|temperatura)\b|\bque (altura|longitud|profundidad|peso|superficie)\b",
            "figure",
        ),
        (r"\bcuando\b|\ba que hora\b|\ben que (ano|dia|mes|fecha)\b|\bque dia\b", "date"),
        (r"^(por |de |a |con )?quien(es)?\b", "person"),
        (r"^(de |a |en )?donde\b|\ben que (ciudad|pais|lugar)\b", "place"),
        (r"^(por que|porque)\b", "reason"),
        (r"^que es (un|una|el|la)\b|^que es\b", "definition"),
        (r"^(que|cuales) son\b|^cuales\b|^(enumera|nombra)\b", "list"),
        (r"^como\b", "manner"),
        (r"^(en |de |con |para |a |por )?(que|cual)\b", "thing"),
        (r"^(es|son|esta|estan|hay|puede|pueden|se puede|fue|tiene|tienen|contiene)\b", "yes-no"),
    ),
    "it": (
        (r"\bquant[oaie]\b", "figure"),
        (r"\bquando\b|\ba che ora\b|\bin che anno\b", "date"),
        (r"^(da |di |a |con )?chi\b", "person"),
        (r"^(da )?dove?\b|^dov'", "place"),
        (r"^perche\b", "reason"),
        (r"^(che cosa|cosa|che cos)\b", "thing"),
        (r"^come\b", "manner"),
        (r"^(quali)\b", "list"),
        (r"^(quale|qual|che)\b", "thing"),
    ),
    "pt": (
        (r"\bquant[oa]s?\b", "figure"),
        (r"\bquando\b|\ba que horas\b|\bem que ano\b", "date"),
        (r"^(por |de |a |com )?quem\b", "person"),
        (r"^(de )?onde\b", "place"),
        (r"^por ?que\b", "reason"),
        (r"^como\b", "manner"),
        (r"^(quais)\b", "list"),
        (r"^(o )?(que|qual)\b", "thing"),
    ),
    "nl": (
        (r"\bhoeveel\b|\bhoe (hoog|lang|diep|groot|zwaar|oud|ver|duur|vaak|breed)\b", "figure"),
        (r"\bwanneer\b|\bhoe laat\b|\bin welk jaar\b", "date"),
        (r"^(door |van |met )?wie\b", "person"),
        (r"^waar\b", "place"),
        (r"^waarom\b", "reason"),
        (r"^hoe\b", "manner"),
        (r"^(wat|welke?)\b", "thing"),
    ),
    "ru": (
        (
            r"\bсколько\b|\bкаков[аы]? (высота|длина|глубина|цена)\b|\bна какой (высоте|глубине)\b",
            "figure",
        ),
        (r"\bкогда\b|\bво сколько\b|\bв каком году\b", "date"),
        (r"^(кто|кем|кого|кому)\b", "person"),
        (r"^(где|куда|откуда)\b", "place"),
        (r"^(почему|зачем)\b", "reason"),
        (r"^что такое\b", "definition"),
        (r"^как\b", "manner"),
        (r"^(в |на |о )?(что|какой|какая|какое|какие|чем)\b", "thing"),
        (r"\bли\b|^можно\b", "yes-no"),
    ),
    "ar": (
        (r"\bكم\b", "figure"),
        (r"\bمتى\b", "date"),
        (r"^من\b", "person"),
        (r"\bأين\b", "place"),
        (r"^لماذا\b", "reason"),
        (r"^هل\b", "yes-no"),
    ),
    "he": (
        (r"\bכמה\b|\bמה (גובה|אורך|עומק)", "figure"),
        (r"\bמתי\b|\bבאיזו? (שנה|שעה)", "date"),
        (r"^מי\b", "person"),
        (r"\bאיפה\b|\bהיכן\b", "place"),
        (r"^(למה|מדוע)\b", "reason"),
        (r"^האם\b", "yes-no"),
    ),
}
# The form, its kind, the kinds of unit, and what an answer has to hold instead of the words that ask.
_HAN_FORMS: Final[tuple[tuple[str, Kind, str, str], ...]] = (
    (r"什么是|是什么意思|とは何|とはなに|って何|とはどういう", "definition", "", ""),
    (r"(什么时候|何时|哪一?天|几月|几号|いつ|何月|何日|何曜日)", "date", "", ""),
    (r"(哪一?年|何年)", "date", "", ""),
    (r"(几点|何時)", "date", "", ""),
    (r"(为什么|为何|なぜ|どうして)", "reason", "", ""),
    (r"多少钱|价格是多少|いくら", "figure", "money", ""),
    (r"多高|高さは(どの|何)[^、。？?]*", "figure", "length", "高"),
    (r"多长时间|多久|どのくらいの時間|何時間|何分", "figure", "time", ""),
    (r"多长|長さは(どの|何)[^、。？?]*", "figure", "length", "长"),
    (r"多深|深さは(どの|何)[^、。？?]*", "figure", "length", "深"),
    (r"多宽", "figure", "length", "宽"),
    (r"多重", "figure", "mass", "重"),
    (r"多远", "figure", "length", ""),
    (r"多大", "figure", "area", ""),
    (
        r"有?多少[个条张本册米公里人次名位只头家间座辆艘棵台层级]*|几[个条张本册米公里人次度]|どのくらい|どれくらい|いくつ"
        r"|何(人|個|匹|本|枚|冊|メートル|キロメートル|キロ|度|台|軒|回|駅|つ)",
        "figure",
        "",
        "",
    ),
    (r"กี่(คน|ปี|แห่ง|เมตร|กิโลเมตร|บาท|ครั้ง)?|เท่าไร|เท่าไหร่", "figure", "", ""),
    (r"เมื่อไร|เมื่อไหร่", "date", "", ""),
    (r"ที่ไหน", "place", "", ""),
    (r"ใคร", "person", "", ""),
    (r"(谁|誰|だれ|どなた)", "person", "", ""),
    (r"(哪里|哪儿|什么地方|哪个城市|どこ)", "place", "", ""),
    (r"(怎么|如何|どのように|どうやって)", "manner", "", ""),
    (r"(哪些|什么|何|なに|どの|どれ|どんな)", "thing", "", ""),
    (r"(吗|嗎|么|是否)[？?]?$|(ます|ません|です|でした|ました)か[。？?]?$", "yes-no", "", ""),
)
_CHANGES: Final = re.compile(
    r"\b(versions?|releases?|released|changelog|deprecated|removed|added|fixed|version)\b",
    re.IGNORECASE,
)
_PARTS: Final = re.compile(
    r"(?:,\s*|;\s*|\s)(?:and|und|et|y)\s+(?=(?:why|when|who|where|what|which|how|warum|wann|wer|wo|was|wie"
    r"|pourquoi|quand|qui|où|combien|por qué|cuándo|quién|dónde|cuánto)\b)"
    r"|(?<=[?？])\s*(?=\S)",
    re.IGNORECASE,
)


def kind_of(text: str, language: str) -> Kind:
    """Return what a question asks for, ``open`` where its form tells nothing.

    Args:
        text: The question in lower case and without accents.
        language: Its language.
    """
    for pattern, kind in _FORMS.get(language, ()):
        if re.search(pattern, text):
            return kind
    if language in {"de", "nl"} and text.endswith("?"):
        return "yes-no"
    return "open"


def unspaced_form(text: str) -> tuple[Kind, str, str, str]:
    """Return of a Chinese or Japanese question its kind, unit, what is measured, and the rest.

    Args:
        text: The question.
    """
    for pattern, kind, unit, measured in _HAN_FORMS:
        if re.search(pattern, text):
            return kind, unit, measured, re.sub(pattern, " ", text)
    return "open", "", "", text


def parts_of(text: str) -> list[str]:
    """Split a question that asks several things, each with a question word of its own."""
    return [part.strip(" ,;") for part in _PARTS.split(text) if part and part.strip(" ,;?？")]


def asks_changes(text: str) -> bool:
    """Say whether a question asks about versions and what changed in them."""
    return _CHANGES.search(text) is not None
