"""The base's tokenizer: byte-level BPE, learned on the reading alone."""

from __future__ import annotations

from collections.abc import Iterable

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

VOCABULARY = 4096
OPENING, CLOSING, PADDING = "<s>", "</s>", "<pad>"


def learn_tokenizer(texts: Iterable[str], *, context_length: int) -> PreTrainedTokenizerFast:
    """Any text can be written with it, since every byte is a token; each digit is a token of its own.

    A text begins with the opening token; the closing token is the trainer's business.
    """
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\d"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[PADDING, OPENING, CLOSING],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(texts, trainer)
    raw.post_processor = processors.TemplateProcessing(
        single=f"{OPENING} $A",
        pair=f"{OPENING} $A {OPENING}:1 $B:1",
        special_tokens=[(OPENING, raw.token_to_id(OPENING))],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=raw,
        bos_token=OPENING,
        eos_token=CLOSING,
        pad_token=PADDING,
        model_max_length=context_length,
        clean_up_tokenization_spaces=False,
    )
