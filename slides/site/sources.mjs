// The line `§ ...`: how each claim of a slide is known. Its parts are looked up, and become links.

import { escape } from "./html.mjs";

/** Titles of slides that claim nothing, in the languages of the decks. */
const free = /^(questions|summary|what to build|further reading|what to read|further|복습|요약|질문|물음|더 읽을|問題|提問|自我檢測|摘要|總結|重點|延伸閱讀|進一步閱讀)/i;

/** Whether a slide must say how its claims are known. */
export const needsSources = (slide) =>
  slide.number > 1 && !free.test(slide.title) && !slide.directives.some(({ kind }) => kind === "checks");

/**
 * Looks up the checks and tests that a slide names.
 * @param {import("./course.mjs").Course} course
 * @param {(line: number, text: string) => void} complain
 */
export function checkSources(course, slide, complain) {
  if (!slide.sources.length) {
    if (needsSources(slide)) complain(slide.line, `slide ${slide.number} "${slide.title}" has no line "§ ..."`);
    return;
  }
  for (const part of slide.sources) {
    const check = part.match(/^check\b\s*(?:(\d\d)\/(\w+))?/);
    const test = part.match(/^test\b\s*(?:(\d\d)\.(\w+))?/);
    if (check && !course.lab(check[1])?.checks.some(({ name }) => name === check[2])) complain(slide.sourcesLine, `no such check: ${part}`);
    if (test && !course.hasClaim(test[1], test[2])) complain(slide.sourcesLine, `no such test in tests/claims/${test[1] ?? "NN"}.cc: ${part}`);
  }
}

/** The line as HTML. `up` leads from the page to the site's root: "../". */
export function renderSources(course, slide, up) {
  if (!slide.sources.length) return "";
  return `<p class="sources">§ ${slide.sources.map((part) => renderPart(course, part, up)).join(" · ")}</p>`;
}

function renderPart(course, part, up) {
  const link = (address, text) => `<a href="${escape(address)}">${escape(text)}</a>`;
  const rfc = part.match(/^RFC (\d+)(?:, ([A-Z]?[\d.]*\d))?/);
  if (rfc) {
    const section = rfc[2] ? `#${/^[A-Z]/.test(rfc[2]) ? "appendix" : "section"}-${rfc[2]}` : "";
    return link(`https://www.rfc-editor.org/rfc/rfc${Number(rfc[1])}${section}`, rfc[0]) + escape(part.slice(rfc[0].length));
  }
  const man = part.match(/^man (\d) ([\w.-]+)/);
  if (man) return link(`https://man7.org/linux/man-pages/man${man[1]}/${man[2]}.${man[1]}.html`, man[0]) + escape(part.slice(man[0].length));
  const check = part.match(/^check (\d\d)\/(\w+)/);
  if (check) return link(`${up}labs/${course.lab(check[1])?.id}.html#${check[2]}`, check[0]) + escape(part.slice(check[0].length));
  return escape(part);
}
