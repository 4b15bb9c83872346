from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.core.errors import DataError
from medadapt.records.reading.encodings import decode


@pytest.mark.parametrize(
    ("encoding", "found"), [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16")]
)
def test_unicode_files_are_read_with_and_without_bom(encoding: str, found: str) -> None:
    decoded = decode("Ménière ≥ 3 °C".encode(encoding), "f")
    assert (decoded.text, decoded.encoding, decoded.odd_bytes) == ("Ménière ≥ 3 °C", found, 0)


def test_cp1252_is_recognised_and_its_bytes_are_counted() -> None:
    decoded = decode("Ménière’s – 3 °C".encode("cp1252"), "f")
    assert (decoded.text, decoded.encoding, decoded.odd_bytes) == ("Ménière’s – 3 °C", "cp1252", 5)


def test_sound_utf8_survives_beside_odd_bytes() -> None:
    assert decode("naïve ".encode() + b"caf\xe9", "f").text == "naïve café"


def test_a_byte_that_no_encoding_knows_is_replaced() -> None:
    assert decode(b"a\x81b", "f").text == "a\ufffdb"


@pytest.mark.parametrize("content", [b"PK\x03\x04rest", b"a\x00b\x00c\x00", bytes(range(1, 256)) * 3])
def test_what_is_no_text_is_refused(content: bytes) -> None:
    with pytest.raises(DataError, match="not a text file"):
        decode(content, "f")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufeff"), max_size=99))
def test_every_utf8_text_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode(), "f").text == text


POLISH = (
    "Pacjentka zgłosiła się z bólem głowy, który był silny. Miała też gorączkę i mdłości, wzięła tabletkę, poszła do "
    "łóżka i usnęła."
)


