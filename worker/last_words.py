"""What of a decoder's last words may be told: how it failed and where, and nothing that it could have from an image."""

import builtins
import re
from pathlib import Path

ERRORS = frozenset(name for name, kind in vars(builtins).items() if isinstance(kind, type) and name.endswith("Error"))
OWN_FILES = frozenset(path.name for path in Path(__file__).parent.glob("*.py"))
FATAL = ("Fatal Python error", "Segmentation fault", "double free", "invalid pointer", "corruption", "stack smashing")
"""What Python and glibc say when a process is beyond help."""
PLACE = re.compile(r'File "[^"\n]*?([^/"\n]+)", line ([0-9]{1,4}),')
MOST_PLACES = 10


def tellable(said: bytes) -> str:
    """Names of errors, lines of our own files, and how many bytes there were; all of it is known beforehand."""
    text = said.decode(errors="replace")
    places = [f"{file}:{line}" for file, line in PLACE.findall(text) if file in OWN_FILES]
    errors = [word for word in dict.fromkeys(re.findall(r"\w+", text)) if word in ERRORS]
    fatal = [words for words in FATAL if words in text]
    return f"{len(said)} bytes: {', '.join([*errors, *fatal, *places[-MOST_PLACES:]]) or 'nothing that is known'}"
