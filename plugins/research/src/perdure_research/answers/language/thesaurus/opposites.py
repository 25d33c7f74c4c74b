"""Words that exclude each other, and words of which each stands for one of many."""

from typing import Final

OPPOSITES: Final = {
    "en": """
        allowed forbidden; allowed prohibited; permitted prohibited; allowed banned;
        permitted forbidden; permitted banned; may forbidden; safe dangerous;
        safe unsafe; safe harmful; open closed; open shut; free paid; true false; legal illegal;
        possible impossible; increase decrease; raise lower; raise reduce; increase reduce;
        increase lower; rise fall; rose fell; rise drop; approve reject; accept refuse; win lose;
        harmless harmful; effective ineffective; necessary unnecessary; required optional;
        compulsory optional; compulsory voluntary; alive dead; present absent; edible poisonous;
        edible inedible; soluble insoluble; stable unstable; related unrelated; known unknown;
        healthy unhealthy; profitable unprofitable; accessible inaccessible; warmer colder; hotter
        colder; larger smaller; higher lower; longer shorter; older younger; faster slower; heavier
        lighter; passed failed; supported unsupported; guilty innocent; included excluded; wins
        loses; extinct surviving; flammable fireproof; encrypted unencrypted; charged free
    """,
    "de": """
        erlaubt verboten; gestattet verboten; offen geschlossen; geoffnet geschlossen; sicher
        unsicher; sicher gefahrlich; schadlich unschadlich; moglich unmoglich; kostenlos
        kostenpflichtig; giftig essbar; giftig ungiftig
    """,
    "fr": """
        permis interdit; autorise interdit; admis interdit; ouvert ferme; gratuit payant;
        sur dangereux
    """,
    "es": "permitido prohibido; abierto cerrado; gratuito pago; seguro peligroso; puede prohibido",
    "ru": "разрешено запрещено; открыт закрыт; можно нельзя; безопасен опасен",
}

# A word that asks for one of many: none of these stands for another of them.
INSTANCES: Final = {
    "en": """
        colour: red green blue yellow black white grey gray brown orange purple pink golden silver
        color: red green blue yellow black white grey gray brown orange purple pink golden silver
        material: wood wooden steel iron stone brick glass plastic copper concrete paper leather
        language: english german french spanish italian latin greek russian chinese arabic
        continent: europe asia africa america australia antarctica
    """,
    "de": "farbe: rot grun blau gelb schwarz weiss grau braun orange rosa",
    "fr": "couleur: rouge vert verte bleu bleue jaune noir noire blanc blanche gris grise brun",
    "es": "color: rojo roja verde azul amarillo amarilla negro negra blanco blanca gris marron",
}