PARAGRAPHS = {
    "Czech": (
        "Pacientka si stěžuje na silnou bolest hlavy, závratě a nevolnost. Užívá léky na vysoký tlak, kašle a "
        "večer mívá horečku. Lékař vyšetřil dýchání, poslouchal srdce a řekl, že může jít o zánět průdušek; těžší"
        " průběh je možný."
    ),
    "Slovak": (
        "Pacientka sa sťažuje na silnú bolesť hlavy, závraty a nevoľnosť. Užíva lieky na vysoký tlak, kašle a "
        "večer máva horúčku. Lekár vyšetril dýchanie a povedal, že môže ísť o zápal priedušiek; ťažší priebeh je "
        "možný, no väčšinou nie."
    ),
    "Hungarian": (
        "A beteg erős fejfájásra, szédülésre és hányingerre panaszkodik. Magas vérnyomás elleni gyógyszert szed, "
        "köhög és esténként lázas. Az orvos meghallgatta a tüdejét, és azt mondta, hogy hörgőgyulladás lehet; a "
        "szűrés később jön. Az első tünetek előtt egy nővér és egy szülő is megfázott, gyűjtőnéven: légúti "
        "fertőzésben szenvedő."
    ),
    "Romanian": (
        "Pacienta se plânge de dureri de cap, ameţeli şi greaţă. Ia medicamente pentru tensiune, tuşeşte şi seara"
        " are febră. Medicul i-a ascultat plămânii şi a spus că poate fi o infecţie; în situaţii grave e nevoie "
        "de internare, iar pacienţii cu afecţiuni cronice au nevoie de atenţie."
    ),
    "Croatian": (
        "Bolesnica se žali na jaku glavobolju, vrtoglavicu i mučninu. Uzima lijekove za povišeni tlak, kašlje i "
        "uvečer ima vrućicu. Liječnik je poslušao pluća i rekao da može biti upala; teži tijek je rijedak, ali je"
        " moguć kašnji nalaz. Možda će joj pomoći i mirovanje, toplije piće i više sna."
    ),
    "Slovene": (
        "Bolnica se pritožuje zaradi močnega glavobola, vrtoglavice in slabosti. Jemlje zdravila za zvišan tlak, "
        "kašlja in ima zvečer vročino. Zdravnik je poslušal pljuča in rekel, da je možno vnetje; težji potek je "
        "redek, a ga ne gre zanemariti. Pomaga počitek, toplejša pijača in manj naporov; če se slabša, naj "
        "pokliče."
    ),
    "Turkish": (
        "Hasta şiddetli baş ağrısı, baş dönmesi ve mide bulantısından yakınıyor. Yüksek tansiyon için ilaç "
        "alıyor, öksürüyor ve akşamları ateşi çıkıyor. Doktor akciğerlerini dinledi ve bronşit olabileceğini "
        "söyledi; ağır seyir görülebilir, göğüs ağrısı olursa hemen başvurmalı."
    ),
    "Japanese": (
        "患者は三日前から激しい頭痛と発熱を訴えている。咳も続いており、夜になると息苦しくなる。医師は胸の音を聞き"
        "、気管支炎の可能性があると説明した。水分を十分に取り、薬を一日三回飲むこと。"
    ),
    "Taiwanese": (
        "病人三天前開始劇烈頭痛並且發燒，夜間咳嗽而且呼吸困難。醫師聽診之後表示可能是支氣管炎，建議多喝水、按時服"
        "藥，若胸口疼痛或症狀加重，應該立刻就醫。"
    ),
    "French": (
        "La patiente se plaint de maux de tête sévères, de vertiges et de nausées. Elle prend un médicament "
        "contre l'hypertension, tousse et a de la fièvre le soir. Le médecin l'a écoutée et a évoqué une "
        "bronchite dégénérée ; très tôt, un contrôle est nécessaire, où qu'elle soit, même à l'hôpital, bien sûr."
    ),
    "German": (
        "Die Patientin klagt über heftige Kopfschmerzen, Übelkeit und Schwindelgefühl. Sie nimmt täglich "
        "Tabletten gegen erhöhten Blutdruck, hustet häufig und fühlt sich abends fiebrig. Die Ärztin hörte die "
        "Lunge ab, erklärte die möglichen Gründe, größere Gefäße seien nicht beschädigt, und führte ein Gespräch "
        "über Nächte ohne Schlaf; später überprüfte sie Gehör, Kehlkopf, Füße und Hände, und dann fügte sie "
        "hinzu: Störungen gehören dazu."
    ),
    "Spanish": (
        "La paciente se queja de dolor de cabeza, náuseas y mareos. Toma una medicación para la tensión, tose y "
        "tiene fiebre por la noche. ¿Cuándo empezó? Según el médico podría ser una infección crónica; también "
        "señaló que el niño pequeño, según su tía, tenía síntomas parecidos: dificultad para respirar, cólicos, "
        "picazón, dolor de riñón y de oído."
    ),
    "Portuguese": (
        "A paciente queixa-se de dores de cabeça, náuseas e tonturas. Toma medicação para a tensão, põe gotas nos"
        " olhos e tem lesões na pele. O médico diz que são infeções; as reações não são graves, mas há decisões a"
        " tomar sobre injeções, operações e refeições, e a irmã também está constipada."
    ),
    "Danish": (
        "Patienten klager over svær hovedpine, kvalme og svimmelhed. Hun får medicin mod for højt blodtryk, "
        "hoster og bliver ofte febril om aftenen. Lægen lyttede på lungerne og sagde, at det må være bronkitis; "
        "næste prøve tages på sygehuset, når sårene læges, øjnene klør og åndedrættet er bedre, måske på lørdag."
    ),
    "Swedish": (
        "Patienten klagar över svår huvudvärk, illamående och yrsel. Hon får läkemedel mot för högt blodtryck, "
        "hostar och är febrig på kvällen. Läkaren lyssnade på lungorna och sade att det är luftrörskatarr; nästa "
        "prov tas när såret läkt."
    ),
    "Icelandic": (
        "Sjúklingurinn kvartar undan höfuðverk, svima og ógleði. Hún tekur lyf við háþrýstingi, hóstar og fær "
        "hita á kvöldin. Læknirinn hlustaði lungun og sagði að þetta gæti verið berkjubólga; það þarf að fylgjast"
        " með öndun."
    ),
    "Faroese": (
        "Sjúklingurin klagar um høvuðpínu, svimbul og vánaligan maga. Hon fær heilivág fyri ov høgt blóðtrýst, "
        "hostar og fær fepur um kvøldarnar. Læknin lurtaði eftir lungunum og segði, at tað kann vera bronkitt; "
        "tað krevur eftirlit."
    ),
    "Estonian": (
        "Patsient kaebab tugevat peavalu, iiveldust ja nõrkust. Ta võtab kõrge vererõhu ravimeid, köhib ja õhtul "
        "tõuseb palavik. Arst kuulas kopse ja ütles, et võib olla bronhiit; raskemal juhul tõsisem põletik või "
        "šokk, režiim on vajalik, järgmine analüüs tehakse nädala pärast."
    ),
    "Finnish": (
        "Potilas valittaa kovaa päänsärkyä, pahoinvointia ja huimausta. Hän käyttää verenpainelääkettä, yskii ja "
        "on iltaisin kuumeinen. Lääkäri kuunteli keuhkot ja sanoi, että kyseessä voi olla keuhkoputkentulehdus "
        "tai šokki."
    ),
    "Catalan": (
        "La pacient es queixa de mal de cap, nàusees i marejos. Pren una medicació per a la tensió, té tos i "
        "febre al vespre. El metge diu que pot ser una infecció; cal una col·lecció de mostres, i també "
        "vigilància, perquè l'evolució és difícil de preveure; al·lèrgies no n'hi ha."
    ),
    "Irish": (
        "Tá an t-othar ag gearán faoi thinneas cinn, samhnas agus meadhrán. Tá cógas á ghlacadh aici do bhrú fola"
        " ard agus tá fiabhras uirthi tráthnóna. Deir an dochtúir go bhféadfadh sé a bheith ina ionfhabhtú; tá "
        "scrúdú eile ag teastáil."
    ),
    "Albanian": (
        "Pacientja ankohet për dhimbje koke, të përziera dhe marramendje. Ajo merr ilaçe për tensionin, kollitet "
        "dhe ka temperaturë në mbrëmje. Mjeku thotë se mund të jetë infeksion; në raste të rënda duhet shtrirja "
        "në spital."
    ),
    "Italian": (
        "La paziente ha più volte accusato mal di testa, perché la pressione è alta. Ciò può durare; c’è "
        "un’infezione, cosicché la febbre salirà. Il medico la visiterà lunedì, poi si vedrà: così è più sicuro."
    ),
    "English": (
        "Ménière’s disease – a “disorder” of the inner ear… 5 µg ± 2 µg at 37 °C, cm³ and ½ tablet®; café-au-lait"
        " spots, naïve cells, 10 Å, Sjögren, Guillain–Barré, Behçet and Brønsted; 3 × 2 m²."
    ),
}
ELSEWHERE = {
    **dict.fromkeys(("Czech", "Hungarian"), ("cp1250", "iso8859-2", "cp852")),
    **dict.fromkeys(("Slovak", "Romanian", "Croatian", "Slovene"), ("cp1250", "iso8859-2")),
    "Turkish": ("cp1254", "cp857"),
    "Japanese": ("shift-jis",),
    "Taiwanese": ("big5",),
    **dict.fromkeys(
        ("French", "German", "Spanish", "Portuguese", "Danish", "Swedish"), ("mac_roman", "cp850")
    ),
}
"""Encodings in which other bytes stand for these letters than in cp1252."""
IN_CP1252 = set(PARAGRAPHS) - {
    language for language, (first, *_) in ELSEWHERE.items() if first != "mac_roman"
}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Пациент жалуется на сильную головную боль", "cp1251"),
        ("Пациент жалуется на сильную головную боль", "koi8-r"),
        ("Ο ασθενής παραπονείται για πονοκέφαλο", "cp1253"),
        ("患者自述头痛三天伴有发热和咳嗽", "gbk"),
        (POLISH, "cp1250"),
        (POLISH, "iso8859-2"),
        *(
            (PARAGRAPHS[name] * 3, encoding)
            for name, encodings in ELSEWHERE.items()
            for encoding in encodings
        ),
    ],
)
def test_another_script_is_refused_instead_of_garbled(text: str, encoding: str) -> None:
    content = f"question,answer\nWhat is it?,{text}\n".encode(encoding)
    with pytest.raises(DataError, match="neither in UTF-8 nor in cp1252") as refused:
        decode(content, "f")
    for named in ("-f ENCODING", "WINDOWS-1250 for Polish", "WINDOWS-1252 where", "look at some words"):
        assert named in refused.value.remedy


