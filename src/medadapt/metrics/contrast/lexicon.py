"""Which words are names of drugs or diseases, and which names are the same.

Drugs are known by the stems of their international non-proprietary names: the World Health Organization gives one
stem to each class, so `-pril` or `-statin` finds drugs that no list here names. Diseases are known by the Greek
endings of their names. The two short lists hold common names that have no such ending. Everything else that counts as
a name comes from the record itself (`names.py`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from medadapt.metrics.contrast.words import KEPT, listed

NameClass = Literal["drug", "disease"]

DRUG_STEMS = listed(
    """
    pril sartan olol dipine statin cillin mycin micin floxacin cycline azole prazole tidine triptan
    setron gliptin gliflozin glitazone formin glinide amide parin xaban gatran grel platin taxel
    rubicin tinib ciclib mab cept vir vudine azepam azolam barbital caine curium curonium profen
    coxib oxicam fenac semide thiazide terol tropium sone solone lukast dronate oxetine ipramine
    triptyline peridol azine apine idone zumab ximab quine ronidazole bendazole conazole fungin
    ximine parib degib tide relin stigmine dopa giline capone gabalin toin zepine phylline zosin
    osin tadine rizine zenil oxone fibrate thyroxine penem bactam actam
    """
)
DISEASE_ENDINGS = listed(
    """
    itis osis oses oma omas emia aemia emias pathy pathies algia plegia paresis iasis trophy plasia
    penia phrenia rrhea rrhoea cele ectasis megaly sclerosis dystonia ataxia monia thorax uria pnea
    pnoea phobia lepsy ensia itus
    """
)
NO_NAME = listed(
    """
    tide diagnosis prognosis osmosis mitosis meiosis aroma coma trauma stroma soma peptide
    nucleotide symptom syndrome chemotherapy therapy amide medicine prosthesis
    """
)
"""Words with such an ending that name neither."""

_DRUG = re.compile(rf"[a-z]{{2,}}(?:{'|'.join(DRUG_STEMS)})")
_DISEASE = re.compile(rf"[a-z]{{2,}}(?:{'|'.join(DISEASE_ENDINGS)})")

DRUGS = listed(
    """
    aspirin paracetamol insulin heparin warfarin morphine codeine tramadol fentanyl oxycodone methadone
    naloxone digoxin amiodarone nitroglycerin hydralazine lithium valproate carbamazepine levetiracetam
    gabapentin phenobarbital metformin glucagon prednisolone prednisone cortisone colchicine allopurinol
    methotrexate azathioprine ciclosporin tacrolimus tamoxifen cisplatin rifampicin rifampin isoniazid
    ethambutol pyrazinamide vancomycin gentamicin linezolid nitrofurantoin trimethoprim chloramphenicol
    acyclovir oseltamivir ribavirin interferon ivermectin quinine chloroquine artemisinin adrenaline
    noradrenaline atropine dopamine salbutamol theophylline montelukast cromolyn antihistamine
    loratadine cetirizine diphenhydramine ondansetron domperidone metoclopramide loperamide senna
    lactulose bisacodyl misoprostol oxytocin magnesium levothyroxine carbimazole methimazole
    spironolactone mannitol amlodipine verapamil diltiazem nifedipine apixaban clopidogrel alteplase
    streptokinase ibuprofen naproxen diclofenac celecoxib ketamine propofol lidocaine halothane nicotine
    bupropion varenicline disulfiram sertraline fluoxetine citalopram lorazepam diazepam midazolam
    haloperidol clozapine olanzapine risperidone sildenafil finasteride tamsulosin isotretinoin
    tretinoin minoxidil
    """
)
DISEASES = listed(
    """
    asthma diabetes gout lupus stroke cancer leukemia lymphoma malaria measles mumps rubella influenza
    croup pertussis tetanus polio rabies cholera typhoid plague anthrax syphilis gonorrhea chlamydia
    herpes shingles chickenpox smallpox mpox aids hiv covid dengue ebola zika leprosy scabies ringworm
    epilepsy migraine autism dementia alzheimer parkinson huntington schizophrenia depression anxiety
    hypertension hypotension hypothyroidism hyperthyroidism angina infarction arrhythmia fibrillation
    emphysema embolism aneurysm cirrhosis jaundice hernia appendicitis ulcer reflux celiac crohn colitis
    eczema acne vitiligo cataract glaucoma conjunctivitis sinusitis tonsillitis otitis scurvy rickets
    pellagra beriberi obesity anorexia bulimia eclampsia preeclampsia endometriosis infertility
    menopause scoliosis sciatica fracture sprain osteoarthritis rosacea wart impetigo cellulitis sepsis
    meningitis encephalitis hemophilia thalassemia goiter acromegaly cretinism albinism
    """
)
GENERIC = listed(
    """
    disease condition disorder illness infection syndrome drug medicine medication treatment therapy
    tablet pill capsule injection vaccine antibiotic painkiller steroid agent substance product problem
    defect deficiency patient person people child adult man woman doctor nurse test result sign symptom
    gene mutation virus bacterium bacteria germ parasite cancer tumor pain fever inflammation damage
    disease change form type kind cause factor risk one
    """
)
"""Words that stand for a name without being one: `the disease`, `this drug`."""

SAME = """
    paracetamol acetaminophen tylenol
    adrenaline epinephrine
    noradrenaline norepinephrine
    salbutamol albuterol
    ibuprofen advil
    furosemide frusemide
    rifampicin rifampin
    acyclovir aciclovir
    glycerol glycerin
    levothyroxine thyroxine
    pethidine meperidine
    influenza flu
    tuberculosis tb
    chickenpox varicella
    tetanus lockjaw
    poliomyelitis polio
    hemorrhage bleeding
    dyspnea breathlessness
    pruritus itching itch
    pyrexia fever
    nephropathy kidney renal
    hepatitis liver
    dermatitis eczema
    rhinitis hay
    cephalgia headache
    leukemia leukaemia
    anemia anaemia
    stroke apoplexy
    varicella chickenpox
    heparin enoxaparin
    ciclosporin cyclosporine cyclosporin
    lidocaine lignocaine
    alzheimer alzheimers dementia
    carcinoma cancer
    neoplasm tumor
    hypercholesterolemia cholesterol
    emesis vomiting
    edema swelling
