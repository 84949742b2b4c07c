"""The page for people, as it is served: its files, what it may load, and the modules that become one script."""

import re
from itertools import chain
from pathlib import Path

import pytest

from chalicelib.api.dashboard import FILES, MEDIA_TYPES, SCRIPT, joined, page_file
from tests.api.client import Api

WIRE_MAX_BYTES = 200_000
"""The whole page, even if nothing on the way compresses it."""

MODULES = sorted(FILES.glob("*.js"))
TEXTS = {module.name: module.read_text() for module in MODULES}
IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+\.js)";$', re.MULTILINE)
IMPORT_LINE = re.compile(r"^import [^;]*;\n", re.MULTILINE)
COMMENT_LINES = re.compile(r"^ *(?:/\*\*(?:[^*]|\*(?!/))*\*/|//.*)\n", re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)
DECLARED = re.compile(r"^(export )?(?:async )?(?:function|const|let|class) (\w+)", re.MULTILINE)


@pytest.fixture
def api() -> Api:
    return Api()


def imports_of(text: str) -> list[tuple[list[str], str]]:
    return [([each.strip() for each in names.split(",") if each.strip()], file) for names, file in IMPORT.findall(text)]


@pytest.mark.parametrize("path", ["/api/dashboard", "/api/dashboard/", "/dashboard"])
@pytest.mark.asvs("3.4.3")
def test_the_page_loads_its_own_files_and_nothing_else(api: Api, path: str) -> None:
    context = {"requestContext": {"httpMethod": "GET", "resourcePath": "/dashboard", "path": path}}
    page = api.send("GET", "/dashboard", overrides=context)
    assert page.status == 200
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = page.headers["Content-Security-Policy"].split("; ")
    assert policy[0] == "default-src 'none'"
    assert {"script-src 'self'", "style-src 'self'", "connect-src 'self'"} <= set(policy)
    assert {"require-trusted-types-for 'script'", "trusted-types 'none'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    folder = "" if path.endswith("/") else "dashboard/"
    for name in MEDIA_TYPES:
        assert f'="{folder}{name}?{page_file(name).version}"' in page.text
    assert not re.search(r"<script(?! type=\"module\" src=)|\son\w+=|\sstyle=|<style", page.text), "something is inline"
    assert not re.search(r"(?:src|href)=\"https?:", page.text)


def test_files_are_kept_for_good_and_the_page_is_asked_for_again(api: Api) -> None:
    for name, media_type in MEDIA_TYPES.items():
        answer = api.get(f"/dashboard/{name}", query=page_file(name).version)
        assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.text == page_file(name).text
    page = api.get("/dashboard")
    assert page.headers["Cache-Control"] == "no-cache"
    assert api.send("GET", "/dashboard", headers={"if-none-match": page.headers["ETag"]}).status == 304


@pytest.mark.parametrize("query", ["", "0123456789abcdef", "{version}&more", "v={version}"])
def test_a_file_that_is_not_of_the_version_asked_for_is_not_kept(api: Api, query: str) -> None:
    """A container of the version before may answer what the page of the next one asks for."""
    for name in MEDIA_TYPES:
        answer = api.get(f"/dashboard/{name}", query=query.format(version=page_file(name).version))
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        assert answer.text == page_file(name).text


@pytest.mark.parametrize("name", ["main.js", "..%2Fapi%2Fauth.py", "index.html", "app.js.map", "APP.JS"])
def test_no_other_file_is_given(api: Api, name: str) -> None:
    answer = api.get(f"/dashboard/{name}")
    assert answer.status == 404
    assert answer.problem["detail"] == "the page has no such file; it has app.js, style.css"


def test_the_whole_page_is_small(api: Api) -> None:
    assert sum(len(api.get(f"/dashboard{path}").text.encode()) for path in ("", *(f"/{n}" for n in MEDIA_TYPES))) < (
        WIRE_MAX_BYTES
    )


def test_the_script_has_every_module_once_behind_what_it_imports() -> None:
    script = page_file(SCRIPT).text
    assert not re.search(r"^(import|export)\b", script, re.MULTILINE)
    places = {}
    for name, text in TEXTS.items():
        body = EXPORT.sub("", COMMENT_LINES.sub("", IMPORT_LINE.sub("", text)))
        assert script.count(body) == 1, f"{name} is in the script {script.count(body)} times"
        places[name] = script.index(body)
    for name, text in TEXTS.items():
        for _, file in imports_of(text):
            assert places[file] < places[name], f"{name} is before {file}"


def test_modules_share_a_scope_so_no_two_have_a_name_in_common() -> None:
    names = [name for text in TEXTS.values() for _, name in DECLARED.findall(text)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_a_module_imports_what_is_exported_and_uses_it(module: Path) -> None:
    text = TEXTS[module.name]
    assert len(IMPORT.findall(text)) == len(re.findall(r"^import\b", text, re.MULTILINE)), "an import of another form"
    own = IMPORT.sub("", text)
    for names, file in imports_of(text):
        exported = {name for is_exported, name in DECLARED.findall(TEXTS[file]) if is_exported}
        assert set(names) <= exported, f"{file} does not export {set(names) - exported}"
        assert [name for name in names if not re.search(rf"\b{name}\b", own)] == [], "imported and not used"
    imported = set(chain.from_iterable(names for names, _ in imports_of(text)))
    foreign = {
        name
        for other, told in TEXTS.items()
        if other != module.name
        for is_exported, name in DECLARED.findall(told)
        if is_exported and name not in imported
    }
    local = {name for _, name in DECLARED.findall(text)}
    code = re.sub(r"//.*|/\*.*?\*/|\"(?:[^\"\\\n]|\\.)*\"", "", own, flags=re.DOTALL | re.ASCII)
    called = set(re.findall(r"(?<![\w.$])(\w+)\(", code))
    assert (called & foreign) - local == set(), "used and not imported: it works only because the scope is shared"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_no_module_makes_markup_or_code_of_text_or_keeps_anything_in_the_browser(module: Path) -> None:
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|sessionStorage"
    )
    assert (
        re.findall(forbidden + r"|document\.cookie|indexedDB|setAttribute\(\"style\"|\.style\b", TEXTS[module.name])
        == []
    )


def test_modules_that_import_each_other_are_joined_once(tmp_path: Path) -> None:
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\n\nexport const a = () => b;\n')
    (tmp_path / "b.js").write_text('import {\n  a,\n} from "./a.js";\n\nexport const b = () => a;\n')
    assert joined(tmp_path, "a.js") == "\nconst b = () => a;\n\n\nconst a = () => b;\n"


def test_comments_with_lines_of_their_own_are_left_out_and_no_code(tmp_path: Path) -> None:
    code = 'const a = "/** no comment */"; // said beside\nconst b = 4 /* in it */ / 2;\n'
    head = "/** Of the module. */\n\n/**\n * Of a thing,\n * in lines.\n */\n// why\n"
    (tmp_path / "a.js").write_text(f"{head}{code}  // within\n  /** and so */\nb;\n")
    assert joined(tmp_path, "a.js") == f"\n{code}b;\n"