@pytest.mark.parametrize("language", sorted(IN_CP1252))
@pytest.mark.parametrize("times", [1, 3, 20])
def test_a_paragraph_of_a_western_language_is_read_as_ever(language: str, times: int) -> None:
    text = f"question,answer\nWhat is it?,{PARAGRAPHS[language]}\n" * times
    assert decode(text.encode("cp1252"), "f").text == text


@pytest.mark.parametrize(
    "text",
    [
        "The patient¿s blood didn¿t clot, so the nurse¿s note wasn¿t sent and the doctor¿s wasn¿t either.",
        "treat¬ment of pul¬monary dis¬ease and re¬current in¬fections of the uri¬nary tract in preg¬nancy",
        "5\xa0µg, then 10\xa0µg, 20\xa0µg, 40\xa0µg and 80\xa0µg a day (mean\xa0±\xa0SD; n\xa0=\xa05)",
        "Dušan, Jaša, Miša, Bašic, Nataša and Andrešic wrote of it: “5 µg ± 2”, “7 µg ± 3”",
        "Kas see või teine või kolmas või neljas või viies või kuues?",
        # Few words, each in every row.
        "Gastrite,brûlures d'estomac,nausées\nRhume,écoulement nasal,douleur à la gorge\n" * 40,
        "Ménière’s,Sjögren\n" * 15 + "Flu,fever‚cough\n" * 5,
    ],
)
def test_signs_and_names_in_western_text_are_no_other_encoding(text: str) -> None:
    assert decode(text.encode("cp1252"), "f").text == text


