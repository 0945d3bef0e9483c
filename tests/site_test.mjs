// The site, looked at in Chromium from file://, as its readers do.
//   node site_test.mjs SITE BUILD_FOLDER

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { withBrowser } from "../slides/site/browser.mjs";
import { Course } from "../slides/site/course.mjs";
import { measureSlides } from "../slides/site/measure.mjs";
import { openPackages, pathOf } from "../slides/site/packages.mjs";

const [site, build] = process.argv.slice(2).map((path) => resolve(path));
const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
openPackages(join(root, "slides"), join(build, "../site"), console.log);
const axe = readFileSync(pathOf("axe-core"), "utf8");
const course = new Course(root);

const files = readdirSync(site, { recursive: true }).filter((name) => name.endsWith(".html")).sort();
const isDeck = (name) => name.startsWith("slides/") && !name.endsWith(".notes.html");
const decks = files.filter(isDeck);
const plain = files.filter((name) => !isDeck(name) && !name.startsWith("api/"));
const reference = files.filter((name) => name.startsWith("api/"));
const url = (name) => pathToFileURL(join(site, name)).href;
const tabs = 3;

let failed = 0;
let passed = 0;
/** One claim: prints it, and what speaks against it. */
function claim(sentence, against) {
  if (against.length === 0) ++passed;
  else ++failed;
  console.log(`${against.length ? "FAILED" : "ok    "} ${sentence}`);
  against.slice(0, 20).forEach((text) => console.log(`         ${text}`));
  if (against.length > 20) console.log(`         and ${against.length - 20} more`);
}

/** Opens pages in the tabs of a context, and hears what goes wrong. */
async function visit(context, names, trouble, look) {
  const waiting = [...names];
  const work = async () => {
    const page = await context.newPage();
    let name = waiting[0];
    page.on("console", (message) => message.type() === "error" && trouble.push(`${name}: console: ${message.text()}`));
    page.on("pageerror", (error) => trouble.push(`${name}: ${error.message}`));
    page.on("request", (request) => {
      const asked = new URL(request.url());
      if (!/^(file|data|blob|about):/.test(asked.href)) trouble.push(`${name}: asks the network for ${asked}`);
      // Whether the answer came is not asked: the next page may have begun by then.
      if (asked.protocol === "file:" && !existsSync(fileURLToPath(new URL(asked.pathname, "file://")))) trouble.push(`${name}: not found: ${asked}`);
    });
    for (name = waiting.shift(); name; name = waiting.shift()) {
      await page.goto(url(name), { timeout: 120_000 });  // a busy machine is no fault of the page's
      await look(page, name);
    }
    await page.close();
  };
  await Promise.all(Array.from({ length: tabs }, work));
}

/** What axe-core finds that is serious or critical. It looks at nothing that it would have to fetch. */
async function faults(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"], preload: false }));
  return inWords(found.violations);
}

const inWords = (violations) =>
  violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes[0].target.join(" ")} (${nodes.length}) ${nodes[0].any[0]?.message ?? ""}`);

const links = new Map(); // page: the links in it
const ids = new Map(); // page: what a fragment can name

async function collect(page, name) {
  const { found, names } = await page.evaluate(() => ({
    found: [...document.querySelectorAll("[href],[src]")].map((one) => one.href?.baseVal ?? one.href ?? one.src).filter(Boolean),
    names: [...document.querySelectorAll("[id],[name]")].flatMap((one) => [one.id, one.getAttribute("name")]).filter(Boolean),
  }));
  links.set(name, found);
  ids.set(name, new Set(names));
}

function deadLinks() {
  const dead = [];
  for (const [name, found] of links) {
    for (const link of new Set(found)) {
      if (!link.startsWith("file:")) continue;
      const address = new URL(link);
      const path = fileURLToPath(new URL(address.pathname, "file://"));
      const target = path.slice(site.length + 1);
      const fragment = decodeURIComponent(address.hash.slice(1));
      if (!path.startsWith(site) || !existsSync(path)) dead.push(`${name}: ${link}`);
      else if (fragment && ids.has(target) && !ids.get(target).has(fragment)) dead.push(`${name}: ${target} has no #${fragment}`);
    }
  }
  return dead;
}

