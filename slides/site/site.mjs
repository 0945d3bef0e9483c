// The whole site, in a folder of its own beside DIR; when nothing is wrong with it, it takes DIR's place.

import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { opening } from "./course.mjs";
import { checkSlideLinks, composeDeck, fillDeck, finishPage, openDeck, questionsOf } from "./deck_page.mjs";
import { wantedRun } from "./directives.mjs";
import { buildReference } from "./doxygen.mjs";
import { glossaryFile, readGlossary } from "./glossary.mjs";
import { SiteMap, deadLinks } from "./links.mjs";
import { markdown } from "./markdown.mjs";
import { renderDecks } from "./marp.mjs";
import { pathOf } from "./packages.mjs";
import * as pages from "./pages.mjs";
import { printAll } from "./print.mjs";
import { Trouble } from "./problems.mjs";
import * as search from "./search.mjs";
import { openSheet, sheetPage } from "./sheets.mjs";
import { checkTranslations, translations, withoutRecord } from "./translations.mjs";

const mark = ".wirelab-site"; // the file by which a site of ours is known

/** Builds the site into `out`. With `draft` it is left there in spite of problems. */
export async function buildSite(site, out, { draft = false } = {}) {
  const target = resolve(out);
  refuseOthers(target);
  mkdirSync(dirname(target), { recursive: true });
  const made = mkdtempSync(join(dirname(target), `.${basename(target)}.new-`));
  const clean = () => rmSync(made, { recursive: true, force: true });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => (clean(), process.exit(130)));
  try {
    const builder = new Builder(site, made);
    await builder.build();
    if (site.problems.count && !draft) return;
    writeFileSync(join(made, mark), "Made by ./wirelab site; it will be replaced as a whole.\n");
    replace(target, made);
    writeFileSync(join(site.state, "last.txt"), `${target}\n`); // where failed checks lead: grader/course/slide_link.hh
    site.say(`${target}/index.html: ${builder.decks.length} decks, ${builder.handouts.length} handouts, ${builder.sheets.length} sheets`);
  } finally {
    clean();
  }
}

function refuseOthers(target) {
  if (!existsSync(target)) return;
  let files;
  try {
    files = readdirSync(target);
  } catch {
    throw new Trouble(`wirelab: site ${target}: it is no folder`);
  }
  if (files.length && !files.includes(mark)) throw new Trouble(`wirelab: site ${target}: the folder holds something that is no site of ours`);
}

function replace(target, made) {
  const old = existsSync(target) ? `${made}.old` : "";
  if (old) renameSync(target, old);
  renameSync(made, target);
  if (old) rmSync(old, { recursive: true, force: true });
}

class Builder {
  decks = [];
  sheets = [];
  handouts = [];
  entries = [];
  jobs = [];

  constructor(site, folder) {
    Object.assign(this, { site, folder, course: site.course, problems: site.problems, map: new SiteMap() });
    this.work = join(site.state, `work-${process.pid}`);
  }

  async build() {
    try {
      this.open();
      checkTranslations(this.course, this.problems);
      const reference = buildReference(this.site.root, this.site.here, join(this.folder, "api"), this.work);
      const troubles = await this.makeRuns();
      await this.makeDecks(troubles);
      await this.makeSheets(troubles);
      this.makeHandouts();
      this.makeLabPages();
      this.addReference(await reference);
      this.makeFrame();
      if (this.jobs.length) this.site.say(`Printing ${this.jobs.length} PDFs`);
      await printAll(this.jobs, join(this.work, "print"));
      this.checkLinks();
    } finally {
      rmSync(this.work, { recursive: true, force: true });
    }
  }

