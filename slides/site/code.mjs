// `@code`: a piece of a source file, found by the name of a function or by the text of its first and last lines.

import { escape } from "./html.mjs";
import { load } from "./packages.mjs";

/** The lines of `text` from `first` to `last` (both included), less the blanks that all of them begin with. */
function cut(lines, first, last) {
  const piece = lines.slice(first, last + 1);
  const indents = piece.filter((line) => line.trim()).map((line) => line.match(/^ */)[0].length);
  const least = Math.min(...indents);
  return { code: piece.map((line) => line.slice(least)).join("\n").trimEnd(), first: first + 1, last: last + 1 };
}

/** The same text with comments, strings and characters blanked out, so that brackets can be counted. */
export function blanked(text) {
  return text.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-zA-Z])'(?:\\.|[^'\\\n])+'/g, (found) =>
    found.replace(/[^\n]/g, " "),
  );
}

function matching(text, open) {
  const closer = { "(": ")", "{": "}" }[text[open]];
  for (let depth = 0, i = open; i < text.length; ++i) {
    if (text[i] === text[open]) ++depth;
    if (text[i] === closer && --depth === 0) return i;
  }
  return -1;
}

/** Where a function (or class) of this name is defined: the offsets of its name and of its closing brace. */
function definitions(bare, name) {
  const found = [];
  const functions = new RegExp(`(?<![\\w.>])(?:\\w+::)*${name.replace("~", "~")}\\s*\\(`, "g");
  for (const hit of bare.matchAll(functions)) {
    const close = matching(bare, hit.index + hit[0].length - 1);
    const body = bare.slice(close + 1).match(/^\s*(?:const\b\s*|noexcept\b\s*|override\b\s*|final\b\s*)*(?:->[\w\s:<>,&*]+?|:(?!:)[^;{}]*(?:\{[^{}]*\}[^;{}]*)*?)?\s*\{/);
    if (close < 0 || !body) continue;
    found.push({ at: hit.index, end: matching(bare, close + body[0].length) });
  }
  for (const hit of bare.matchAll(new RegExp(`\\b(?:class|struct|enum(?: class)?|union)\\s+${name}\\b[^;{()]*\\{`, "g"))) {
    found.push({ at: hit.index, end: matching(bare, hit.index + hit[0].length - 1) });
  }
  return found;
}

const lineOf = (text, offset) => text.slice(0, offset).split("\n").length - 1;

/** The first line of the declaration that line `at` belongs to, with the comment above it. */
function firstLine(lines, bareLines, at) {
  let first = at;
  while (first > 0) {
    const above = lines[first - 1].trim();
    const comment = above.startsWith("//") || above.startsWith("*") || above.startsWith("/*");
    const ends = /[;{}:]$/.test(bareLines[first - 1].trim()) || above.startsWith("#");
    if (above === "" || (!comment && ends)) break;
    --first;
  }
  return first;
}

/**
 * @param {string} text     the source file
 * @param {{fn?: string, from?: string, to?: string}} options
 * @returns {{code: string, first: number, last: number} | {error: string}}  lines counted from 1
 */
export function findCode(text, { fn, from, to }) {
  const lines = text.split("\n");
  const bare = blanked(text);
  let first = 0;
  let last = lines.length - 1;
  if (fn) {
    const found = definitions(bare, fn);
    if (found.length === 0) return { error: `no function ${fn}` };
    if (found.length > 1 && !from) return { error: `${found.length} functions ${fn}; say which with from="..."` };
    const chosen = found.find((one) => !from || text.slice(one.at, one.end).includes(from)) ?? found[0];
    first = firstLine(lines, bare.split("\n"), lineOf(bare, chosen.at));
    last = lineOf(bare, chosen.end) + 0;
    const semicolon = bare[chosen.end + 1] === ";";
    if (semicolon) last = lineOf(bare, chosen.end + 1);
  }
  if (from) {
    const begin = lines.findIndex((line, i) => i >= first && i <= last && line.includes(from));
    if (begin < 0) return { error: `no line contains from="${from}"` };
    first = begin;
  }
  if (to) {
    const end = lines.findIndex((line, i) => i > first && i <= last && line.includes(to));
    if (end < 0) return { error: `no line after line ${first + 1} contains to="${to}"` };
    last = end;
  } else if (from && !fn) {
    return { error: 'from="..." needs to="..."' };
  }
  return cut(lines, first, last);
}

/** Code, or what a program printed, as HTML. Slides make their letters as large as the widest line allows. */
export function listing(code, path) {
  const language = /\.(cc|hh|h|c)$/.test(path) ? "cpp" : { py: "python", sh: "bash", toml: "ini" }[path.match(/\.(\w+)$/)?.[1]];
  const highlight = load("highlight.js").highlight;
  const html = language ? highlight(code, { language }).value : escape(code);
  const columns = Math.max(...code.split("\n").map((line) => line.length));
  return `<pre tabindex="0" style="--columns:${columns};--lines:${code.split("\n").length}"><code>${html}</code></pre>`;
}