/** Each slide of a deck in turn: does its name lead to it, does it fit, can everybody read it? */
async function walk(page, name, found) {
  await page.evaluate(axe);
  const seen = await page.evaluate(async () => {
    const shown = () => document.querySelector(".bespoke-marp-active section")?.id;
    const go = async (hash, number) => {
      location.hash = hash;
      for (let frames = 0; frames < 120 && shown() !== String(number); ++frames) await new Promise(requestAnimationFrame);
      return shown();
    };
    const nameOf = Object.fromEntries(Object.entries(slideNames).map(([anchor, number]) => [number, anchor]));
    const slides = [];
    for (let number = 1; number <= document.querySelectorAll("section[id]").length; ++number) {
      const at = await go(nameOf[number] ?? number, number);
      const { violations } = await axe.run(".bespoke-marp-active section", { resultTypes: ["violations"], preload: false });
      slides.push({ number, anchor: nameOf[number] ?? "", at, violations: JSON.parse(JSON.stringify(violations)) });
    }
    return slides;
  });
  for (const { number, anchor, at, violations } of seen) {
    if (anchor) ids.get(name).add(anchor);
    if (at !== String(number)) found.lost.push(`${name}#${anchor || number} shows slide ${at}, not ${number}`);
    for (const fault of inWords(violations)) found.unreadable.push(`${name}, slide ${number}: ${fault}`);
  }
  for (const { slide, text } of await measureSlides(page)) found.large.push(`${name}, slide ${slide}: ${text}`);
  found.slides += seen.length;
}

async function presenterView(context) {
  const against = [];
  const deck = decks.find((name) => name.startsWith("slides/05-")) ?? decks[0];
  const page = await context.newPage();
  await page.goto(url(deck) + "#2");
  const [presenter] = await Promise.all([page.waitForEvent("popup"), page.keyboard.press("p")]);
  presenter.on("pageerror", (error) => against.push(error.message));
  await presenter.waitForSelector(".bespoke-marp-note.active");
  const note = await presenter.locator(".bespoke-marp-note.active").innerText();
  if (note.length < 50) against.push(`the notes of slide 2 are “${note}”`);
  await presenter.waitForFunction(() => document.querySelector('[data-bespoke-marp-presenter="info-page"],.bespoke-marp-presenter-info-page')?.textContent.includes("2"));
  await presenter.keyboard.press("ArrowRight");
  const next = await page.waitForFunction(() => document.querySelector(".bespoke-marp-active section")?.id === "3", null, { timeout: 5000 }).catch(() => null);
  if (!next) against.push("the next slide of the presenter's view is not the audience's");
  await presenter.close();
  await page.close();
  return against;
}

async function search(context) {
  const page = await context.newPage();
  await page.goto(url("index.html"));
  await page.fill("form.search input", "SO_BROADCAST");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#search-results li");
  const results = await page.locator("#search-results li").allInnerTexts();
  const against = results.every((text) => !text.includes("SO_BROADCAST")) ? ["no result names it"] : [];
  for (const kind of ["Slides", "Handout"]) if (!results.some((text) => text.includes(kind))) against.push(`no result in ${kind}`);
  await page.locator("#search-results a").first().click();
  await page.waitForURL(/#/).catch(() => against.push("the first result leads nowhere"));
  await page.close();
  return against;
}

await withBrowser(async (browser) => {
  failed = passed = 0;
  const context = (options) => browser.newContext({ offline: true, viewport: { width: 1280, height: 720 }, ...options });
  const light = await context({ colorScheme: "light" });
  const trouble = [];
  const found = { lost: [], large: [], unreadable: [], slides: 0 };

  await visit(light, plain, trouble, async (page, name) => {
    await collect(page, name);
    for (const fault of await faults(page)) found.unreadable.push(`${name}: ${fault}`);
  });
  await visit(light, decks, trouble, async (page, name) => {
    await collect(page, name);
    await walk(page, name, found);
  });
  await visit(light, reference, trouble, collect);
  claim(`each of ${files.length} pages loads without an error and without the network`, trouble);
  claim("each link and fragment leads somewhere", deadLinks());
  claim("the name of each slide leads to it", found.lost);
  claim(`each of ${found.slides} slides has room for what is on it`, found.large);

  const wanted = course.labs.flatMap((lab) => lab.checks.filter(({ slide }) => slide).map(({ slide }) => [lab, slide.replace("#", "")]));
  claim(`each of ${wanted.length} slide links of the checks leads to a slide`, wanted.filter(([lab, name]) => !ids.get(lab.deck.replace(/\.md$/, ".html"))?.has(name)).map(([lab, name]) => `${lab.id}: #${name}`));

  const dark = await context({ colorScheme: "dark" });
  await visit(dark, [...plain, ...decks], [], async (page, name) => {
    for (const fault of await faults(page)) found.unreadable.push(`${name}, dark: ${fault}`);
  });
  claim("axe-core finds no serious or critical fault, in the light and in the dark", found.unreadable);

  const phone = await context({ viewport: { width: 360, height: 700 }, isMobile: true, hasTouch: true });
  const wide = [];
  await visit(phone, plain, [], async (page, name) => {
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    if (width > 361) wide.push(`${name}: ${width} px`);
  });
  claim("no page is wider than a phone", wide);

  claim("the search finds SO_BROADCAST", await search(light));
  claim("the presenter's view has the notes, and moves the audience's", await presenterView(light));
});

console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;
