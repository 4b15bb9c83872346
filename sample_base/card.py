"""The model card of the sample base, from what its build recorded."""

from __future__ import annotations

from typing import Any

CARD = """---
license: apache-2.0
language: en
library_name: transformers
tags: [demonstration, medical, synthetic]
---
# The sample base model

A demonstration model. It is there so that MedAdapt can be tried without a download; it knows 140 conditions
from the sample knowledge of this project and little else. **Its text is not medical advice. The knowledge was not
reviewed by clinicians, and the model repeats it imperfectly.** Do not build anything on it.

| | |
|---|---|
| architecture | Llama, {parameters:,} parameters: {layers} layers of width {hidden}, {heads} heads, feed-forward {feed_forward}, tied embeddings |
| vocabulary | 4,096 entries of byte-level BPE, learned on the same reading |
| context | {context_length} tokens; trained on sequences of {width} |
| weights | bf16, safetensors |
| reading | {documents:,} generated documents, {tokens:,} tokens; {seen:,} tokens seen in {steps:,} steps |
| held-out loss | {held_out_loss} nats a token, {held_out_bits_per_byte} bits per byte, on generated text that no step saw |
| build | {seconds:,} s, threads: {threads}, torch {torch}, seed {seed} |

**Reading.** Running prose that `sample_base/` writes from `conditions.yaml` (short articles, comparisons, stories
about unnamed patients, sentences that lead from a finding to its conditions) and everyday scenes in plain
English. All of it was written for this project: no text of others is in the weights. None of it has the form
of a question with its answer, a list of options, or a dialogue; those are what tuning teaches.

**Limits.** It makes fluent mistakes, mixes conditions up, and fails on everything outside its reading. Text with
other words than its reading has is cut into many small tokens. The held-out loss is measured on text from the
same generator; it says how well the generator is known, not how good its English is.

`training_log.jsonl` beside this page holds the losses, `build.json` every setting. To rebuild it:
`python sample_base/build.py`.
"""  # noqa: E501 - rows of a table


def model_card(about: dict[str, Any], last: dict[str, Any]) -> str:
    """The card for `build.json` and the last line of the training log."""
    plan = about["plan"]
    return CARD.format(
        **{
            name: plan[name]
            for name in ("layers", "hidden", "heads", "feed_forward", "context_length", "width")
        },
        **{
            name: about[name] for name in ("parameters", "documents", "tokens", "seconds", "threads", "torch")
        },
        seed=plan["seed"],
        steps=last["step"],
        seen=last["tokens"],
        held_out_loss=last["held_out_loss"],
        held_out_bits_per_byte=last["held_out_bits_per_byte"],
    )