def test_some_words_of_what_was_read_as_cp1252_are_kept() -> None:
    text = "– “ – Está aquí, ¿qué? Está – café naïve Ménière"
    assert decode(text.encode("cp1252"), "f").words == ("Está", "aquí", "¿qué", "café", "naïve")
    assert decode("5 – 6 ° ".encode("cp1252"), "f").words == ("–", "°")
    assert decode(b"\xe9" * 3 + b"e" * 99, "f").words == ("é" * 3 + "e" * 27,)
    assert decode("Está".encode(), "f").words == ()


def test_words_are_found_in_a_file_of_one_long_word() -> None:
    assert decode(b"A" * 10**6 + b" \xe9t\xe9 ", "f").words == ("été",)


@pytest.mark.parametrize(
    "text",
    [
        "Où est la fièvre ? À l’hôpital, évidemment… « très élevée »",
        "Es dürfte größere Übelkeit mit Völlegefühl über Österreich geben",
        "Það er þörf á öðru lyfi við þessu, sagði læknirinn og hló",
        "El niño está enfermo: ¿cuándo empezó? Ayer, después de comer…",
        "a volume of 5 cm³, 10³ µl or 2 m² – mean±SD",
        "“…” ––––––––––––––––––––––––––––––––– \xa0\xa0\xa0\xa0\xa0\xa0\xa0\xa0",
    ],
)
def test_western_languages_are_read_as_ever(text: str) -> None:
    assert decode(text.encode("cp1252"), "f").text == text
