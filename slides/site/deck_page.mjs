// A deck as a page: its slides filled in, rendered by Marp, and made part of the site.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { inCode, readSlides } from "./deck.mjs";
import { fillSlide } from "./directives.mjs";
import { escape } from "./html.mjs";
import { rewriteMarkdown } from "./links.mjs";
import { checkSources, needsSources, renderSources } from "./sources.mjs";
import { withoutRecord } from "./translations.mjs";
import { fillWords } from "./words.mjs";

/**
 * Reads a deck and looks at what can be seen without building anything.
 * @returns {{path: string, number: string, lang: string, name: string, slides: import("./deck.mjs").Slide[]}}
 */
export function openDeck(course, number, path, problems) {
  const slides = readSlides(withoutRecord(course.text(path)));
  const complain = (line, what) => problems.add(path, line, what);
  const names = new Map();
  for (const slide of slides) {
    checkSources(course, slide, complain);
    if (!slide.title) complain(slide.line, `slide ${slide.number} has no heading`);
    if (!slide.notes && needsSources(slide)) complain(slide.line, `slide ${slide.number} "${slide.title}" has no notes for the speaker`);
    if (!slide.anchor) continue;
    if (names.has(slide.anchor)) complain(slide.line, `{#${slide.anchor}} is the name of slide ${names.get(slide.anchor)} already`);
    names.set(slide.anchor, slide.number);
  }
  const lang = path.match(/^slides\/([\w-]+)\/\d/)?.[1] ?? "en";
  const name = path.replace(/^slides\//, "").replace(/\.md$/, "");
  return { path, number, lang, name, lab: course.lab(number)?.id, slides };
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

/**
 * Fills in all slides of a deck: each gets `filled`, its part of Marp's Markdown.
 * @param {string} up  leads from the deck's page to the site's root
 * @param {(link: string, line: number) => string} rewrite  gives links their addresses in the site
 */
export async function fillDeck(deck, setting, up, rewrite = (link) => link) {
  deck.title = fillWords(setting.course, deck.slides[0]?.title ?? "", () => {});
  for (const slide of deck.slides) {
    const lines = await fillSlide(slide, setting);
    const code = inCode(slide.lines);
    const linked = lines.map((line, i) => (code[i] || line.startsWith("<") ? line : rewriteMarkdown(line, (link) => rewrite(link, slide.at[i]))));
    // Within <summary> Marp reads no Markdown.
    slide.filled = linked.join("\n").trim().replace(/<summary>[\s\S]*?<\/summary>/g, (text) => text.replace(/`([^`]+)`/g, (_, code) => `<code>${escape(code)}</code>`));
    slide.foot = renderSources(setting.course, slide, up);
  }
}

/** The deck in Marp's Markdown. For paper the questions' answers, which are folded away, follow on slides of their own. */
export function composeDeck(deck, forPaper = false) {
  const parts = [];
  for (const slide of deck.slides) {
    const title = slide.level === 1 ? "<!-- _class: title -->\n<!-- _paginate: false -->\n" : "";
    const notes = slide.notes ? `<!--\n${slide.notes.replaceAll("--", "-\u2060-")}\n-->` : "";
    parts.push([title, slide.filled, slide.foot, notes].join("\n\n"));
    if (forPaper) parts.push(...answerSlides(slide));
  }
  const head = ["---", "marp: true", "theme: wirelab", "paginate: true", `lang: ${deck.lang}`, `title: ${JSON.stringify(titleOf(deck))}`, "---", ""];
  return head.join("\n") + parts.join("\n\n---\n\n");
}

/** The questions of a slide: what is asked, and the answer in Markdown. */
export const questionsOf = (slide) =>
  [...(slide.filled ?? slide.lines.join("\n")).matchAll(/<details>\s*<summary>([\s\S]*?)<\/summary>([\s\S]*?)<\/details>/g)].map(([, question, answer]) => ({ question, answer: answer.trim() }));

function answerSlides(slide) {
  const room = 1050; // letters that one slide holds
  const slides = [];
  let used = Infinity;
  for (const { question, answer } of questionsOf(slide)) {
    const length = question.length + answer.length + 60;
    if (used + length > room) {
      slides.push(`<!-- _class: answers -->\n\n## ${slide.lines.find((line) => line.startsWith("#"))?.replace(/^#+ /, "") ?? ""} →`);
      used = 0;
    }
    slides[slides.length - 1] += `\n\n<p class="question">${question}</p>\n\n${answer}`;
    used += length;
  }
  return slides;
}

/** The deck's title with its words filled in comes from its first slide. */
export const titleOf = (deck) => deck.title ?? deck.slides[0]?.title ?? deck.path;

/** What a deck's page has besides Marp's: the names of its slides, and the way back to the site. */
export function finishPage(html, deck, up, assets) {
  const names = Object.fromEntries(deck.slides.filter(({ anchor }) => anchor).map(({ anchor, number }) => [anchor, number]));
  const script = readFileSync(join(assets, "deck.js"), "utf8");
  const style = readFileSync(join(assets, "deck.css"), "utf8");
  const home = up ? `<a class="home" href="${up}${deck.number === "00" ? "index" : `labs/${deck.lab}`}.html" lang="en">wirelab</a>` : "";
  return html
    .replace(/<meta (?:property="og:|name="twitter:)[^>]*>/g, "")
    .replace("</head>", () => `<style>${style}</style></head>`)
    .replace("<body>", () => `<body>${home}<script>const slideNames = ${JSON.stringify(names)};\n${script}</script>`);
}
