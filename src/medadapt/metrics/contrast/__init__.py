"""Does a written answer contradict its reference? Small rules, one a file, for what likeness cannot see.

Each rule compares one kind of thing (`findings.KINDS`) in the sentences of answer and reference that speak of the
same matter, and says how often they agreed and where they contradict each other. An answer that is silent on a
matter neither agrees nor contradicts.
"""
