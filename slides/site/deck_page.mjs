// A deck as a page: its slides filled in, rendered by Marp, and made part of the site.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readFrontMatter, readSlides } from "./deck.mjs";
import { fillSlide } from "./directives.mjs";
import { escape } from "./html.mjs";
import { checkSources, renderSources } from "./sources.mjs";

/**
 * Reads a deck and looks at what can be seen without building anything.
 * @returns {{path: string, number: string, lang: string, slides: import("./deck.mjs").Slide[]}}
 */
export function openDeck(course, number, path, problems) {
  const text = course.text(path);
  const slides = readSlides(text);
  const complain = (line, what) => problems.add(path, line, what);
  const names = new Map();
  for (const slide of slides) {
    checkSources(course, slide, complain);
    if (!slide.title) complain(slide.line, `slide ${slide.number} has no heading`);
    if (!slide.notes && slide.level !== 1) complain(slide.line, `slide ${slide.number} "${slide.title}" has no notes for the speaker`);
    if (!slide.anchor) continue;
    if (names.has(slide.anchor)) complain(slide.line, `{#${slide.anchor}} is the name of slide ${names.get(slide.anchor)} already`);
    names.set(slide.anchor, slide.number);
  }
  const lang = readFrontMatter(text).values.lang ?? path.match(/^slides\/([\w-]+)\/\d/)?.[1] ?? "en";
  return { path, number, lang, slides };
}

/** Every check's `slide = "#name"` must lead to a slide of its lab's deck. */
export function checkSlideLinks(lab, deck, problems) {
  for (const check of lab.checks) {
    const name = check.slide?.replace(/^#/, "");
    if (name && !deck.slides.some(({ anchor }) => anchor === name)) {
      problems.add(lab.manifest, check.line, `check ${check.name}: ${deck.path} has no slide {#${name}}`);
    }
  }
}

/** The deck in Marp's Markdown, everything filled in. `up` leads from its page to the site's root. */
export async function fillDeck(deck, setting, up) {
  const parts = [];
  for (const slide of deck.slides) {
    const lines = await fillSlide(slide, setting);
    parts.push([
      ...(slide.level === 1 ? ["<!-- _class: title -->", "<!-- _paginate: false -->", ""] : []),
      lines.join("\n").trim(),
      "",
      renderSources(setting.course, slide, up),
      "",
      slide.notes ? `<!--\n${slide.notes.replaceAll("--", "-\u2060-")}\n-->` : "",
    ].join("\n"));
  }
  const head = ["---", "marp: true", "theme: wirelab", "paginate: true", `lang: ${deck.lang}`, `title: ${JSON.stringify(titleOf(deck))}`, "---", ""];
  return head.join("\n") + parts.join("\n\n---\n\n");
}

/** The deck's title with its words filled in comes from its first slide. */
export const titleOf = (deck) => deck.title ?? deck.slides[0]?.title ?? deck.path;

/** What a deck's page has besides Marp's: the names of its slides, and the way back to the site. */
export function finishPage(html, deck, up, assets) {
  const names = Object.fromEntries(deck.slides.filter(({ anchor }) => anchor).map(({ anchor, number }) => [anchor, number]));
  const script = readFileSync(join(assets, "deck.js"), "utf8");
  const home = up ? `<a class="home" href="${up}index.html">${escape("wirelab")}</a>` : "";
  return html
    .replace(/<meta (?:property="og:|name="twitter:)[^>]*>/g, "")
    .replace("<body>", () => `<body>${home}<script>const slideNames = ${JSON.stringify(names)};\n${script}</script>`);
}
