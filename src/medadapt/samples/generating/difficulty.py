"""How hard the sample data sets are: every constant that decides it, fixed before any model saw the data."""

from __future__ import annotations

# What a model can only know from elsewhere.
LEFT_OUT_SHARE = 0.15
"""Share of facts (a field of a condition) that no question of a seed asks: of them only the base has read. Large
enough that the data alone do not hold the whole knowledge, small enough that every condition stays in them."""

# Symptom table.
LABELS = 48
"""Labels of the symptom table: close to the 41 of the published table, and far more than guessing can hit."""
ROWS_PER_LABEL = 20
"""Distinct rows of a label: twice what the published table has, so that a tenth of them measures something."""
FEWEST_SYMPTOMS, MOST_SYMPTOMS = 3, 8
"""Symptoms of a person: one or two fit too many conditions, and nobody lists more than eight."""
ONE_NOISE_SHARE = 0.3
"""Share of people with one unrelated complaint: most have something else as well now and then."""
TWO_NOISE_SHARE = 0.1
"""Share of people with two of them; more would make rows that no expert could read."""
COMMON_SYMPTOM = 8
"""A symptom of at least so many conditions says little: it serves as noise, and never as a false option."""
COPIES_SHARE = 0.4
"""Share of rows that are exact copies. The published table has 94 %; 40 % shows the same trap with fewer rows."""

# Open questions.
TYPED_QA_FACTS = 890
"""Facts asked in the typed questions; with copies and second answers about 950 rows, enough for 90 to test on."""
QA_FACTS = 790
"""Facts asked in the plain questions; with second wordings and the rest about 900 rows."""
SECOND_WORDINGS = 60
"""Facts asked twice in other words: people do, but a copied answer must not become the best answer."""
TYPICAL_SHARE = 0.3
"""A symptom is named as common from this share on; rarer ones would make lists that nobody reads."""
MOST_NAMED = 5
"""Most symptoms named in an answer, so that it stays within about 60 words."""

# Dialogues.
DIALOGUES = 860
"""Distinct messages, about six a condition: few enough that the nearest message is often another condition's."""
FIRST_FEW = 2
"""A reply names one of the first so many tests and treatments: always the same one would be learned by heart."""

# Exam questions.
EXAM_QUESTIONS = 1350
"""Distinct questions, about two for each fact asked; with copies and broken rows about 1,400."""
MULTI_SHARE = 0.03
"""Share of questions whose options are pairs, both of which must be true."""
ANNOUNCED_SHARE = 0.4
"""Share of explanations that open by naming the letter, as many published ones do."""
NO_EXPLANATION_SHARE = 0.1
"""Share without an explanation; the published set lacks more."""
GENERAL_PHRASE = 3
"""A phrase of at least so many conditions (`smoking`) is never a false option: it is too often true."""
MOST_SHARED = 1
"""Most symptoms of a described person that a false diagnosis may share: two could make it right after all."""

# Dirt: rows of each kind in the open sets and the exam, enough to be met and too few to teach anything.
COPIES = 25
"""Exact copies of a row."""
SECOND_ANSWERS = 20
"""Questions with two different answers, as in published sets."""
EMPTY_ANSWERS = 10
"""Rows without an answer, or in the exam without the right letter."""
BROKEN_OPTIONS = 6
"""Exam rows in which two options are equal."""
STRAY_SPACES = 60
"""Texts with a doubled space, or padded with line breaks and tabs."""
GARBLED = 15
"""Texts with UTF-8 that was read in a Western encoding."""
MARKUP = 15
"""Texts with a little HTML."""
IDENTIFIERS = 8
"""Texts with a made-up phone number, as many with an e-mail address, and as many with a date."""
INNER_SPACES = 3
"""Symptom names that are always spelled with a stray space inside, as in the published table."""
SPACED_LABELS = 2
"""Labels that are always spelled with a space behind them, as in the published table."""
