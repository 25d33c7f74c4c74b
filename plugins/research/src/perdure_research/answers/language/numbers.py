# ruff: noqa: RUF001, E501 -- letters of many scripts are meant here; a unit a line
"""Numbers in words and digits, units of measure, dates and times, as they stand in texts."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from perdure_research.answers.language.tokens import Token, folded, is_unspaced

_SMALL: Final = """
    0 zero null nul cero ноль; 1 one eins ein einem einen un une uno una один одна; 2 two zwei deux
    dos два две; 3 three drei trois tres три; 4 four vier quatre cuatro четыре; 5 five funf cinq
    cinco пять; 6 six sechs seis шесть; 7 seven sieben sept siete семь; 8 eight acht huit ocho
    восемь; 9 nine neun neuf nueve девять; 10 ten zehn dix diez десять; 11 eleven elf onze once
    одиннадцать; 12 twelve zwolf douze doce двенадцать; 13 thirteen dreizehn treize trece
    тринадцать; 14 fourteen vierzehn quatorze catorce четырнадцать; 15 fifteen funfzehn quinze
    quince пятнадцать; 16 sixteen sechzehn seize dieciseis шестнадцать; 17 seventeen siebzehn
    diecisiete семнадцать; 18 eighteen achtzehn dieciocho восемнадцать; 19 nineteen neunzehn
    diecinueve девятнадцать; 20 twenty zwanzig vingt veinte двадцать; 30 thirty dreissig trente
    treinta тридцать; 40 forty vierzig quarante cuarenta сорок; 50 fifty funfzig cinquante
    cincuenta пятьдесят; 60 sixty sechzig soixante sesenta шестьдесят; 70 seventy siebzig setenta
    семьдесят; 80 eighty achtzig ochenta восемьдесят; 90 ninety neunzig noventa девяносто; 100
    hundred hundert cent cien ciento сто; 200 двести doscientos zweihundert; 300 триста
    trescientos; 400 четыреста; 500 пятьсот quinientos; 600 шестьсот; 700 семьсот; 800 восемьсот;
    900 девятьсот; 1000 thousand tausend mille mil тысяч тысяча; 40000 vierzigtausend; 1000000
    million millionen millions millon millones миллион миллионов; 1000000000 billion milliarde
    milliarden milliard milliards
