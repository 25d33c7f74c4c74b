"""Words of other languages than English that mean the same, or that the same fact is told with."""

from typing import Final

# A line is a family, as in :mod:`.english`.
FAMILIES: Final = {
    "de": """
        hoch hohe hoehe hoher misst liegt
        lang lange dauer dauert
        tief tiefe
        gross grosse flache umfasst
        schwer gewicht wiegt
        alt alter
        teuer preis kostet kosten gebuhr eintritt betragt
        offnet offnen geoffnet offnungszeiten
        schliesst schliessen geschlossen
        gebaut erbaut errichtet baute
        gegrundet grundung entstand
        leitet leiter leiterin leitung chef chefin direktor direktorin
        erlaubt gestattet darf durfen zulassig
        verboten untersagt
        wohnt einwohner bevolkerung
        umsatz erlos
        mitarbeiter beschaftigte angestellte beschaftigt arbeiten arbeitet
        fahrt fahrzeit fuhrt fahrt
        burgermeister burgermeisterin
        besucher gaste
        schuler schulerinnen
        eingeweiht einweihung eroffnet
        beginnt anfang start fangt
        endet ende schluss
        besteht enthalt
        geboren geburt
        gestorben starb tod
        lebt leben lebensdauer
        schrieb autor autorin verfasser
        grund ursache weil
        erfunden erfinder
        entdeckt entdecker
    """,
    "fr": """
        haut hauteur mesure mesurer
        long longueur dure duree
        profond profondeur
        prix cout coute coutent tarif couter
        ouvre ouvert ouverte ouverture ouvrir
        ferme fermee fermeture fermer
        fonde fondee fondation cree
        construit construite bati batie
        architecte concu dessine
        dirige directeur directrice chef
        autorise admis permis autorises admises
        interdit interdits
        habitants population
        ne nee naissance
        mort morte deces
        proprietaire appartient
        ecrit auteur
        employes salaries personnel
        age ans
        cause raison parce
    """,
    "es": """
        alto altura mide medir
        largo longitud mide
        dura duracion tarda tardar
        profundo profundidad
        precio cuesta cuestan coste vale billete
        abre abierto abierta apertura abrir
        cierra cerrado cerrada cierre cerrar
        fundada fundado fundacion fundo
        construido construida construyo
        director directora dirige
        permitido permitida permiten puede pueden
        prohibido prohibida
        habitantes poblacion
        nacio nacimiento
        murio muerte
        escrito autor autora escribio
        empieza comienza inicio empezar
        empleados plantilla
        causa razon
    """,
    "ru": """
        высота высокий высотой
        длина длиной длинный
        глубина глубиной
        цена стоит стоимость
        открыт открывается работает
        закрыт закрывается
        основан основание создан
        построен построили строительство
        разрешено разрешается можно
        запрещено запрещается нельзя
        родился родилась рождения
        умер умерла смерть
    """,
}
