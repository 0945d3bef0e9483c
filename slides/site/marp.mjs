// Marp: from Markdown to slides in HTML, with Marp's own template (presenter view, progress, swiping).

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "./packages.mjs";
import { Trouble } from "./problems.mjs";

/**
 * Renders decks with Marp's command line, all in one go.
 * @param {{name: string, markdown: string, template: string}[]} decks  template: "bespoke" (screen) or "bare" (print)
 * @param {string} theme   the style sheet
 * @param {string} folder  for files in between; emptied
 * @returns {Promise<string[]>}  HTML, in the same order
 */
export async function renderDecks(decks, theme, folder) {
  const { marpCli } = load("@marp-team/marp-cli");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const config = join(folder, "config.json");
  writeFileSync(config, JSON.stringify({
    html: true,
    // No formulas, no emoji pictures: both would be fetched from the network. Lines are wrapped as in any Markdown.
    options: { math: false, emoji: { shortcode: false, unicode: false }, markdown: { breaks: false } },
  }));
  const style = join(folder, "theme.css");
  writeFileSync(style, theme);
  const pages = [];
  for (const { name, markdown, template } of decks) {
    const source = join(folder, `${pages.length}.md`);
    const target = join(folder, `${pages.length}.html`);
    writeFileSync(source, markdown);
    const status = await quietly(() => marpCli(["--config-file", config, "--theme-set", style, "--no-stdin", "--template", template, "-o", target, source]));
    if (status.code !== 0) throw new Trouble(`Marp could not render ${name}:\n${status.said}`);
    pages.push(readFileSync(target, "utf8"));
  }
  return pages;
}

/** Marp says on standard error what it converts; that is for us to say. */
async function quietly(work) {
  const write = process.stderr.write;
  const error = console.error;
  let said = "";
  process.stderr.write = (text) => ((said += text), true);
  console.error = (...words) => (said += words.join(" ") + "\n");
  try {
    return { code: await work(), said };
  } finally {
    process.stderr.write = write;
    console.error = error;
  }
}
