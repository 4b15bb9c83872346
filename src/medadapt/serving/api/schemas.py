"""Requests and answers of the API. Names and shapes are those of OpenAI's; what is ours stands under `medadapt`.

Settings that this server does not have are accepted at the value at which they change nothing; any other value is
refused, and so is an unknown name: nothing is silently without effect.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from medadapt.serving.sampling import LEAST_PENALTY, MOST_PENALTY

ModelId = Annotated[
    str,
    Field(
        max_length=64,
        description="`tuned` (base and adapter) or `baseline` (the base alone).",
        examples=["tuned"],
    ),
]
LONGEST_TEXT = 200_000
"""Characters of one text; the body's size is limited as well."""
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]


class Closed(BaseModel):
    """No other keys than those listed, and no values of another type: 0 is not false, "1" is not 1."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _exactly(kind: type) -> BeforeValidator:
    """Literals compare with ==, and 0 == False."""

    def check(value: object) -> object:
        if type(value) is not kind:
            raise ValueError(f"must be {'true or false' if kind is bool else 'a number'}")
        return value

    return BeforeValidator(check)


def _whole(value: object) -> object:
    """In JSON 2.0 is an integer, too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


WHOLE = BeforeValidator(_whole)
Nothing = Annotated[list[Any], Field(max_length=0)] | None
"""Where OpenAI's clients send null or an empty list."""
Off = Annotated[Literal[False], _exactly(bool)]
One = Annotated[Literal[1], _exactly(int), WHOLE]
Zero = Annotated[Literal[0], _exactly(int), WHOLE]


class Part(Closed):
    """A part of a message."""

    type: Literal["text"]
    text: Text


class Message(Closed):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[Part], Field(max_length=64)]
    name: Annotated[str, Field(max_length=64)] | None = None
    type: Literal["text", "message"] | None = None
    """Some clients send it, such as the lm-evaluation-harness; it says nothing that `content` does not."""
    refusal: None = None
    """This and what follows stands empty in answers, which clients send back as they are."""
    annotations: Nothing = None
    audio: None = None
    function_call: None = None
    tool_calls: Nothing = None

    @property
    def text(self) -> str:
        """What was said."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content)


class QuestionParts(Closed):
    """What may go with a question, as in the records that the model was trained on."""

    context: Text | None = None
    type: Annotated[str, Field(max_length=200)] | None = None
    options: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=26)] = []
    passages: bool | None = None
    """Whether passages of the server's index stand in the prompt; null: where there is an index, they do."""


class StreamOptions(Closed):
    """What a stream carries besides the answer."""

    include_usage: bool = False
    include_obfuscation: bool = False


class TextFormat(Closed):
    """Plain text is the only format."""

    type: Literal["text"] = "text"


class Writing(Closed):
    """What both ways of writing have in common."""

    model: ModelId
    max_tokens: Annotated[int, Field(ge=1), WHOLE] | None = None
    temperature: (
        Annotated[float, Field(ge=0, le=2, description="0, the default, takes the likeliest token.")] | None
    ) = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=1), WHOLE] | None = None
    repetition_penalty: Annotated[float, Field(ge=LEAST_PENALTY, le=MOST_PENALTY)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63), WHOLE] | None = None
    stop: (
        Annotated[str, Field(min_length=1, max_length=200)]
        | Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=4)]
        | None
    ) = None
    stream: bool | None = False
    stream_options: StreamOptions | None = None
    n: One | None = None
    presence_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    frequency_penalty: Annotated[float, Field(ge=0, le=0)] | None = None
    logit_bias: Annotated[dict[str, float], Field(max_length=0)] | None = None
    user: Annotated[str, Field(max_length=500)] | None = None
    """Accepted and not looked at, as are the three below."""
    metadata: dict[str, str] | None = None
    store: bool | None = None
    safety_identifier: Annotated[str, Field(max_length=500)] | None = None


class ChatRequest(Writing):
    """A conversation that wants its next turn."""

    messages: Annotated[list[Message], Field(min_length=1, max_length=512)]
    max_completion_tokens: Annotated[int, Field(ge=1), WHOLE] | None = None
    response_format: TextFormat | None = None
    logprobs: Off | None = None
    top_logprobs: Zero | None = None
    tools: Nothing = None
    tool_choice: Literal["none", "auto"] | None = None
    parallel_tool_calls: bool | None = None
    functions: Nothing = None
    function_call: Literal["none", "auto"] | None = None
    modalities: Annotated[list[Literal["text"]], Field(max_length=1)] | None = None
    service_tier: Literal["auto", "default"] | None = None
    reasoning_effort: Literal["none"] | None = None
    medadapt: QuestionParts = QuestionParts()


class CompletionRequest(Writing):
    """Text that is to be written on as it stands, without the prompt that the model was trained on."""

    prompt: Text | Annotated[list[Text], Field(min_length=1, max_length=1)]
    echo: Off | None = None
    best_of: One | None = None
    logprobs: None = None
    suffix: None = None


class ClassifyRequest(Closed):
    """A question to a model with a closed set of answers."""

    model: ModelId
    input: Text
    context: Text | None = None
    type: Annotated[str, Field(max_length=200)] | None = None
    options: Annotated[list[Annotated[str, Field(max_length=2000)]], Field(max_length=26)] = []
    risk: Annotated[float, Field(gt=0, lt=0.5)] | None = None
    """Answer only where the model is sure enough to be wrong in at most this share of its answers."""


class Cited(BaseModel):
    """A passage that stood in the prompt."""

    number: int
    """As the prompt numbers it."""
    id: str
    """The record, or the file and line, that it comes from."""
    title: str
    text: str


class Ours(BaseModel):
    """What every answer carries beyond OpenAI's."""

    notice: str
    warnings: list[str] = []
    passages: list[Cited] | None = None
    """Null where none were looked for."""


class Usage(BaseModel):
    """Tokens read and written."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


FinishReason = Literal["stop", "length"]


class AnswerMessage(BaseModel):
    """The model's turn."""

    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    """The one answer."""

    index: int = 0
    message: AnswerMessage
    logprobs: None = None
    finish_reason: FinishReason


class ChatAnswer(BaseModel):
    """A whole answer to a conversation."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[ChatChoice]
    usage: Usage
    medadapt: Ours


class TextChoice(BaseModel):
    """The one continuation."""

    index: int = 0
    text: str
    logprobs: None = None
    finish_reason: FinishReason


class CompletionAnswer(BaseModel):
    """A whole continuation of a text."""

    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int
    model: str
    choices: list[TextChoice]
    usage: Usage
    medadapt: Ours


class Likely(BaseModel):
    """How likely one answer of the closed set is."""

    name: str
    text: str
    probability: float


class ClassifyAnswer(BaseModel):
    """The closed set of answers, the likeliest first."""

    object: Literal["classification"] = "classification"
    model: str
    choice: str | None
    """The likeliest; null where a `risk` was asked for and the model is not sure enough."""
    abstained: bool
    confidence: float
    threshold: float | None
    """The confidence that the risk asks for."""
    probabilities: list[Likely]
    """Empty where the model abstained."""
    medadapt: Ours


class ModelEntry(BaseModel):
    """One of the two models."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "medadapt"


class ModelList(BaseModel):
    """Both models."""

    object: Literal["list"] = "list"
    data: list[ModelEntry]


class Health(BaseModel):
    """The server can answer."""

    status: Literal["ok"] = "ok"
    answering: int
    waiting: int


class Problem(BaseModel):
    """What is wrong, in OpenAI's form."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ProblemAnswer(BaseModel):
    """The body of every answer that is not a success."""

    error: Problem