"""
# One and its likes are articles too: alone they are no figure.
_ARTICLES: Final = frozenset(["one", "ein", "einem", "einen", "un", "une", "uno", "una", "once"])
_HAN: Final = {**{c: n for n, c in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2, "兩": 2}
_HAN_TENS: Final = {
    "十": 10,
    "百": 100,
    "千": 1000,
    "万": 10_000,
    "萬": 10_000,
    "億": 10**8,
    "亿": 10**8,
}
_HAN_NUMBER: Final = re.compile("[零〇一二两兩三四五六七八九十百千万萬億亿]+")

# Kinds of units: the words and signs, and what one of it comes to in the first.
_UNITS: Final = {
    "length": """
        1 m metre metres meter meters metern metros metros mètres mètre 米 公尺 メートル метр метра метров מטרים;
        0.001 mm millimetre millimetres millimeter millimeters Millimeter 毫米 ミリ; 0.01 cm centimetre
        centimetres centimeter centimeters Zentimeter Zentimetern 厘米 センチ センチメートル; 1000 km kilometer kilometern kilometre kilometres
        kilometer kilometers kilómetros kilomètres 公里 千米 キロメートル キロ км километров; 1852 nm_
        nautical_miles nautical_mile; 1609.344 mile miles Meilen; 0.3048 ft foot feet; 0.0254 inch
        inches Zoll; 0.9144 yard yards
    """,
    "mass": """
        1 kg kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramos 公斤 千克 キログラム
        кг; 0.001 g gram grams gramme grammes gramm gramos 克 グラム; 0.000001 mg milligram milligrams
        毫克; 0.000000001 µg microgram micrograms μg; 1000 t ton tons tonne tonnes toneladas Tonnen 吨
        トン тонн; 0.45359237 lb lbs pound_weight
    """,
    "time": """
        1 s second seconds sekunde sekunden seconde secondes segundo segundos 秒; 0.001 ms
        millisecond milliseconds millisekunden; 60 min minute minutes minuten minutos 分钟 分 минут;
        3600 h hour hours stunde stunden heure heures hora horas 小时 時間 часов часа; 86400 day days
        tag tage tagen jour jours dia dias 天 日間 дней; 86400 night nights nacht nachte nuit nuits noche noches; 315576000 decade decades; 604800 week weeks woche wochen semaine
        semaines semana semanas 周 週間 недель; 2629800 month months monat monate monaten mois mes
        meses 个月 ヶ月 месяцев; 31557600 year years jahr jahre jahren an ans année années año años 年
        лет года
    """,
    "temperature": "1 °C °c celsius degrees grad degrés grados 度 градусов °; 1 °F fahrenheit; 1 K kelvin",
    "money": """
        1 € euro euros eur; 1 $ dollar dollars usd; 1 £ pound pounds gbp quid; 1 franc francs chf
        franken; 1 mark marks; 1 crown crowns kronen krona kronor nok sek dkk; 1 rupiah; 1 rupee
        rupees inr; 1 ¥ yen 円 日元; 1 元 yuan rmb 人民币; 1 ₽ rouble roubles ruble rubles рублей рубль
        рубля; 1 cent cents pence pesos peso 分钱; 1 free gratis kostenlos gratuit gratuite gratuito
    """,
    "volume": """
        1 l litre litres liter liters litern litros 升 リットル литров; 1 l/min; 0.001 ml millilitre
        millilitres milliliter; 1000 m³ m3 cubic_metres cubic_metre; 3.785411784 gallon gallons
    """,
    "area": """
        1 m² m2 square_metres square_metre quadratmeter 平方米; 1000000 km² km2 square_kilometres 平方公里;
        10000 ha hectare hectares hektar hectáreas 公顷 ヘクタール; 4046.8564224 acre acres
    """,
    "share": "1 % percent per_cent prozent pour_cent por_ciento 百分之 パーセント процентов; 0.1 ‰",
    "speed": "1 km/h kmh mph knots knoten m/s",
    "sound": "1 dB decibel decibels dezibel",
    "power": "1 w watt watts; 1000 kw kilowatt kilowatts; 1000000 mw megawatt megawatts",
    "energy": "1 kcal calories calorie kilocalories; 0.239 kj kilojoule",
    "data": "1 byte bytes; 1000 kb kilobyte kilobytes; 1000000 mb megabyte megabytes; 1000000000 gb gigabyte gigabytes",
    "extent": "1 character characters; 1 letter letters; 1 word words; 1 page pages; 1 line lines; 1 verse verses",
    "voltage": "1 v volt volts; 1 a_ ampere amperes amps",
}


@cache
def number_words() -> dict[str, float]:
    """Return the value of each number word of the languages that are known, by its key."""
    known = {}
    for entry in _SMALL.split(";"):
        value, *words = entry.split()
        known.update({folded(word): float(value) for word in words})
    return known


@cache
def _units() -> dict[str, tuple[str, float, str]]:
    known: dict[str, tuple[str, float, str]] = {}
    for kind, entries in _UNITS.items():
        for entry in entries.split(";"):
            factor, *words = entry.split()
            for word in words:
                key = folded(word.rstrip("_")).replace("_", " ")
                known.setdefault(key, (kind, float(factor), words[0]))
    return known


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a text.

    Attributes:
        value: What it comes to.
        text: As it is written, with its unit.
        kind: What kind of unit it has; empty without.
        unit: The unit's first name; different moneys have different ones.
        first: The place of its first token.
        last: The place of its last token, the unit's included.
        is_word: Whether it is written in words.
    """

    value: float
    text: str
    kind: str
    unit: str
    first: int
    last: int
    is_word: bool = False

    @property
    def is_year(self) -> bool:
        """Whether it may be a year."""
        return (
            not self.kind
            and not self.is_word
            and len(self.text) == 4
            and self.text.isdigit()
            and 1000 <= self.value <= 2100
        )


def numbers_in(tokens: tuple[Token, ...], text: str) -> list[Number]:
    """Return the numbers among the tokens of a text, clock times left out."""
    found: list[Number] = []
    place = 0
    while place < len(tokens):
        read = _number_at(tokens, place)
        if read is None:
            place += 1
            continue
        value, after, is_word = read
        kind, unit, factor, end = _unit_at(tokens, after)
        begin = place - 1 if place and tokens[place - 1].text in {"€", "$", "£", "¥"} else place
        if begin < place and not kind:
            kind, factor, unit = _units()[tokens[begin].key]
        found.append(
            Number(
                value * factor,
                text[tokens[begin].start : tokens[end - 1].end],
                kind,
                unit,
                begin,
                end - 1,
                is_word,
            )
        )
        place = max(end, after)
    return found


