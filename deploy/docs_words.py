"""Schemas of `openapi.yaml` in words and in examples, for people."""

import json
import re
from html import escape
from typing import Any

Node = dict[str, Any]
CODE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"https://[^\s)<]+[^\s).,<]")


class Words:
    """Reads one document."""

    def __init__(self, document: Node) -> None:
        self.document = document

    def resolved(self, node: Node) -> Node:
        """What a node stands for."""
        while "$ref" in node:
            target: Any = self.document
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            node = target
        return node

    def name_of(self, node: Node) -> str:
        """Of a schema that has a place of its own in the page; else empty."""
        name = str(node.get("$ref", "")).rpartition("/")[2]
        return name if name and "properties" in self.resolved(node) else ""

    def kind(self, node: Node) -> str:
        """A schema in a few words, as HTML: `integer from 1 to 200, else 50`."""
        if name := self.name_of(node):
            return f'<a href="#{name}">{name}</a>'
        schema = self.resolved(node)
        if "const" in schema:
            return f"<code>{escape(str(schema['const']))}</code>"
        if "anyOf" in schema:
            return " or ".join(self.kind(one) for one in schema["anyOf"])
        kinds = schema.get("type", "object")
        words = [self._of_type(schema, one) for one in ([kinds] if isinstance(kinds, str) else kinds)]
        if "enum" in schema:
            words = ["one of " + ", ".join(f"<code>{escape(str(one))}</code>" for one in schema["enum"])]
        default = f", else <code>{escape(str(schema['default']))}</code>" if "default" in schema else ""
        return " or ".join(words) + default

    def _of_type(self, schema: Node, kind: str) -> str:
        if kind == "array":
            items = f"list of {self.kind(schema.get('items', {}))}"
            bound = f", at most {schema['maxItems']}" if "maxItems" in schema else ""
            return items + bound + (", each once" if schema.get("uniqueItems") else "")
        if kind == "string":
            return self._of_text(schema)
        if kind in ("integer", "number"):
            least, most = schema.get("minimum"), schema.get("maximum")
            if least is not None and most is not None:
                return f"{kind} from {least:,} to {most:,}"
            return kind + (f" from {least:,} on" if least is not None else "")
        if kind == "object" and "additionalProperties" in schema and "properties" not in schema:
            return f"object of {self.kind(schema['additionalProperties'])}" if schema["additionalProperties"] else kind
        return kind

    def _of_text(self, schema: Node) -> str:
        formats = {"date-time": "time (RFC 3339)", "binary": "bytes", "uri": "URL", "uri-reference": "URL or path"}
        words = formats.get(schema.get("format", ""), "text")
        least, most = schema.get("minLength"), schema.get("maxLength")
        if least and most:
            words += f" of {least} to {most} characters"
        elif most:
            words += f" of at most {most} characters"
        elif least:
            words += " that is not empty"
        return words + (f" like <code>{escape(schema['pattern'])}</code>" if "pattern" in schema else "")

    def codes(self, node: Node) -> list[str]:
        """The values that `code` can have in a problem of this schema."""
        schema = self.resolved(node)
        found = [str(schema["const"])] if "const" in schema else [str(one) for one in schema.get("enum", ())]
        return found + [code for one in schema.get("anyOf", ()) for code in self.codes(one)]

    def problem_codes(self, schema: Node) -> list[str]:
        """The codes of an answer with that schema; empty when it is no problem."""
        parts = [self.resolved(part).get("properties", {}) for part in schema.get("allOf", ())]
        return [code for part in parts[1:] if "code" in part for code in self.codes(part["code"])]

    def example(self, node: Node) -> Any:
        """An example of a schema: its own, or one made of those of its parts. None when there is none."""
        schema = self.resolved(node)
        if "examples" in schema:
            return schema["examples"][0]
        if "const" in schema:
            return schema["const"]
        if "properties" in schema:
            parts = {name: self.example(part) for name, part in schema["properties"].items()}
            return {name: part for name, part in parts.items() if part is not None}
        if "items" in schema:
            item = self.example(schema["items"])
            return None if item is None else [item]
        return None


def text(source: str, *, inline: bool = False) -> str:
    """A description as HTML: paragraphs, `code` and links."""
    made = CODE.sub(r"<code>\1</code>", escape(source.strip(), quote=False))
    made = LINK.sub(lambda found: f'<a href="{found[0]}">{found[0]}</a>', made)
    return made if inline else "".join(f"<p>{part}</p>" for part in re.split(r"\n\s*\n", made))


def shown(value: Any) -> str:
    """A value as JSON, for people, as HTML."""
    return f"<pre><code>{escape(json.dumps(value, ensure_ascii=False, indent=2), quote=False)}</code></pre>"