"""
"""Names of one thing, a group a line."""


@lru_cache(maxsize=KEPT)
def name_class(lower: str) -> NameClass | None:
    """Whether a word is known to name a drug or a disease.

    >>> name_class("lisinopril"), name_class("bronchitis"), name_class("morning")
    ('drug', 'disease', None)
    """
    word = folded(lower)
    singular = word.removesuffix("s") if len(word) > 4 and not word.endswith(("is", "us", "ss")) else word
    if {word, singular} & (NO_NAME | GENERIC):
        return None
    if {word, singular} & DISEASES:
        return "disease"
    if {word, singular} & DRUGS or word.startswith(("cef", "ceph")):
        return "drug"
    if _DISEASE.fullmatch(word):
        return "disease"
    return "drug" if _DRUG.fullmatch(singular) else None


def folded(lower: str) -> str:
    """A name in the spelling of the lists: American vowels, no possessive."""
    return (
        lower.removesuffix("'s").replace("ae", "e").replace("oe", "e").replace("our", "or")
        if len(lower) > 4
        else lower
    )


@lru_cache(maxsize=KEPT)
def name_key(lower: str) -> str:
    """The same for all names of one thing."""
    word = folded(lower)
    return _same().get(word, word)


@lru_cache(maxsize=1)
def _same() -> dict[str, str]:
    return {folded(name): group.split()[0] for group in SAME.strip().splitlines() for name in group.split()}