def _one_at(tokens: tuple[Token, ...], place: int) -> tuple[float, int, bool] | None:
    """Return one of a unit, or half of one: "an hour", "half a litre", "half a million"."""
    key, *after = [token.key for token in tokens[place : place + 3]]
    if key == "half" and after[:1] in (["a"], ["an"]):
        scale = number_words().get(after[1], 1.0) if len(after) > 1 else 1.0
        return 0.5 * scale, place + (3 if scale > 1 else 2), True
    if key in _ARTICLES | {"a", "an"} and after and after[0] in _units():
        return 1.0, place + 1, True
    return None


def _number_at(tokens: tuple[Token, ...], place: int) -> tuple[float, int, bool] | None:
    token = tokens[place]
    if token.text[:1].isdigit():
        value = digits_value(token.text)
        if value is None:
            return None
        after = place + 1
        while after < len(tokens) and (scale := number_words().get(tokens[after].key, 0)) >= 1000:
            value *= scale
            after += 1
        return value, after, False
    words = number_words()
    if (one := _one_at(tokens, place)) is not None or token.key not in words:
        return one
    total, part, after = 0.0, 0.0, place
    while after < len(tokens) and tokens[after].key in words:
        value = words[tokens[after].key]
        if value >= 1000:
            total, part = total + (part or 1) * value, 0.0
        elif value == 100:
            part = (part or 1) * 100
        else:
            part += value
        after += 1
    if after == place + 1 and token.key in _ARTICLES:
        return None
    return total + part, after, True


def _unit_at(tokens: tuple[Token, ...], after: int) -> tuple[str, str, float, int]:
    """Return the unit behind a number: its kind, its name, its factor, and where it ends."""
    for length in (2, 1):
        if after + length > len(tokens):
            continue
        key = " ".join(token.key for token in tokens[after : after + length])
        if key in _units():
            kind, factor, name = _units()[key]
            return kind, name, factor, after + length
    if after + 1 < len(tokens) and tokens[after].text.isalpha() and len(tokens[after].text) > 3:
        # "243 Earth days"
        found = _units().get(tokens[after + 1].key)
        if found is not None and found[0] == "time" and len(tokens[after + 1].key) > 3:
            return found[0], found[2], found[1], after + 2
    return "", "", 1.0, after


def unit_of(key: str) -> tuple[str, str] | None:
    """Return the kind and the name of a unit; ``None`` for another word."""
    found = _units().get(key)
    return None if found is None else (found[0], found[2])


def names_of_unit(key: str) -> frozenset[str]:
    """Return all names of the unit that a word is one of; none for another word."""
    found = _units().get(key)
    if found is None or found[0] == "money":
        return frozenset()
    return frozenset(
        name for name, one in _units().items() if one[:2] == found[:2] and " " not in name
    )


def digits_value(text: str) -> float | None:
    """Return what digits come to, whichever mark groups the thousands; ``None`` for a time."""
    if ":" in text:
        return None
    bare = text.replace(" ", "")
    separators = [c for c in bare if c in ".,"]
    if len(separators) == 1:
        whole, _, rest = bare.partition(separators[0])
        if len(rest) == 3 and whole != "0" and len(whole) <= 3:
            return float(whole + rest)
    elif len(set(separators)) == 2:
        last = separators[-1]
        bare = bare.replace(separators[0], "").replace(last, ".")
        return _float(bare)
    elif len(separators) > 1:
        return _float(bare.replace(separators[0], ""))
    return _float(bare.replace(",", "."))


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def han_value(text: str) -> float | None:
    """Return what a number in Chinese characters comes to."""
    total, part, digit = 0.0, 0.0, 0.0
    if not any(c in _HAN_TENS for c in text):
        return _float("".join(str(_HAN.get(c, "")) for c in text))
    for c in text:
        if c in _HAN:
            digit = _HAN[c]
        elif _HAN_TENS[c] >= 10_000:
            total, part, digit = (total + part + digit or 1) * _HAN_TENS[c], 0.0, 0.0
        else:
            part, digit = part + (digit or 1) * _HAN_TENS[c], 0.0
    return total + part + digit


def han_numbers(text: str) -> list[tuple[float, int, int]]:
    """Return the numbers in Chinese characters of a text: value, begin, end."""
    found = []
    for match in _HAN_NUMBER.finditer(text):
        value = han_value(match.group())
        if value is not None:
            found.append((value, match.start(), match.end()))
    return found


def years_in(tokens: tuple[Token, ...], text: str) -> frozenset[str]:
    """Return the years of a text: numbers of four digits that have no unit."""
    if is_unspaced(text):
        return frozenset(re.findall(r"(?<!\d)\d{4}(?=年)", text))
    return frozenset(number.text for number in numbers_in(tokens, text) if number.is_year)
