// Paper: measures and prints slides and sheets, several pages of one browser at a time.

import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { withBrowser } from "./browser.mjs";
import { fitSheet, measureSlides } from "./measure.mjs";
import { eachOf } from "./runs.mjs";

/**
 * @typedef {object} Job
 * @property {string} html    a page, whole in itself
 * @property {string} target  the PDF's path
 * @property {"deck" | "sheet"} kind
 * @property {(found: {slide: number, text: string}) => void} complain
 *
 * @param {Job[]} jobs
 * @param {string} folder  for the pages while they are printed
 */
export async function printAll(jobs, folder, tabs = 3) {
  mkdirSync(folder, { recursive: true });
  await withBrowser(async (browser) => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, colorScheme: "light", offline: true });
    await eachOf(jobs.entries(), tabs, async ([number, { html, target, kind, complain }]) => {
      const file = join(folder, `${number}.html`);
      writeFileSync(file, html);
      const page = await context.newPage();
      await page.goto(pathToFileURL(file).href);
      // Links within the site would lead, from a PDF, to the folder where it was made.
      await page.evaluate(() => document.querySelectorAll('a:not([href^="http"])').forEach((link) => link.removeAttribute("href")));
      if (kind === "deck") (await measureSlides(page)).forEach(complain);
      else if (!(await fitSheet(page))) complain({ slide: 1, text: "is longer than a page, even in letters of 7.8 points" });
      mkdirSync(dirname(target), { recursive: true });
      await page.pdf({ path: target, preferCSSPageSize: true, printBackground: true, outline: true, tagged: true });
      await page.close();
    });
  });
}
