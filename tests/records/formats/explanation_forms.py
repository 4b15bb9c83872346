"""How exam explanations announce and mention options: `@` is the letter or number, `REASON` what is taught."""

ANNOUNCED = """
Ans. is '@' i.e., REASON
Ans. is ‘@’ i.e., REASON
Ans. is "@" i.e. REASON
Ans. is '@' i.e. REASON
Ans is '@' i.e. REASON
Ans is '@', i.e., REASON
Ans. '@' i.e., REASON
Ans. is `@' i.e., REASON
Ans. is (@) i.e., REASON
Ans. (@) i.e., REASON
Ans. @ i.e. REASON
Ans. @ i.e., REASON
Ans. (@) REASON
Ans (@) REASON
Ans: (@) REASON
Ans:- (@) REASON
Ans.(@) REASON
Ans.(@). REASON
Ans. [@] REASON
Ans. [@]. REASON
Ans. @. REASON
Ans.@. REASON
Ans-@. REASON
Ans - @. REASON
Ans: @. REASON
Ans : @. REASON
Ans:@. REASON
Ans:@ . REASON
Ans = @. REASON
Ans => @. REASON
Ans -> @. REASON
Ans @: REASON
Ans. @: REASON
ANS. @. REASON
ANS: @) REASON
ans. @, REASON
Ans. @) REASON
Ans. @), REASON
Ans. {@} REASON
Ans. is @. REASON
Ans. is @: REASON
Ans: option @. REASON
Ans. option (@). REASON
Ans. is option '@'. REASON
Ans. Option @: REASON
Answer is @. REASON
Answer is (@). REASON
Answer is '@'. REASON
Answer is option @. REASON
Answer @. REASON
Answer (@) REASON
Answer: @. REASON
Answer: (@) REASON
Answer: @) REASON
Answer : @. REASON
Answer :- @. REASON
Answer - @. REASON
Answer- @. REASON
Answer – @. REASON
Answer — (@). REASON
Answer = @. REASON
**Answer: @.** REASON
Answer: **@**. REASON
**Answer:** @. REASON
The answer is @. REASON
The answer is (@). REASON
The answer is: @. REASON
The answer is option @. REASON
The answer is choice @. REASON
The answer to this question is @. REASON
The answer here is (@). REASON
The answer would be @. REASON
The correct answer is @. REASON
The correct answer is: @. REASON
The correct answer is (@). REASON
The correct answer is '@'. REASON
The correct answer is option @. REASON
The correct answer is option (@). REASON
The correct answer is therefore @. REASON
The correct answer: @. REASON
The correct option is @. REASON
The correct option is (@). REASON
The correct choice is @. REASON
The right answer is @. REASON
The right option is (@). REASON
The best answer is @. REASON
The most appropriate answer is @. REASON
Correct answer : @. REASON
Correct answer: (@). REASON
Correct answer - @. REASON
Correct Answer - @ Ans. is '@' i.e., REASON
Correct Answer: @ Ans: @. REASON
Correct answer is @. REASON
Correct answer is option (@). REASON
Correct Ans: @. REASON
Correct option: @. REASON
Correct option is '@'. REASON
Right answer: @. REASON
So, the answer is @. REASON
So the answer is (@). REASON
Hence, the answer is @. REASON
Hence the correct answer is @. REASON
Thus the answer is @. REASON
Therefore, the correct option is @. REASON
Clearly the answer is @. REASON
Option @ is correct. REASON
Option (@) is correct. REASON
Option '@' is correct. REASON
Option @ is the correct answer. REASON
Option @ is the right one. REASON
Option @ is true. REASON
Option @: REASON
Choice @ is correct. REASON
Answer @ is correct. REASON
@ is the correct answer. REASON
@ is the answer. REASON
@ is correct. REASON
(@) is correct. REASON
'@' is correct. REASON
(@) REASON
'@' i.e., REASON
(@) i.e. REASON
@ i.e. REASON
@. REASON
Key: @. REASON
Key @. REASON
Explanation: Ans. is '@' i.e., REASON
Explanation: Answer: @. REASON
Ans. is '@' i.e., REASON [Ref: Textbook of surgery, 5th edition]
Ans. (@) REASON (Ref: Medicine 20/e p. 345)
""".strip().split("\n")
"""Fronts of explanations: all of it but the reason goes."""

SEVERAL = """
Ans. is 'a' and 'c' REASON
Ans. (a), (b) & (c) REASON
Ans: A,B & C REASON
Ans. A, C & D. REASON
Ans. a, b, c. REASON
Ans. A and D. REASON
Ans: (a) > (b). REASON
""".strip().split("\n")

