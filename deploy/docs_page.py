"""Makes the page that `GET /docs` hands out: `openapi.yaml` for people, without scripts and outside hosts."""

import json
import shlex
from collections.abc import Iterator
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from deploy.docs_words import Node, Words, shown, text

STYLE = Path(__file__).with_name("docs.css")
METHODS = {"get", "post", "put", "patch", "delete"}
PICTURE = "rocket.jpg"
USER = "X-User-Id: alice"


def page(document: Node) -> bytes:
    """The page, in UTF-8; the same bytes for the same document."""
    return "\n".join(_Page(document).lines()).encode() + b"\n"


class _Page:
    """One document's."""

    def __init__(self, document: Node) -> None:
        self._document = document
        self._words = Words(document)
        self._schemas: Node = document["components"]["schemas"]
        self._operations = [
            (method, path, item[method], item.get("parameters", []))
            for path, item in document["paths"].items()
            for method in item
            if method in METHODS
        ]

    def lines(self) -> Iterator[str]:
        """All of it."""
        info = self._document["info"]
        title = f"{escape(info['title'])}: API"
        yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield f"<title>{title}</title>\n<style>{STYLE.read_text('utf-8')}</style>\n</head>\n<body>"
        yield '<a class="skip" href="#main">To the text</a>'
        yield f"<header>\n<h1>{title}</h1>"
        yield f'<p class="faint">Version {escape(info["version"])}. For programs:'
        yield '<a href="openapi.json">openapi.json</a>'
        yield f"(OpenAPI {self._document['openapi']}).</p>\n</header>"
        yield from self._navigation()
        yield f'<main id="main">\n{text(info["description"])}'
        yield from self._who()
        for tag in self._document["tags"]:
            yield f'<h2 id="{_id(tag["name"])}">{escape(tag["name"].capitalize())}</h2>\n{text(tag["description"])}'
            for method, path, operation, shared in self._operations:
                if tag["name"] in operation["tags"]:
                    yield from self._operation(method, path, operation, shared)
        yield from self._objects()
        yield from self._codes()
        yield f'</main>\n<footer><p class="faint">Licence: {escape(info["license"]["name"])}.</p></footer>'
        yield "</body>\n</html>"

    def _navigation(self) -> Iterator[str]:
        yield '<nav aria-label="Contents">'
        for tag in self._document["tags"]:
            yield f'<h2><a href="#{_id(tag["name"])}">{escape(tag["name"].capitalize())}</a></h2>\n<ul>'
            for method, path, operation, _ in self._operations:
                if tag["name"] in operation["tags"]:
                    yield f'<li><a href="#{operation["operationId"]}">{_method(method)}{escape(_short(path))}</a></li>'
            yield "</ul>"
        yield "<h2>More</h2>\n<ul>"
        for name, shown_as in (("who", "Who is asking"), ("objects", "Objects"), ("codes", "Error codes")):
            yield f'<li><a href="#{name}">{shown_as}</a></li>'
        yield "</ul>\n</nav>"

    def _who(self) -> Iterator[str]:
        yield '<h2 id="who">Who is asking</h2>\n<p>In one of these ways, of which a service knows one:</p>\n<dl>'
        for scheme in self._document["components"]["securitySchemes"].values():
            name = scheme.get("name") or "Authorization"
            yield f"<dt><code>{escape(name)}</code></dt><dd>{text(scheme['description'])}</dd>"
        yield "</dl>\n<p>In the examples <code>$URL</code> is where the service is, as in "
        yield "<code>http://127.0.0.1:8080</code>.</p>"

    def _operation(self, method: str, path: str, operation: Node, shared: list[Node]) -> Iterator[str]:
        name = operation["operationId"]
        yield f'<section aria-labelledby="{name}">'
        heading = f'{_method(method)}<code class="path">{escape(path)}</code>'
        yield f'<h3 id="{name}"><a href="#{name}">{heading}</a></h3>'
        yield f"<p><strong>{text(operation['summary'], inline=True)}</strong></p>"
        if "description" in operation:
            yield text(operation["description"])
        if operation.get("security") == []:
            yield '<p class="faint">Asks for no user.</p>'
        parameters = [self._words.resolved(one) for one in (*shared, *operation.get("parameters", ()))]
        yield from self._parameters(parameters)
        if "requestBody" in operation:
            yield from self._body(operation["requestBody"])
        command = escape(self._curl(method, path, operation, parameters), quote=False)
        yield f"<h4>Example</h4>\n<pre><code>{command}</code></pre>"
        yield "<h4>Answers</h4>"
        yield from self._answers(operation["responses"])
        yield "</section>"

    def _parameters(self, parameters: list[Node]) -> Iterator[str]:
        if parameters:
            yield "<h4>Parameters</h4>\n<dl>"
            for one in parameters:
                where = f"in the {one['in']}" if one["in"] != "header" else "header"
                yield self._entry(one["name"], one["schema"], one.get("description", ""), where, one.get("required"))
            yield "</dl>"

    def _entry(self, name: str, schema: Node, about: str, where: str = "", must: Any = None) -> str:
        required = ' <span class="must">required</span>' if must else ""
        about = about or ("" if self._words.name_of(schema) else self._words.resolved(schema).get("description", ""))
        of = ", ".join(part for part in (where, self._words.kind(schema)) if part)
        about = text(about) if about else ""
        return f'<dt><code>{escape(name)}</code>{required}</dt><dd><p class="faint">{of}</p>{about}</dd>'

    def _body(self, body: Node) -> Iterator[str]:
        yield "<h4>Body</h4>"
        by_schema: dict[str, list[str]] = {}
        for kind, content in body["content"].items():
            by_schema.setdefault(json.dumps(content["schema"]), []).append(kind)
        for schema, kinds in by_schema.items():
            node = json.loads(schema)
            yield f"<p>{', '.join(f'<code>{escape(kind)}</code>' for kind in kinds)}: {self._about(node)}</p>"
            if "properties" in node:
                yield from self._members(node)

    def _about(self, node: Node) -> str:
        name = self._words.name_of(node)
        return (
            self._words.kind(node)
            if name
            else text(self._words.resolved(node).get("description", "a form"), inline=True)
        )

    def _members(self, schema: Node) -> Iterator[str]:
        yield "<dl>"
        for name, part in schema["properties"].items():
            yield self._entry(name, part, "", must=name in schema.get("required", ()))
        yield "</dl>"

    def _answers(self, responses: Node) -> Iterator[str]:
        yield "<dl>"
        for status, one in responses.items():
            answer = self._words.resolved(one)
            yield f"<dt>{status} {HTTPStatus(int(status)).phrase}</dt><dd>{text(answer['description'])}"
            yield from self._content(answer)
            yield "</dd>"
        yield "</dl>"

    def _content(self, answer: Node) -> Iterator[str]:
        schemas: dict[str, Node] = {kind: one.get("schema", {}) for kind, one in answer.get("content", {}).items()}
        sound = {kind: schema for kind, schema in schemas.items() if not self._words.problem_codes(schema)}
        schema = next((one for one in sound.values() if one), {})
        if sound:
            of = f": {self._words.kind(schema)}" if self._words.name_of(schema) else ""
            yield f"<p>{', '.join(f'<code>{kind}</code>' for kind in sound)}{of}</p>"
        codes = dict.fromkeys(code for one in schemas.values() for code in self._words.problem_codes(one))
        if codes:
            listed = ", ".join(f'<a href="#code-{code}"><code>{code}</code></a>' for code in codes)
            yield f"<p>Problem with <code>code</code> {listed}.</p>"
        if headers := answer.get("headers"):
            yield "<details><summary>Headers</summary><dl>"
            for name, header in headers.items():
                found = self._words.resolved(header)
                yield self._entry(name, found["schema"], found.get("description", ""), must=found.get("required"))
            yield "</dl></details>"
        example = self._example(answer, schema) if sound else None
        if example is not None:
            yield f"<details><summary>Example</summary>{shown(example)}</details>"

    def _example(self, answer: Node, schema: Node) -> Any:
        given = [content["example"] for content in answer.get("content", {}).values() if "example" in content]
        return given[0] if given else self._words.example(schema) if schema else None

    def _curl(self, method: str, path: str, operation: Node, parameters: list[Node]) -> str:
        words = ["curl"] if method in ("get", "post") else ["curl", "-X", method.upper()]
        if operation.get("security") != []:
            words += ["-H", USER]
        kinds = operation.get("requestBody", {}).get("content", {})
        if kinds and (kind := next(iter(kinds))).startswith("image/"):
            words += ["-H", f"Content-Type: {kind}", "--data-binary", f"@{PICTURE}"]
        elif kinds:
            words += ["-H", f"Content-Type: {kind}", "-d", json.dumps(self._words.example(kinds[kind]["schema"]))]
        query = []
        for one in parameters:
            if one["in"] == "path":
                path = path.replace(f"{{{one['name']}}}", str(one.get("example") or self._words.example(one["schema"])))
            elif one["in"] == "query" and "example" in one and kinds:
                given = one["example"]
                query.append((one["name"], ",".join(given) if isinstance(given, list) else given))
        url = f"$URL{path}" + (f"?{urlencode(query, safe=',')}" if query else "")
        return shlex.join(words) + f' "{url}"'

    def _objects(self) -> Iterator[str]:
        yield '<h2 id="objects">Objects</h2>'
        for name, schema in self._schemas.items():
            if "properties" not in schema:
                continue
            yield f'<section aria-labelledby="{name}">\n<h3 id="{name}">{name}</h3>'
            if "description" in schema:
                yield text(schema["description"])
            yield from self._members(schema)
            if (example := self._words.example(schema)) is not None:
                yield f"<details><summary>Example</summary>{shown(example)}</details>"
            yield "</section>"

    def _codes(self) -> Iterator[str]:
        yield '<h2 id="codes">Error codes</h2>'
        calls: dict[str, list[str]] = {}
        for method, path, operation, _ in self._operations:
            for answer in operation["responses"].values():
                for content in self._words.resolved(answer).get("content", {}).values():
                    for code in self._words.problem_codes(content.get("schema", {})):
                        place = f'<a href="#{operation["operationId"]}">{method.upper()} {escape(_short(path))}</a>'
                        calls.setdefault(code, []).append(place)
        every = len([one for one in self._operations if one[2].get("security") != []])
        for name, schema in self._schemas.items():
            if not name.endswith("Code"):
                continue
            yield f"<p>{text(schema['description'], inline=True)}</p>\n<dl>"
            for code in schema["enum"]:
                places = list(dict.fromkeys(calls.pop(code, ())))
                of = "every call" if len(places) >= every else ", ".join(places)
                of = of or '<span class="faint">as a reason only</span>'
                yield f'<dt id="code-{code}"><code>{code}</code></dt><dd>{of}</dd>'
            yield "</dl>"


def _method(method: str) -> str:
    return f'<span class="method {method}">{method.upper()}</span>'


def _short(path: str) -> str:
    return path.replace("{image_id}", "{id}")


def _id(name: str) -> str:
    return f"about-{name.replace(' ', '-')}"
