// For authors: one deck (or sheet), quickly, and how much room each slide needs.

import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { withBrowser } from "./browser.mjs";
import { checkSlideLinks, composeDeck, fillDeck, finishPage, openDeck } from "./deck_page.mjs";
import { wantedRun } from "./directives.mjs";
import { renderDecks } from "./marp.mjs";
import { measureSlides } from "./measure.mjs";

/**
 * Builds one deck into the folder `out`: DECK.html, and with `pictures` DECK-07.png for each slide.
 * @param {import("./main.mjs").Site} site
 * @returns {Promise<void>}  what is wrong is in site.problems
 */
export async function buildOneDeck(site, number, { lang = "en", out, pictures = false, dark = false }) {
  const { course, runs, problems, say } = site;
  const english = course.deck(number);
  const path = english && lang !== "en" ? english.replace("slides/", `slides/${lang}/`) : english;
  if (!path || course.text(path) === undefined) return problems.add(path ?? `deck ${number}`, 0, "no such deck");
  const deck = openDeck(course, number, path, problems);
  if (course.lab(number)) checkSlideLinks(course.lab(number), deck, problems);
  const wanted = deck.slides.flatMap(({ directives }) => directives).map((one) => wantedRun(course, one)).filter(Boolean);
  const troubles = await runs.make(wanted, say);
  const complain = (line, text) => problems.add(path, line, text);
  await fillDeck(deck, { course, runs, troubles, lang: deck.lang, complain }, "");
  const name = deck.name.replace("/", "-");
  const folder = join(site.state, `marp-${process.pid}`);
  const [html, bare] = await renderDecks([
    { name, markdown: composeDeck(deck), template: "bespoke" },
    { name, markdown: composeDeck(deck, true), template: "bare" },
  ], site.theme, folder);
  mkdirSync(out, { recursive: true });
  const file = join(out, `${name}.html`);
  writeFileSync(file, finishPage(html, deck, "", site.assets));
  const slides = join(out, `.${name}.slides.html`);
  writeFileSync(slides, bare);
  await withBrowser(async (browser) => {
    const page = await browser.newPage({ viewport: { width: 1280, height: 720 }, colorScheme: dark ? "dark" : "light" });
    await page.goto(pathToFileURL(resolve(slides)).href);
    for (const { slide, text } of await measureSlides(page)) {
      const { line, title } = deck.slides[slide - 1] ?? { ...deck.slides.at(-1), title: "the answers, on paper" };
      problems.add(path, line, `slide ${slide} "${title}": ${text}`);
    }
    if (pictures) await photograph(page, join(out, name));
  });
  say(`${file}: ${deck.slides.length} slides`);
}

async function photograph(page, prefix) {
  const sections = await page.locator("svg[data-marpit-svg]").all();
  for (const [i, section] of sections.entries()) await section.screenshot({ path: `${prefix}-${String(i + 1).padStart(2, "0")}.png` });
}
