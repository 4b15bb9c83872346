"""Hard answers, as public evaluation threads and this project's own models produced them: none may be read wrongly."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medadapt.predictions.parsing import read_label, read_letter

FOUR = ["Fever", "Cough", "Rash", "Jaundice"]
TEN = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
PUBMED = ["yes", "no", "maybe"]
VITAMINS = ["Vitamin A", "Vitamin C", "Vitamin D", "Vitamin K"]
HEPATITIS = ["Hepatitis A", "Hepatitis B", "Hepatitis C", "Hepatitis E"]
DRUGS = ["Aspirin", "Ibuprofen", "Warfarin", "Heparin"]
STEPS = ["Reassure the patient", "Order a chest X-ray", "Start intravenous antibiotics", "Refer to a surgeon"]
DOSES = ["5 mg", "10 mg", "50 mg", "100 mg"]
BLOOD = ["O", "A", "B", "AB"]
TRUE_FALSE = ["True", "False"]
ALL_OR_NONE = ["Fever", "Cough", "All of the above", "None of the above"]
PELVIC_PAIN = ["Urinary tract infection", "Acute appendicitis", "Ectopic pregnancy", "Ovarian torsion"]
GERMS = ["Staphylococcus aureus", "Streptococcus pneumoniae", "Escherichia coli", "Klebsiella pneumoniae"]
SHARES = ["10%", "25%", "50%", "75%"]
GENES = ["BRCA1", "BRCA2", "TP53", "MLH1"]
AGES = ["2 months", "6 months", "12 months", "18 months"]
DISEASES = [
    "hepatitis",
    "Hepatitis B",
    "hepatitis A",
    "Hypertension",
    "Hyperthyroidism",
    "Hypothyroidism",
    "GERD",
    "Common Cold",
    "Pneumonia",
    "Type 2 diabetes",
    "Diabetes",
    "Heart attack",
    "Malaria",
    "AIDS",
    "Dimorphic hemmorhoids(piles)",
    "Urinary tract infection",
    "Acne",
    "Peptic ulcer diseae",
    "Varicose veins",
    "Bronchial Asthma",
]
ALIASES = {
    "Acid reflux": "GERD",
    "Gastroesophageal reflux disease": "GERD",
    "high blood pressure": "Hypertension",
    "UTI": "Urinary tract infection",
    "myocardial infarction": "Heart attack",
    "MI": "Heart attack",
    "asthma": "Bronchial Asthma",
    "peptic ulcer disease": "Peptic ulcer diseae",
    "piles": "Dimorphic hemmorhoids(piles)",
    "T2DM": "Type 2 diabetes",
}

KNOWN_TRAPS = [
    ("The answer is B because a car moves.", FOUR, "B"),
    ("I would pick B - a safe choice.", FOUR, "B"),
    ("d", FOUR, "D"),
    ("b. 4", FOUR, "B"),
    ("The answer is B. Note that A is a common distractor.", FOUR, "B"),
    ("ANSWER IS D. A is incorrect.", FOUR, "D"),
    ("The answer is C because I computed it", TEN, "C"),
    ("Answer seems to be A.\nAnswer: A", FOUR, "A"),
    (r"\boxed{\langle H\rangle = E} **Answer: D**", TEN, "D"),
    ("Answer: A\nWait, I must correct\nthis.\nAnswer: B", FOUR, "B"),
    ("As an AI I cannot...", TEN, None),
    ("Because...", FOUR, None),
    ("", FOUR, None),
    ("A and C", FOUR, None),
    ("Not B", FOUR, None),
    ("Cough", FOUR, "B"),
    ("Cough and rash", FOUR, None),
    ("Ｂ", FOUR, "B"),
    ("(B)", FOUR, "B"),
    ("B)", FOUR, "B"),
    ("**B**", FOUR, "B"),
    ("[B]", FOUR, "B"),
    ("Vitamin B12 deficiency", FOUR, None),
    ("Hepatitis B", FOUR, None),
    ("Vitamin A", FOUR, None),
    ("Group A strep", FOUR, None),
    ("Type C", FOUR, None),
    ("Factor D", FOUR, None),
    ("no evidence that it harms, so yes", PUBMED, "A"),
    ("Yes, but not in children", PUBMED, "A"),
    ("maybe not", PUBMED, None),
    ("The answer is not yes", PUBMED, None),
]

FURTHER = [
    ("Final Answer: (C)", FOUR, "C"),
    ("**Final answer:** B", FOUR, "B"),
    (r"The final answer is $\boxed{C}$.", FOUR, "C"),
    (r"\boxed{\text{B}}", FOUR, "B"),
    (r"$$\boxed{D}$$", FOUR, "D"),
    (r"\boxed{\textbf{A}}", FOUR, "A"),
    (r"\(\boxed{B}\)", FOUR, "B"),
    (r"\boxed{B. Cough}", FOUR, "B"),
    (r"\boxed{\text{Rash}}", FOUR, "C"),
    ("### Answer\nC", FOUR, "C"),
    ("<answer>B</answer>", FOUR, "B"),
    ("Answer - B", FOUR, "B"),
    ("Ans: B", FOUR, "B"),
    ("answer: option c", FOUR, "C"),
    ("Correct answer: d) Jaundice", FOUR, "D"),
    ("The correct choice would be (A).", FOUR, "A"),
    ("My answer would be D.", FOUR, "D"),
    ("I believe the answer is C", FOUR, "C"),
    ("I'd go with B.", FOUR, "B"),
    ("It must be D", FOUR, "D"),
    ("B is correct.", FOUR, "B"),
    ("(b)", FOUR, "B"),
    ("b)", FOUR, "B"),
    ("B:", FOUR, "B"),
    ("B: Cough", FOUR, "B"),
    ("B - Cough", FOUR, "B"),
    ("B, cough", FOUR, "B"),
    ("`B`", FOUR, "B"),
    ('"B"', FOUR, "B"),
    ("'B'", FOUR, "B"),
    ("B\n", FOUR, "B"),
    ("Ｄ．Jaundice", FOUR, "D"),
    ("（Ｃ）", FOUR, "C"),
    ("【B】", FOUR, "B"),
    ("Ⓑ", FOUR, "B"),
    ("Letter: C", FOUR, "C"),
    ("Choice C", FOUR, "C"),
    ("Option (C) is right.", FOUR, "C"),
    ("The answer is option B, cough.", FOUR, "B"),
    ("The answer is (B) because of the sputum; A is wrong.", FOUR, "B"),
    ("A is wrong, C is wrong, D is wrong. So the answer is B.", FOUR, "B"),
    ("A is incorrect. B is correct.", FOUR, "B"),
    ("Not A, not C, not D, therefore B.", FOUR, "B"),
    ("Answer: B\n\nExplanation: A is a distractor. Answer A would be right in children.", FOUR, "B"),
    ("Reasoning: fever points to A, but the rash decides.\nAnswer: C", FOUR, "C"),
    ("First I thought Answer: A. Then I looked again.\nAnswer: C", FOUR, "C"),
    ("Answer: A\nNo, that is wrong, let me correct this.\nAnswer: B", FOUR, "B"),
    ("Answer: A or B", FOUR, None),
    ("Answer: A, B", FOUR, None),
    ("Answer: A and D", FOUR, None),
    ("Answer: none of these", FOUR, None),
    ("Answer: not B", FOUR, None),
    ("Answer:", FOUR, None),
    ("Answer: ?", FOUR, None),
    ("It could be A or C.", FOUR, None),
    ("Either B or D.", FOUR, None),
    ("I think it is not C.", FOUR, None),
    ("The answer isn't A.", FOUR, None),
    ("The answer cannot be B.", FOUR, None),
    ("Neither A nor B is right.", FOUR, None),
    ("B is not correct.", FOUR, None),
    ("All except B", FOUR, None),
    ("A, B, C and D are all possible.", FOUR, None),
    ("I am not sure.", FOUR, None),
    ("Does not apply.", FOUR, None),
    ("Can you tell me more?", FOUR, None),
    ("A 45-year-old man presents with chest pain.", FOUR, None),
    ("A", FOUR, "A"),
    ("a", FOUR, "A"),
    ("A.", FOUR, "A"),
    ("I", TEN, "I"),
    ("I think so.", TEN, None),
    ("I.", TEN, "I"),
    ("J", TEN, "J"),
    ("Do you mean A?", FOUR, None),
    ("Is it B?", FOUR, None),
    ("x", FOUR, None),
    ("F", FOUR, None),
    ("ABCD", FOUR, None),
    ("AB", FOUR, None),
    ("B12", FOUR, None),
    ("CT scan", FOUR, None),
    ("DNA", FOUR, None),
    ("C-reactive protein", FOUR, None),
    ("Vitamin D deficiency", FOUR, None),
    ("The patient lacks vitamin B12.", FOUR, None),
    ("The answer is vitamin C", FOUR, None),
    ("Group B streptococcus", FOUR, None),
    ("Influenza A", FOUR, None),
    ("Hemophilia A", FOUR, None),
    ("Hepatitis C virus", FOUR, None),
    ("Type A", FOUR, None),
    ("Type B lactic acidosis", FOUR, None),
    ("Grade C", FOUR, None),
    ("Child-Pugh class B", FOUR, None),
    ("Factor B", FOUR, None),
    ("Factor VIII", FOUR, None),
    ("T cells", FOUR, None),
    ("Blood group AB", FOUR, None),
    ("A-beta amyloid", FOUR, None),
    ("D & C", FOUR, None),
    ("C. botulinum", FOUR, None),
    ("B. burgdorferi", FOUR, None),
    ("A. fumigatus is the cause", FOUR, None),
    ("Vitamin D", VITAMINS, "C"),
    ("vitamin k", VITAMINS, "D"),
    ("The answer is Vitamin C.", VITAMINS, "B"),
    ("Vitamin B12", VITAMINS, None),
    ("Vitamin", VITAMINS, None),
    ("Vitamin A and vitamin D", VITAMINS, None),
    ("hepatitis b virus", HEPATITIS, "B"),
    ("Hepatitis", HEPATITIS, None),
    ("Hepatitis D", HEPATITIS, None),
    ("B. Hepatitis B", HEPATITIS, "B"),
    ("A. Hepatitis B", HEPATITIS, "A"),
    ("Warfarin", DRUGS, "C"),
    ("The best choice is heparin.", DRUGS, "D"),
    ("Give aspirin and heparin.", DRUGS, None),
    ("Aspirin or ibuprofen", DRUGS, None),
    ("Warfarin should be avoided.", DRUGS, None),
    ("Do not give aspirin.", DRUGS, None),
    ("Ibuprofen, because aspirin is contraindicated.", DRUGS, "B"),
    ("order a chest x-ray", STEPS, "B"),
    ("Order a chest X-ray.", STEPS, "B"),
    ("The next step is to start intravenous antibiotics.", STEPS, "C"),
    ("Reassure the patient and refer to a surgeon", STEPS, None),
    ("10 mg", DOSES, "B"),
    ("The dose is 50 mg.", DOSES, "C"),
    ("100 mg", DOSES, "D"),
    ("5", DOSES, None),
    ("500 mg", DOSES, None),
    ("O", BLOOD, "A"),
    ("B", BLOOD, "B"),
    ("(D) AB", BLOOD, "D"),
    ("True", TRUE_FALSE, "A"),
    ("false.", TRUE_FALSE, "B"),
    ("It is not true.", TRUE_FALSE, None),
    ("All of the above", ALL_OR_NONE, "C"),
    ("None of the above.", ALL_OR_NONE, "D"),
    ("Fever and cough, so all of the above", ALL_OR_NONE, "C"),
    ("yes", PUBMED, "A"),
    ("Yes.", PUBMED, "A"),
    ("YES!", PUBMED, "A"),
    ("No evidence was found.", PUBMED, None),
    ("No significant difference was seen, so no.", PUBMED, "B"),
    ("no evidence that it works... so yes", PUBMED, "A"),
    ("Yes, but not in adults", PUBMED, "A"),
    ("The answer is not yes.", PUBMED, None),
    ("The answer is yes.", PUBMED, "A"),
    ("The answer is: no", PUBMED, "B"),
    ("Maybe, more studies are needed.", PUBMED, "C"),
    ("Answer: maybe", PUBMED, "C"),
    ("yes and no", PUBMED, None),
    ("Yes/No", PUBMED, None),
    ("Not necessarily.", PUBMED, None),
    ("No doubt, yes.", PUBMED, None),
    ("Perhaps", PUBMED, None),
    ("There may be a benefit.", PUBMED, None),
    ("C", PUBMED, "C"),
    ("A) yes", PUBMED, "A"),
    ("No, the results do not support it.", PUBMED, "B"),
    ("It is unclear: maybe.", PUBMED, None),
    ("noisy", PUBMED, None),
    ("Know", PUBMED, None),
    ("As an AI language model, I cannot give medical advice.", FOUR, None),
    ("Because of the fever.", FOUR, None),
    ("Based on the findings", FOUR, None),
    ("Dear patient", FOUR, None),
    ("cough; rash", FOUR, None),
    ("The rash is a sign, but cough decides", FOUR, None),
    ("Fever.", FOUR, "A"),
    ("fever\nA", FOUR, "A"),
    ("After weighing all options, the answer is D: jaundice.", FOUR, "D"),
    ("<think>A looks right, but no.</think>\nThe answer is C.", FOUR, "C"),
    ("<think>maybe A or B", FOUR, None),
    ("<think>Answer: A</think>Answer: D", FOUR, "D"),
    ("1. A\n2. B", FOUR, None),
    ("- B", FOUR, "B"),
    ("* B", FOUR, "B"),
    ("> B", FOUR, "B"),
    ("# Answer: B", FOUR, "B"),
    ("Answer : B", FOUR, "B"),
    ("ANSWER=B", FOUR, "B"),
    ("The answer: B", FOUR, "B"),
    ("The right answer is probably C.", FOUR, "C"),
    ("Answer is A", FOUR, "A"),
    ("answer is a", FOUR, "A"),
    ("The answer is a rash.", FOUR, "C"),
    ("The answer is a.", FOUR, "A"),
    ("So the correct answer is B, not A.", FOUR, "B"),
    ("The answer is B rather than A.", FOUR, "B"),
    ("B rather than A", FOUR, "B"),
    ("Answer: B (not A)", FOUR, "B"),
    ("The answer is C!", FOUR, "C"),
    ("The answer is C?", FOUR, None),
    ("C.\nC.\nC.", FOUR, "C"),
    ("C C C C", FOUR, None),
    ("B. B. B.", FOUR, "B"),
    ("B.Cough", FOUR, "B"),
    ("(B)Cough", FOUR, "B"),
    ("B)Cough", FOUR, "B"),
    ("[[B]]", FOUR, "B"),
    ("{B}", FOUR, "B"),
    ("“B”", FOUR, "B"),
    ("B is the answer because it fits", FOUR, "B"),
    ("C would be right.", FOUR, "C"),
    ("I choose option C", FOUR, "C"),
    ("We select (D)", FOUR, "D"),
    ("Going with A.", FOUR, "A"),
    ("Hence, B.", FOUR, "B"),
    ("Thus the answer is (A) Fever", FOUR, "A"),
    ("In conclusion, C.", FOUR, "C"),
    ("Therefore: D", FOUR, "D"),
    ("The least likely is B.", FOUR, None),
    ("The worst choice is A.", FOUR, None),
    ("If the answer is A, then give aspirin.", FOUR, None),
    ("Why not B?", FOUR, None),
    ("A is wrong.", FOUR, None),
    ("I rule out D.", FOUR, None),
    ("B cannot be right", FOUR, None),
    ("I doubt that A is correct.", FOUR, None),
    ("Nobody would pick C.", FOUR, None),
    ("I never pick A.", FOUR, None),
    ("You should not choose D", FOUR, None),
    ("Urinary tract infection", PELVIC_PAIN, "A"),
    ("acute appendicitis!", PELVIC_PAIN, "B"),
    ("It is an ectopic pregnancy.", PELVIC_PAIN, "C"),
    ("Appendicitis", PELVIC_PAIN, None),
    ("Ovarian torsion is unlikely.", PELVIC_PAIN, None),
    ("The most likely diagnosis is ovarian torsion.", PELVIC_PAIN, "D"),
    ("Ectopic pregnancy must be excluded.", PELVIC_PAIN, None),
    ("Streptococcus pneumoniae", GERMS, "B"),
    ("E. coli", GERMS, None),
    ("Staphylococcus", GERMS, None),
    ("S. aureus", GERMS, None),
    ("K. pneumoniae", GERMS, None),
    ("25%", SHARES, "B"),
    ("About 25%", SHARES, None),
    ("25 %", SHARES, None),
    ("5%", SHARES, None),
    ("50", SHARES, None),
    ("BRCA1", GENES, "A"),
    ("BRCA", GENES, None),
    ("brca2", GENES, "B"),
    ("BRCA1 and BRCA2", GENES, None),
    ("12 months", AGES, "C"),
    ("2 months", AGES, "A"),
    ("At 6 months of age.", AGES, "B"),
    ("between 6 months and 12 months", AGES, None),
    ("12", AGES, None),
    ("maybe yes", PUBMED, None),
    ("Yes, maybe.", PUBMED, None),
    ("No no no", PUBMED, None),
    ("The answer is yes and no.", PUBMED, None),
    ("The study says no such thing.", PUBMED, None),
    ("Yes: the data support it.", PUBMED, "A"),
    ("There is no difference.", PUBMED, None),
    ("Final answer: no.", PUBMED, "B"),
    ("It depends.", PUBMED, None),
    ("no evidence that it harms... so yes.", PUBMED, "A"),
]

LABELS = [
    ("Hepatitis", ["Hepatitis B"], None),
    ("hepatitis C", DISEASES, None),
    ("Hepatitis B", DISEASES, "Hepatitis B"),
    ("hepatitis_B", DISEASES, "Hepatitis B"),
    ("Hepatitis-B", DISEASES, None),
    ("HEPATITIS A.", DISEASES, "hepatitis A"),
    ("Viral hepatitis", DISEASES, "hepatitis"),
    ("Hepatitis D", DISEASES, None),
    ("hepatitis, type B", DISEASES, None),
    ("The patient has GERD", DISEASES, "GERD"),
    ("acid reflux", DISEASES, "GERD"),
    ("Gastroesophageal reflux disease (GERD)", DISEASES, "GERD"),
    ("UTI", DISEASES, "Urinary tract infection"),
    ("A UTI.", DISEASES, "Urinary tract infection"),
    ("MI", DISEASES, "Heart attack"),
    ("mi", DISEASES, "Heart attack"),
    ("asthma", DISEASES, "Bronchial Asthma"),
    ("piles", DISEASES, "Dimorphic hemmorhoids(piles)"),
    ("Dimorphic hemmorhoids (piles)", DISEASES, "Dimorphic hemmorhoids(piles)"),
    ("Type 2 Diabetes", DISEASES, "Type 2 diabetes"),
    ("diabetes", DISEASES, "Diabetes"),
    ("Diabetes type 2", DISEASES, None),
    ("prediabetes", DISEASES, None),
    ("acne vulgaris", DISEASES, "Acne"),
    ("AIDS", DISEASES, "AIDS"),
    ("It aids digestion", DISEASES, None),
    ("Hypothyroidism, not hyperthyroidism", DISEASES, "Hypothyroidism"),
    ("Hyper- or hypothyroidism", DISEASES, None),
    ("Not GERD but pneumonia", DISEASES, None),
    ("Pneumonia and malaria", DISEASES, None),
    ("Pneumonia.\nMalaria.", DISEASES, "Pneumonia"),
    ("Disease: Malaria", DISEASES, "Malaria"),
    ("Diagnosis: Common cold", DISEASES, "Common Cold"),
    ("Common_Cold", DISEASES, "Common Cold"),
    ("cold", DISEASES, None),
    ("The disease is not malaria.", DISEASES, None),
    ("No malaria", DISEASES, None),
    ("Possible malaria?", DISEASES, None),
    ("I don't know", DISEASES, None),
    ("", DISEASES, None),
    ("malaria malaria malaria", DISEASES, "Malaria"),
    ("Cerebral malaria", DISEASES, "Malaria"),
    ("Antimalarial drugs", DISEASES, None),
    ("Ｍａｌａｒｉａ", DISEASES, "Malaria"),
    ("**Malaria**", DISEASES, "Malaria"),
    ('"Malaria"', DISEASES, "Malaria"),
    ("Malaria is ruled out", DISEASES, None),
    ("The diagnosis is most likely malaria, given the fever.", DISEASES, "Malaria"),
]

CODEINE = ["Aspirin", "Codeine", "Paracetamol", "Ibuprofen"]
FALSE_FIRST = ["False", "True"]
CLAIMS = ["The dose is wrong", "False positives are rare", "No treatment is needed", "Not enough data"]
RISKS = ["Family history of diabetes", "Smoking", "Gram-negative sepsis", "Obesity"]

TAKEN_BACK = [
    # what follows a letter or a name turns it down
    ("A. Aspirin is wrong. Answer: B", CODEINE, "B"),
    ("A. This is incorrect because of the rash. The correct answer is D.", FOUR, "D"),
    ("A. This is incorrect because... The correct answer is D.", FOUR, "D"),
    ("A - no; B - no; C - yes", FOUR, None),
    ("A (incorrect)", FOUR, None),
    ("A. False", FOUR, None),
    ("A: wrong, since there is no fever.", FOUR, None),
    ("A... no.", FOUR, None),
    ("A, no, B.", FOUR, None),
    ("A) ruled out", FOUR, None),
    ("A. Aspirin is the wrong answer.", CODEINE, None),
    ("A. Aspirin tablets are wrong. Answer: B", CODEINE, "B"),
    ("A. Aspirin does not help here. Therefore B.", CODEINE, "B"),
    ("A. Aspirin should be avoided.", CODEINE, None),
    ("A. Aspirin. That is not correct.", CODEINE, None),
    ("A. Aspirin, which does not fit. So C.", CODEINE, "C"),
    ("A – Aspirin is incorrect; C – Paracetamol is right", CODEINE, None),
    ("A.\nThis is not the right answer.", FOUR, None),
    ("A. Wait, no. The answer is B.", FOUR, "B"),
    ("Aspirin: no. Codeine: yes.", CODEINE, None),
    ("Aspirin, which is wrong.", CODEINE, None),
    ("Aspirin. This is wrong.", CODEINE, None),
    ("Aspirin: false", CODEINE, None),
    ("The answer is aspirin (unlikely).", CODEINE, None),
    ("It is aspirin. That is incorrect.", CODEINE, None),
    ("A - incorrect. The answer is C.", FOUR, "C"),
    ("B, which is wrong.", FOUR, None),
    ("The answer is B, which is incorrect.", FOUR, None),
    ("Yes is wrong.", PUBMED, None),
    ("Yes. This is incorrect.", PUBMED, None),
    # nearby answers that stand
    ("A. Aspirin, not codeine", CODEINE, "A"),
    ("A. Not codeine.", CODEINE, "A"),
    ("A. Aspirin. Codeine is wrong.", CODEINE, "A"),
    ("A. Aspirin. It is wrong to give codeine.", CODEINE, "A"),
    ("A. Aspirin. It is unlikely that codeine helps.", CODEINE, "A"),
    ("A, since codeine is wrong.", CODEINE, "A"),
    ("A. All other options are wrong.", CODEINE, "A"),
    ("A. No other drug helps.", CODEINE, "A"),
    ("A, no doubt.", CODEINE, "A"),
    ("Answer: B\nWrong: A, C, D", FOUR, "B"),
    ("B. Incorrect options: A, C", FOUR, "B"),
    ("Aspirin. Codeine is unlikely to help.", CODEINE, "A"),
    ("Aspirin, not codeine, which is wrong.", CODEINE, "A"),
    ("B. False positives are rare", CLAIMS, "B"),
    ("B. False positives", CLAIMS, "B"),
    ("A. The dose is wrong", CLAIMS, "A"),
    ("The dose is wrong.", CLAIMS, "A"),
    ("C. No treatment", CLAIMS, "C"),
    ("D. Not enough data", CLAIMS, "D"),
    ("D - not enough data", CLAIMS, "D"),
    ("I would say there is not enough data.", CLAIMS, "D"),
    # options that are verdicts themselves
    ("A. False", FALSE_FIRST, "A"),
    ("A - false", FALSE_FIRST, "A"),
    ("(A) False, the claim is wrong.", FALSE_FIRST, "A"),
    ("False. This is incorrect because the trial failed.", FALSE_FIRST, "A"),
    ("B. False", TRUE_FALSE, "B"),
    ("B. This is false.", TRUE_FALSE, "B"),
    ("A. False", TRUE_FALSE, None),
    ("A. True", TRUE_FALSE, "A"),
    ("A (no)", PUBMED, None),
    ("B (no)", PUBMED, "B"),
    ("B. No, this is not true.", PUBMED, "B"),
    ("No, no.", PUBMED, "B"),
    ("No. This is not correct.", PUBMED, "B"),
    # what stands before a letter or a name denies it
    ("I do not think the answer is B", FOUR, None),
    ("I do not believe that the correct answer is B.", FOUR, None),
    ("I doubt that the answer is B", FOUR, None),
    ("It is unlikely that the answer is B", FOUR, None),
    ("It is false that the answer is B.", FOUR, None),
    ("I don't think that it is B.", FOUR, None),
    ("It is not true that B is correct.", FOUR, None),
    ("It would be a mistake to choose B", FOUR, None),
    ("Many would wrongly choose B.", FOUR, None),
    ("Few would choose B.", FOUR, None),
    ("It is none other than aspirin.", CODEINE, "A"),
    ("C. Rash is least likely.", FOUR, "C"),
    ("A common error is to pick B.", FOUR, None),
    ("It is not therefore B.", FOUR, None),
    ("I doubt that the answer is B, so the answer is C.", FOUR, "C"),
    ("I do not doubt that the answer is B", FOUR, "B"),
    ("There is no doubt that the answer is B.", FOUR, "B"),
    ("I am not mistaken: the answer is B", FOUR, "B"),
    ("Not sure, but the answer is B", FOUR, "B"),
    ("I do not know but the answer is B", FOUR, "B"),
    ("A is wrong and the answer is B.", FOUR, "B"),
    ("I do not think so. The answer is B.", FOUR, "B"),
    ("It is not a bacterial infection so B.", FOUR, "B"),
    ("Anything but codeine", CODEINE, None),
    ("Anything but B", FOUR, None),
    ("Everything except codeine.", CODEINE, None),
    ("The patient is allergic to aspirin.", CODEINE, None),
    ("There is a history of jaundice.", FOUR, None),
    ("The strongest risk is a family history of diabetes.", RISKS, "A"),
    ("This is gram-negative sepsis.", RISKS, "C"),
    # the letter of one option with the text of another
    ("A. Ibuprofen", CODEINE, None),
    ("Answer: A. Ibuprofen", CODEINE, None),
    ("A (ibuprofen)", CODEINE, None),
    ("A. Ibuprofen is wrong. Answer: B", CODEINE, "B"),
    ("D. Ibuprofen", CODEINE, "D"),
    ("A. Ibuprofen is used in children, too", CODEINE, "A"),
    ("Answer: Aspirin (A)", CODEINE, "A"),
    ("Ibuprofen (option D).", CODEINE, "D"),
    ("Ibuprofen [D]", CODEINE, "D"),
    ("Answer: Ibuprofen (A)", CODEINE, None),
    ("Answer: A (ibuprofen)", CODEINE, None),
    ("Ibuprofen [A]", CODEINE, None),
    ("Ibuprofen (A)", CODEINE, None),
    ("Ibuprofen (D) is wrong. Answer: B", CODEINE, "B"),
]

VIRUSES = ["Hepatitis B", "Hepatitis C", "Malaria", "Diabetes", "Dengue"]
LABELS_TAKEN_BACK = [
    ("Malaria (unlikely)", None),
    ("Malaria: negative.", None),
    ("Malaria test negative", None),
    ("Malaria, which is ruled out", None),
    ("Malaria. This is unlikely.", None),
    ("The disease is malaria. That is wrong.", None),
    ("Malaria. Wait, no, dengue.", None),
    ("negative for malaria", None),
    ("Negative for malaria, positive for dengue", None),
    ("history of malaria", None),
    ("family history of diabetes", None),
    ("The patient has a history of malaria.", None),
    ("The patient denies malaria", None),
    ("Anything but malaria", None),
    ("The patient is free of malaria.", None),
    ("Vaccinated against hepatitis B", None),
    ("Her father had diabetes.", None),
    ("Hepatitis B or C", None),
    ("Hepatitis B/C", None),
    ("Hepatitis B, C", None),
    ("The patient has hepatitis B and C.", None),
    ("Hepatitis B", "Hepatitis B"),
    ("Hepatitis B, a viral disease", "Hepatitis B"),
    ("Hepatitis B, I think", "Hepatitis B"),
    ("Hepatitis B (chronic)", "Hepatitis B"),
    ("Malaria (likely)", "Malaria"),
    ("Malaria (not dengue)", "Malaria"),
    ("Malaria. Dengue is ruled out.", "Malaria"),
    ("Malaria; no dengue.", "Malaria"),
    ("Malaria; history of travel", "Malaria"),
    ("Malaria. It is unlikely that this is dengue.", "Malaria"),
    ("Positive for malaria", "Malaria"),
]


def test_the_tables_hold_the_known_traps_and_more_than_40_others():
    assert len(KNOWN_TRAPS) >= 30
    assert len(FURTHER) + len(LABELS) >= 40


@pytest.mark.parametrize(("text", "options", "expected"), KNOWN_TRAPS)
def test_known_traps_are_not_fallen_into(text, options, expected):
    assert read_letter(text, options) == expected


@pytest.mark.parametrize(("text", "options", "expected"), FURTHER)
def test_an_option_is_read_where_the_answer_commits_to_it_and_only_there(text, options, expected):
    assert read_letter(text, options) == expected


@pytest.mark.parametrize(("text", "labels", "expected"), LABELS)
def test_a_label_is_read_by_its_name_or_an_alias_and_by_nothing_like_it(text, labels, expected):
    assert read_label(text, labels, ALIASES) == expected


@pytest.mark.parametrize(("text", "options", "expected"), TAKEN_BACK)
def test_an_option_that_is_turned_down_or_contradicted_is_not_the_answer(text, options, expected):
    assert read_letter(text, options) == expected


@pytest.mark.parametrize(("text", "expected"), LABELS_TAKEN_BACK)
def test_a_label_that_is_turned_down_or_only_mentioned_is_not_the_answer(text, expected):
    assert read_label(text, VIRUSES, {}) == expected


@pytest.mark.parametrize(
    "piece", ["so B ", "not ", "A. ", "A - no; ", "is wrong ", "- ", "word ", "pick aspirin, ", "("]
)
def test_a_long_answer_of_repeated_words_is_read_in_time(piece):
    text = piece * (20_000 // len(piece))
    started = time.perf_counter()
    read_letter(text, CODEINE)
    read_letter("A. " + text, CODEINE)
    read_label("Malaria " + text, VIRUSES, {})
    assert time.perf_counter() - started < 5  # a pattern that backtracks takes minutes


OTHER_NAMES = {
    "probably yes": "yes",
    "uncertain": "maybe",
    "Blood thinner": "warfarin",
    "stomach ache": "Rash",
}


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("Probably yes.", PUBMED, "A"),
        ("The answer is uncertain.", PUBMED, "C"),
        ("Uncertain", PUBMED, "C"),
        ("The result is not uncertain.", PUBMED, None),
        ("Blood thinner", DRUGS, "C"),
        ("A blood thinner or aspirin", DRUGS, None),
        ("Blood thinner", FOUR, None),
    ],
)
def test_an_alias_of_an_option_is_read_as_that_option(text, options, expected):
    assert read_letter(text, options, OTHER_NAMES) == expected


NOISE = st.lists(st.text(alphabet="bcdfghklmnprstvwz", min_size=3, max_size=9), max_size=12).map(" ".join)


@given(words=NOISE, marks=st.text(alphabet=".,;:!-\n", max_size=3))
def test_noise_is_never_read(words, marks):
    assert read_letter(words + marks, FOUR) is None
    assert read_label(words + marks, DISEASES, ALIASES) is None


@given(
    letter=st.sampled_from("ABCD"), noise=NOISE, lead=st.sampled_from(["\n", ". ", " because ", ")\n", "; "])
)
def test_noise_after_an_answer_line_never_changes_it(letter, noise, lead):
    assert read_letter(f"Answer: {letter}{lead}{noise}", FOUR) == letter


@given(letter=st.sampled_from("ABCD"), noise=NOISE, lead=st.sampled_from(["\n", ".\n\n", "\n### "]))
def test_noise_before_an_answer_line_never_changes_it(letter, noise, lead):
    assert read_letter(f"{noise}{lead}Answer: {letter}", FOUR) == letter


@given(label=st.sampled_from(DISEASES), noise=NOISE)
def test_a_disease_followed_by_noise_is_read_as_itself(label, noise):
    assert read_label(f"{label}.\n{noise}", DISEASES, {}) == label
