// What can be found: sections of handouts, slides with their notes, checks, words, names of the reference. The index
// is made in the reader's browser, of a file of plain text: so it works without a server.

import { plainText, sectionsOf, slug } from "./markdown.mjs";

/**
 * @typedef {{title: string, where: string, page: string, text: string}} Entry
 * @returns {string}  a script
 */
export const searchScript = (entries) => `window.wirelabSearch(${JSON.stringify(entries).replaceAll("<", "\\u003c")});\n`;

const withoutMarks = (text) => text.replace(/[`*|~]|\|?-{3,}\|?/g, " ").replace(/\s+/g, " ").trim();

/** Slides, and what is said about them. */
export const deckEntries = (deck) =>
  deck.slides.map((slide) => ({
    title: slide.title || deck.title,
    where: `Slides · ${deck.title}`,
    page: `slides/${deck.name}.html#${slide.anchor || slide.number}`,
    text: withoutMarks(plainText(`${(slide.filled ?? "").replace(/^#.*$/m, "")} ${slide.notes}`)),
  }));

/** A handout's sections. */
export function handoutEntries(text, title, page) {
  return sectionsOf(text).map((section, i) => ({
    title: section.title.replace(/[`*]/g, ""),
    where: `Handout · ${title}`,
    page: i ? `${page}#${slug(section.title.replace(/[`*]/g, ""))}` : page,
    text: withoutMarks(section.text.replace(/^#.*$/m, "")),
  }));
}

export const checkEntries = (lab) =>
  lab.checks.map((check) => ({ title: check.title.replace(/`/g, ""), where: `Check · lab ${lab.number}`, page: `labs/${lab.id}.html#${check.name}`, text: `${check.name} ${check.concept}` }));

export const glossaryEntries = (terms) =>
  terms.map(({ term, id, html }) => ({ title: term.replace(/[`*]/g, ""), where: "Glossary", page: `glossary.html#${id}`, text: plainText(html) }));

export const referenceEntries = (names) => names.map(({ name, kind, page }) => ({ title: name, where: `Reference · ${kind}`, page: `api/${page}`, text: "" }));
