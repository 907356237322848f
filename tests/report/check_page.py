#!/usr/bin/env python3
"""Check a page of apd report: check_page.py PAGE [--figure NAME]... [--without TEXT]... [--unmarked TEXT]...
    [--shows TEXT]...

Well-formed as HTML, with a policy that allows nothing, no element or attribute that runs or loads, JSON that can be read, a
table or JSON of each figure's numbers, and a script of each figure beside it. --shows: as text, after entities are decoded;
--without: neither in the page nor in a file beside it; --unmarked: not in the page as it is written.
"""
import argparse
import html.parser
import json
import os
import sys

VOID = {"meta", "link", "img", "br"}
OPTIONAL = {"td", "tr", "th"}  # whose end tags HTML lets be left out


def demand(holds, what):
    if not holds:
        sys.exit("check_page: " + str(what))


class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.texts, self.json, self.ids, self.hrefs = [], [], None, [], []
        self.policy = None

    def handle_starttag(self, tag, pairs):
        given = dict(pairs)
        demand(len(given) == len(pairs), f"an attribute twice in <{tag}>")
        for name, value in pairs:
            demand(not name.startswith("on"), f"<{tag} {name}>")
            if name in ("src", "href", "xlink:href"):
                demand(value.startswith(("#", "data:image/png;base64,", "data:,")), f"<{tag} {name}={value[:60]}>")
        demand(tag not in ("iframe", "object", "embed", "base", "form", "foreignobject", "animate", "set"), f"<{tag}>")
        if tag == "script":
            demand(given.get("type") == "application/json" and given.get("id") == "data", f"<script {given}>")
        if tag == "meta" and given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"]
        if "id" in given:
            self.ids.append(given["id"])
        if "href" in given and given["href"].startswith("#"):
            self.hrefs.append(given["href"][1:])
        if tag not in VOID:
            while tag in ("tr", "td", "th") and self.open and self.open[-1] in ("td", "th"):
                self.open.pop()
            self.open.append(tag)

    def handle_startendtag(self, tag, pairs):
        self.handle_starttag(tag, pairs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        while self.open and self.open[-1] in OPTIONAL and self.open[-1] != tag:
            self.open.pop()
        demand(self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]} in line {self.getpos()}")
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.json = (self.json or "") + data
        else:
            self.texts.append(data)


def check_json(text, folder, figures):
    data = json.loads(text)
    names = [figure["name"] for figure in data["figures"]]
    demand(len(set(names)) == len(names), f"names twice: {names}")
    for name in figures:
        demand(name in names, f"no figure {name} among {names}")
    for figure in data["figures"]:
        demand(os.path.exists(os.path.join(folder, "figures", figure["name"] + ".gp")), f"no script of {figure['name']}")
        demand(figure["sheets"], f"{figure['name']} has no numbers")
        for sheet in figure["sheets"]:
            width = len(sheet.get("columns", [])) or len(sheet["rows"][-1])
            for row in sheet["rows"]:
                demand(len(row) == width or "columns" not in sheet, f"{figure['name']}: a row of {len(row)}")
                for cell in row:
                    demand(cell is None or isinstance(cell, (int, float)), f"{figure['name']}: {cell}")
    return data


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    for option in ("--figure", "--without", "--unmarked", "--shows"):
        parser.add_argument(option, action="append", default=[])
    asked = parser.parse_args()
    with open(asked.page, "rb") as file:
        raw = file.read().decode("utf-8")
    page = Page()
    page.feed(raw)
    page.close()
    demand(not page.open, f"left open: {page.open}")
    demand(page.policy is not None and page.policy.startswith("default-src 'none'") and
           "script-src" not in page.policy, f"policy: {page.policy}")
    demand("http:" not in raw and "https:" not in raw, "an address of the network")
    demand(len(set(page.ids)) == len(page.ids), "an id twice: " +
           str([name for name in page.ids if page.ids.count(name) > 1][:3]))
    demand(set(page.hrefs) <= set(page.ids), f"references to nothing: {set(page.hrefs) - set(page.ids)}")
    folder = os.path.dirname(asked.page) or "."
    data = check_json(page.json, folder, asked.figure)
    shown = "".join(page.texts) + json.dumps(data, ensure_ascii=False)
    for text in asked.shows:
        demand(text in shown, f"does not show {text}")
    everything = raw + json.dumps(data, ensure_ascii=False)
    for name in sorted(os.listdir(os.path.join(folder, "figures"))):
        with open(os.path.join(folder, "figures", name), "rb") as file:
            everything += file.read().decode("utf-8", "replace")
    for text in asked.without:
        demand(text not in everything and text not in shown, f"has {text}")
    for text in asked.unmarked:
        demand(text not in raw, f"has {text}")
    print(f"{asked.page}: {len(raw)} bytes, {len(data['figures'])} figures")


if __name__ == "__main__":
    main()