MENTIONED = {
    "By rule 1 would be easy to drop.": 'By rule "Simple" would be easy to drop.',
    "We say that also 1 and 2 (and very rarely 5) could start so.": (
        'We say that also "Simple" and "Grievous" (and very rarely "Focal sclerosis") could start so.'
    ),
    "Two answers can be ruled out: 1 (it is old) and 3 (it is late).": (
        'Two answers can be ruled out: "Simple" (it is old) and "Vitamin B12" (it is late).'
    ),
    "It is clear. Between 3 and option 5, I prefer the latter.": (
        'It is clear. Between "Vitamin B12" and "Focal sclerosis", I prefer the latter.'
    ),
    "Option A is wrong because it is old.": '"Simple" is wrong because it is old.',
    "option b is wrong.": '"Grievous" is wrong.',
    "This excludes options a and b.": 'This excludes "Simple" and "Grievous".',
    "It grows slowly (Option C).": 'It grows slowly ("Vitamin B12").',
    "It grows slowly (option 3 correct).": 'It grows slowly ("Vitamin B12" correct).',
    "It hurts. The correct answer is 4.": 'It hurts. The correct answer is "E. coli".',
    "It hurts, so the correct option is (b).": 'It hurts, so the correct option is "Grievous".',
    "It hurts; hence ans is 'b' i.e., Grievous.": "It hurts; hence ans is Grievous.",
    "It hurts. Hence (b) is the answer.": 'It hurts. Hence "Grievous" is the answer.',
    "Answers 1,3 and 5 are out.": '"Simple","Vitamin B12" and "Focal sclerosis" are out.',
    "It hurts, so 2 is false.": 'It hurts, so "Grievous" is false.',
    "It hurts. B is incorrect.": 'It hurts. "Grievous" is incorrect.',
    "By now we rule out 1, and go on.": 'By now we rule out "Simple", and go on.',
    "Answer number 5 fits.": '"Focal sclerosis" fits.',
    "Lesions: 1: False. They heal.": 'Lesions: "Simple": False. They heal.',
    "It hurts. The answer would be number 2.": 'It hurts. The answer would be "Grievous".',
    "It hurts. The 1 should not be.": 'It hurts. The "Simple" should not be.',
    "Grade it well. We choose alternative 2, since": 'Grade it well. We choose "Grievous", since',
    "It hurts. Options (a) & (c) are close.": 'It hurts. "Simple" & "Vitamin B12" are close.',
    "It hurts. 4 could make us doubt.": 'It hurts. "E. coli" could make us doubt.',
    "It hurts, but 2 seems more likely.": 'It hurts, but "Grievous" seems more likely.',
    "It hurts, so 1 and 2 is not.": 'It hurts, so "Simple" and "Grievous" is not.',
    "It hurts. 1, 2 and 5 are not close.": 'It hurts. "Simple", "Grievous" and "Focal sclerosis" are not close.',
    "It grows slowly (3 and 4 false).": 'It grows slowly ("Vitamin B12" and "E. coli" false).',
    "Therefore questions 1, 2 are out.": 'Therefore "Simple", "Grievous" are out.',
    "It hurts. Between 3 and 5, it is late.": 'It hurts. Between "Vitamin B12" and "Focal sclerosis", it is late.',
    "The doubt is between 1 and 2.": 'The doubt is between "Simple" and "Grievous".',
    "It hurts; I would opt for 1, because": 'It hurts; I would opt for "Simple", because',
    "We have to stay with B.": 'We have to stay with "Grievous".',
    "It is neither 1 (old) nor 2 (new).": 'It is neither "Simple" (old) nor "Grievous" (new).',
    "It hurts. Why not 2?": 'It hurts. Why not "Grievous"?',
    "Therefore, the true one is 3.": 'Therefore, the true one is "Vitamin B12".',
    "I think that the most correct is B, since": 'I think that the most correct is "Grievous", since',
    "The answer that fits best would be 2, in time.": 'The answer that fits best would be "Grievous", in time.',
    "The diagnosis is 1.": 'The diagnosis is "Simple".',
    "With 2 we would rule it out.": 'With "Grievous" we would rule it out.',
    "Even if we consider 1 to be correct": 'Even if we consider "Simple" to be correct',
    "It shows focal sclerosis (5).": "It shows focal sclerosis.",
    "Its nerves are sick (5).": "Its nerves are sick.",
}
"""Sentences about options -> the same with the options' texts."""

LOOKALIKES = """
Vitamin A is stored in the liver.
Vitamin A is correct for night blindness, vitamin B is not.
Hepatitis B is a DNA virus.
Group A streptococcus causes fever.
Influenza A is seasonal.
Factor V and protein C fall.
Type 1 diabetes starts early.
Type 1 is correct to treat with insulin.
T3 and T4 are raised.
C-peptide is low.
A 3-year-old boy has fever.
A drug of choice for the elderly.
The treatment of choice is a tablet of 2 mg daily.
The answer is a matter of debate.
To answer a question one must read it.
The options are discussed below.
There are 4 options to treat it.
The first option is surgery; the second choice is drugs.
Stage A3 and grade 2 lesions.
The verbal response 3 out of 5 is recorded.
The drug of choice 2 weeks later is iron.
E. coli grows on it.
A B12 deficiency, D-dimer of 2.5 and an HbA1c of 5 %.
It lies at the level of C5, L4 and S1.
Complement C3 is low, C4 is not.
Rule out 1 of the causes first.
The ratio lies between 2 and 3.
The INR should be between 2 and 3.
Of these patients, 3 are cured and 2 would be soon.
The score is 4, the motor response is 5.
They were treated with 2 drugs, and not 3.
Hypertension is common (1), as told before (Source [2]).
The ratio of FiO2 is 1.
The grades are: 2 (moderate) and 3 (severe).
It is also 1 of the causes, between 2 and 3 percent.
We choose 2 tablets, or between 2 and 3 drops.
1: Old. 2: New.
Blood group AB is rare, and O is common.
""".strip().split("\n")
