// Links: written for readers of the repository (`05-unreliable-udp.md#backoff`), turned into the site's addresses, and
// looked up when all pages are there.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";

/** Whether an address leads out of the site. */
const outside = (address) => /^[a-z][a-z0-9+.-]*:/i.test(address);

/** The pages of the site, by the source they are made of. */
export class SiteMap {
  #pages = new Map();

  /** @param {string} source  path in the repository  @param {string} page  path in the site */
  add(source, page) {
    this.#pages.set(source, page);
  }

  page(source) {
    return this.#pages.get(source);
  }

  /**
   * The address for a link that stands in `source` and is shown on `page`.
   * @param {(text: string) => void} complain
   */
  address(link, source, page, complain) {
    if (outside(link) || link.startsWith("#")) return link;
    const [path, fragment] = link.split("#");
    const target = normalize(join(dirname(source), path));
    const to = this.#pages.get(target);
    if (!to) {
      complain(`the link ${link} leads to nothing that is in the site`);
      return link;
    }
    return relative(dirname(page), to) + (fragment ? `#${fragment}` : "");
  }
}

/** Links of a deck's or a glossary's Markdown, replaced in its text. */
export const rewriteMarkdown = (line, rewrite) => line.replace(/(\]\()([^)\s]+)(\))/g, (_, open, link, close) => open + rewrite(link) + close);

/**
 * Every link and fragment of the pages below `folder` that leads nowhere.
 * @param {string[]} pages  paths of HTML files in it
 * @returns {{page: string, link: string}[]}
 */
export function deadLinks(folder, pages) {
  const dead = [];
  const names = new Map();
  const idsOf = (file) => {
    if (!names.has(file)) names.set(file, readIds(readFileSync(file, "utf8")));
    return names.get(file);
  };
  for (const page of pages) {
    const html = readFileSync(join(folder, page), "utf8").replace(/<script\b[\s\S]*?<\/script>/g, (text) => text.slice(0, text.indexOf(">")));
    for (const [, link] of html.matchAll(/\s(?:href|src)="([^"]+)"/g)) {
      const address = link.replaceAll("&amp;", "&");
      if (outside(address) || address.startsWith("javascript:")) continue;
      const [path, fragment] = address.split("#");
      const file = path ? join(folder, dirname(page), decodeURIComponent(path.split("?")[0])) : join(folder, page);
      const there = existsSync(file) && (!fragment || !file.endsWith(".html") || idsOf(file).has(decodeURIComponent(fragment)));
      if (!there) dead.push({ page, link: address });
    }
  }
  return dead;
}

/** What a fragment can name in a page: ids, old-fashioned names, and the names of slides. */
function readIds(html) {
  const ids = new Set([...html.matchAll(/\s(?:id|name)="([^"]+)"/g)].map(([, id]) => id));
  const slides = html.match(/const slideNames = (\{.*?\});/);
  for (const name of Object.keys(slides ? JSON.parse(slides[1]) : {})) ids.add(name);
  return ids;
}
