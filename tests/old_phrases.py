"""Find phrases that are hard to read; `python3 dev.py lint` runs this program. CONTRIBUTING.md has the rules.

    python tests/old_phrases.py [--count]

It reads Markdown and TOML files, and the comments, strings and test names of Python files. It prints each hit
with a replacement; the exit code is 1 if there are any. With --count, it prints the number of hits by phrase.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("variant_backend", "tests", "docs", "benchmarks", "examples")
# They quote the phrases.
IGNORED = {ROOT / "CONTRIBUTING.md", Path(__file__).resolve()}
# Regular expressions, which ignore case outside (?-i:...), and their replacements.
PHRASES = {
    r"(is|are|was|were|be|been) told": "name the actor: X prints, reports or passes Y",
    r"tells? of|telling of": "report, warn about",
    r"nobody (says|is asked)": "unknown; X is not checked",
    r"(held|hold|holds|holding) (\w+ )?to": "verify, check against; limit to",
    r"(has|have|had) a say": "source",
    r"counts? for nobody": "is ignored",
    r"stands? (nowhere|there|twice|behind|together)": "is, is missing, is duplicate, follows",
    r"anew": "again; recreate, rewrite",
    r"(that|what|which) (is|are|was|were) there": "existing",
    r"(is|are|was|were) there twice": "duplicate",
    r"who asks": "name the actor",
    r"(?<!there )(is|are) no(?= )(?! (longer|more|less|later|fewer|better|worse))": "is not a, is invalid",
    r"(?-i:(?<![\w,;] )Of) (a|an|each|all|the|these|those|two|several)": "put the subject first",
    r"without more,": "by default",
    r"faults?": "problem, error",
    r"be had": "is missing, cannot be read",
    r"getting along|gets? along": "work with",
    r"(bring|brings|brought) along": "include",
    r"pass(es|ed|ing)? over": "skip",
    r"goes without saying": "default",
    r"(is|are) asked of": "name the actor and the object",
    r"such as it is|has it that": "write it in other words",
}
PATTERN = re.compile(
    "|".join(rf"(?P<p{at}>\b(?:{phrase})(?!\w))" for at, phrase in enumerate(PHRASES)), re.IGNORECASE
)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a file for people, each with the number of its first line."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, content
        return
    strings = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type in strings:
            yield token.start[0], token.string
        elif token.type == tokenize.NAME and token.string.startswith("test_"):
            yield token.start[0], token.string.replace("_", " ")


def hits_in(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield the offset of each hit, its words, and the replacement.

    >>> [*hits_in("There is no default.")], [*hits_in("Of a wheel, nobody says it.")]
    ([], [(0, 'Of a', 'put the subject first'), (12, 'nobody says', 'unknown; X is not checked')])
    """
    replacements = [*PHRASES.values()]
    for match in PATTERN.finditer(text):
        yield match.start(), match[0], replacements[int((match.lastgroup or "p0")[1:])]


def hits() -> Iterator[tuple[str, str, str]]:
    """Yield the place of each hit, its words, and the replacement."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    for path in sorted({*files, *ROOT.glob("*.md"), ROOT / "dev.py"} - IGNORED):
        if path.suffix in (".py", ".md", ".toml"):
            name = path.relative_to(ROOT).as_posix()
            for first, text in texts(path):
                for offset, words, replacement in hits_in(text):
                    yield f"{name}:{first + text.count(chr(10), 0, offset)}", words, replacement


def main() -> int:
    """Print all hits, or with --count their numbers; return 1 if there are any."""
    found = list(hits())
    if "--count" in sys.argv:
        for words, count in Counter(words.lower() for _, words, _ in found).most_common():
            print(f"{count:5} {words}")
    else:
        for place, words, replacement in found:
            print(f"{place}: {words!r} is hard to read; instead: {replacement}")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
