// The glossary: one line a term in slides/glossary.md,
//
//     **idempotent**: of a request: carrying it out several times is as good as once ([slide](05-x.md#idempotence)).

import { rewriteMarkdown } from "./links.mjs";
import { markdown, slug } from "./markdown.mjs";
import { withoutRecord } from "./translations.mjs";

export const glossaryFile = "slides/glossary.md";

/** @returns {{term: string, id: string, html: string, decks: string[], line: number}[]} in the order of the alphabet */
export function readGlossary(course, map, problems) {
  const text = course.text(glossaryFile);
  if (text === undefined) {
    problems.add(glossaryFile, 0, "no such file");
    return [];
  }
  const terms = [];
  withoutRecord(text).split("\n").forEach((line, i) => {
    const [, term, said] = line.match(/^(?:[-*] )?\*\*(.+?)\*\*(?::| [–—-]) *(.*)$/) ?? [];
    if (term) terms.push({ term, id: slug(term), said, line: i + 1 });
    else if (terms.length && line.trim() && !line.startsWith("#") && !line.startsWith("<!--")) terms.at(-1).said += " " + line.trim();
  });
  const ids = new Map();
  for (const one of terms) {
    if (ids.has(one.id)) problems.add(glossaryFile, one.line, `${one.term} stands in line ${ids.get(one.id)} already`);
    ids.set(one.id, one.line);
    one.decks = [...one.said.matchAll(/\]\((\d\d)-/g)].map(([, number]) => number);
    const rewrite = (link) => map.address(link, glossaryFile, "glossary.html", (text) => problems.add(glossaryFile, one.line, text));
    one.html = markdown().renderInline(rewriteMarkdown(one.said, rewrite));
  }
  return terms.sort((a, b) => a.term.replace(/[`*]/g, "").localeCompare(b.term.replace(/[`*]/g, ""), "en", { sensitivity: "base" }));
}