  write(path, text) {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  /** Reads all sources, and settles where their pages will be. */
  open() {
    const { course, problems, map } = this;
    const there = (path) => (course.text(path) !== undefined ? true : (problems.add(path, 0, "no such file"), false));
    const openOne = (number, path) => {
      const deck = openDeck(course, number, path, problems);
      this.decks.push(deck);
      map.add(path, `slides/${deck.name}.html`);
      if (course.lab(number)) checkSlideLinks(course.lab(number), deck, problems);
    };
    for (const number of [opening, ...course.labs.map((lab) => lab.number)]) {
      if (there(course.deck(number))) openOne(number, course.deck(number));
    }
    for (const lab of course.labs) {
      const sheet = `slides/sheets/${lab.id}.md`;
      if (there(sheet)) this.sheets.push({ ...openSheet(course, sheet, "en"), number: lab.number });
      this.handouts.push({ lab, lang: "en", path: `labs/${lab.id}/README.md`, page: `${lab.id}.html` });
    }
    for (const { lang, path, of, lab } of translations(course)) {
      const number = basename(path).slice(0, 2);
      if (lab) this.handouts.push({ lab, lang, path, page: `${lab.id}.${lang}.html` });
      else if (of.includes("/sheets/")) this.sheets.push({ ...openSheet(course, path, lang), number });
      else openOne(number, path);
    }
    for (const { path, page } of this.handouts) map.add(path, `handouts/${page}`);
    for (const { path, name } of this.sheets) map.add(path, `sheets/${name}.pdf`);
    map.add(glossaryFile, "glossary.html");
    this.terms = readGlossary(course, map, problems);
  }

  async makeRuns() {
    const slides = [...this.decks.flatMap((deck) => deck.slides), ...this.sheets.map(({ whole }) => whole)];
    const wanted = slides.flatMap(({ directives }) => directives).map((one) => wantedRun(this.course, one)).filter(Boolean);
    const troubles = await this.site.runs.make(wanted, this.site.say);
    this.site.runs.forgetOld(wanted);
    return troubles;
  }

  setting(path, lang, troubles) {
    return { course: this.course, runs: this.site.runs, troubles, lang, complain: (line, text) => this.problems.add(path, line, text) };
  }

  linker(path, page) {
    return (link, line) => this.map.address(link, path, page, (text) => this.problems.add(path, line, text));
  }

  async makeDecks(troubles) {
    this.site.say(`Rendering ${this.decks.length} decks`);
    for (const deck of this.decks) {
      const page = `slides/${deck.name}.html`;
      deck.up = "../".repeat(page.split("/").length - 1);
      await fillDeck(deck, this.setting(deck.path, deck.lang, troubles), deck.up, this.linker(deck.path, page));
    }
    const wanted = this.decks.flatMap((deck) => [
      { name: deck.name, markdown: composeDeck(deck), template: "bespoke" },
      { name: deck.name, markdown: composeDeck(deck, true), template: "bare" },
    ]);
    const html = await renderDecks(wanted, this.site.theme, join(this.work, "marp"));
    this.decks.forEach((deck, i) => {
      this.write(`slides/${deck.name}.html`, finishPage(html[2 * i], deck, deck.up, this.site.assets));
      const md = markdown();
      deck.slides.forEach((slide) => (slide.notesHtml = md.render(slide.notes)));
      this.write(`slides/${deck.name}.notes.html`, pages.notesPage(deck));
      this.entries.push(...search.deckEntries(deck));
      const complain = ({ slide, text }) => {
        const { line, title } = deck.slides[slide - 1] ?? { ...deck.slides.at(-1), title: "the answers, on paper" };
        this.problems.add(deck.path, line, `slide ${slide} "${title}": ${text}`);
      };
      this.jobs.push({ html: html[2 * i + 1], target: join(this.folder, `slides/${deck.name}.pdf`), kind: "deck", complain });
    });
  }

  async makeSheets(troubles) {
    const style = this.site.asset("sheet.css");
    for (const sheet of this.sheets) {
      const html = await sheetPage(sheet, this.setting(sheet.path, sheet.lang, troubles), style, this.linker(sheet.path, `sheets/${sheet.name}.pdf`));
      this.jobs.push({ html, target: join(this.folder, `sheets/${sheet.name}.pdf`), kind: "sheet", complain: ({ text }) => this.problems.add(sheet.path, 1, text) });
    }
  }

  makeHandouts() {
    for (const one of this.handouts) {
      const text = withoutRecord(this.course.text(one.path));
      const md = markdown(this.linker(one.path, `handouts/${one.page}`));
      one.title = text.match(/^# (.*)$/m)?.[1] ?? one.lab.title;
      one.what = markdown().renderInline(text.match(/^# .*\n+((?:.+\n)+)/m)?.[1].trim() ?? ""); // its first paragraph
      const others = this.handouts.filter(({ lab, lang }) => lab === one.lab && lang !== one.lang);
      this.write(`handouts/${one.page}`, pages.handoutPage({ ...one, html: md.render(text), others }));
      this.entries.push(...search.handoutEntries(text, one.title.replace(/`/g, ""), `handouts/${one.page}`));
    }
  }

  makeLabPages() {
    const { course } = this;
    const md = markdown(undefined, true);
    course.labs.forEach((lab, i) => {
      const decks = this.decks.filter(({ number }) => number === lab.number).map((deck) => ({ ...deck, page: `${deck.name}.html` }));
      const deck = decks.find(({ lang }) => lang === "en");
      const handouts = this.handouts.filter((one) => one.lab === lab);
      const questions = (deck?.slides ?? []).flatMap(questionsOf)
        .map(({ question, answer }) => `<details><summary>${md.renderInline(question)}</summary>${md.render(answer)}</details>`).join("\n");
      this.write(`labs/${lab.id}.html`, pages.labPage({
        lab, deck, decks, handouts, questions,
        what: handouts[0].what,
        sheets: this.sheets.filter(({ number }) => number === lab.number),
        terms: this.terms.filter((term) => term.decks.includes(lab.number)),
        before: course.labs[i - 1],
        after: course.labs[i + 1],
      }));
      this.entries.push(...search.checkEntries(lab));
    });
  }

  addReference({ names, errors }) {
    for (const error of errors) this.problems.add(error.replace(/:? *(warning|error):.*/, ""), 0, error.replace(/^.*?(warning|error): */, ""));
    this.entries.push(...search.referenceEntries(names));
  }

  /** The entrance, the glossary, the search. */
  makeFrame() {
    const entries = this.course.labs.map((lab) => ({ lab, what: this.handouts.find((one) => one.lab === lab).what }));
    const first = this.decks.find(({ number, lang }) => number === opening && lang === "en");
    this.write("index.html", pages.indexPage({ course: this.course, opening: first, entries }));
    this.write("glossary.html", pages.glossaryPage(this.terms));
    this.write("search.html", pages.searchPage());
    this.entries.push(...search.glossaryEntries(this.terms));
    this.write("assets/search-index.js", search.searchScript(this.entries));
    this.write("assets/site.css", this.site.palette + this.site.asset("site.css"));
    this.write("assets/search.js", this.site.asset("search.js"));
    copyFileSync(pathOf("minisearch").replace(/dist\/.*/, "dist/umd/index.js"), join(this.folder, "assets/minisearch.js"));
  }

  checkLinks() {
    const all = readdirSync(this.folder, { recursive: true }).filter((name) => name.endsWith(".html"));
    for (const { page, link } of deadLinks(this.folder, all)) this.problems.add(this.sourceOf(page), 0, `the link ${link} on ${page} leads nowhere`);
  }

  sourceOf(page) {
    const sources = [...this.decks.map(({ path, name }) => [path, `slides/${name}.`]), ...this.handouts.map((one) => [one.path, `handouts/${one.page}`])];
    return sources.find(([, start]) => page.startsWith(start))?.[0] ?? page;
  }
}
