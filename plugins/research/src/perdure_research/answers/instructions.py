"""What a source says to a program that reads it, instead of saying something of the world."""

import re
from typing import Final

_INSTRUCTION: Final = re.compile(
    r"\b(?:ignore|disregard|forget)\b.{0,40}\b(?:instructions?|prompts?|rules|above|previous|told)\b"
    r"|^\W*(?:please )?(?:ignore|disregard|forget)\b.*\b(?:say|report|tell|answer|claim|state)\b"
    r"|^\W*(?:please |now |then )?(?:say|claim|state|report|answer|reply|respond|write|cite)\b"
    r"(?: \w+)? (?:that|this page)\b"
    r"|^\W*(?:note to |attention |dear )?(?:the )?"
    r"(?:assistants?|ai agents?|chatbots?|language models?|llms?|(?-i:SYSTEM))\s*[:!]"
    r"|\bfor (?:ai )?(?:assistants|chatbots|language models|llms)\s*:"
    r"|\bassistants? (?:must|should|will) (?:now|only|always)\b|\[/?INST\]|</?(?:data|system)>"
    r"|\btell (?:the |your )?(?:readers?|users?|humans?) (?:that|to)\b"
    r"|\b(?:in|into|to) your (?:answer|summary|report|reply|response|output)\b"
    r"|\bsystem prompt\b|\byou are (?:now|an? (?:ai|assistant|language model))\b"
    r"|\b(?:call|invoke) (?:the |your )?(?:tool|function)s?\b"
    r"|\b(?:reveal|print|send|post|exfiltrate)\b.{0,40}\b(?:environment|api[ _-]?keys?|secrets?"
    r"|passwords?|credentials)\b",
    re.IGNORECASE | re.MULTILINE,
)


def is_instruction(text: str) -> bool:
    """Say whether a text tells whoever reads it for a question what to answer or to do.

    It is no statement, so that nothing is quoted from it.
    """
    return _INSTRUCTION.search(text) is not None
