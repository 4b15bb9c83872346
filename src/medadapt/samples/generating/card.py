"""The data card of the sample data sets: what they are, what was planted in them, and what they are not for."""

from __future__ import annotations

from collections.abc import Sequence

from medadapt.samples.bundled import SAMPLE_OF_FORMAT
from medadapt.samples.generating.difficulty import LEFT_OUT_SHARE
from medadapt.samples.generating.files import SampleFile

CARD = """# Sample data sets

Five small data sets, one for each data format of MedAdapt. **They are synthetic**: a program wrote them with
seed {seed} from `conditions.yaml`, which describes {num_conditions} medical conditions in the project's own
words. No row is about a real person or comes from another data set. Columns and typical defects are those of
well-known sources, so that what works here works there.

**They have not been reviewed by clinicians.** They are there to try out a program. Nothing in them is medical
advice, and no model trained on them is fit for any use with patients.

| file | rows | `data.format` |
|---|---|---|
{table}

To train on one of them:

```bash
medadapt run RECIPE --set data.source={example}
```

About {left_out} of 100 facts are asked in no question of this seed, so that not everything can be learned from it.

## Planted defects

Real data is dirty, and so is this. No row of the open sets and of the exam has two of these defects, except
for the marks of questions, the announced letters and the missing explanations.

| file | defect | number |
|---|---|---|
{planted}

Phone numbers are from the range 555-0100 to 555-0199 and e-mail addresses at example.org: they reach nobody.

## Licence

Apache-2.0, as MedAdapt itself.
"""


def data_card(files: Sequence[SampleFile], *, seed: int, num_conditions: int) -> str:
    """The card as Markdown."""
    format_of = {sample: data_format for data_format, sample in SAMPLE_OF_FORMAT.items()}
    table = [f"| `{file.path}` | {file.num_rows:,} | `{format_of[file.name]}` |" for file in files]
    planted = [
        f"| `{file.path}` | {kind} | {count:,} |" for file in files for kind, count in file.planted.items()
    ]
    return CARD.format(
        seed=seed,
        left_out=round(100 * LEFT_OUT_SHARE),
        num_conditions=num_conditions,
        table="\n".join(table),
        planted="\n".join(planted),
        example=files[0].path,
    )
