// The site's generator. `./wirelab site DIR` calls it; authors call it themselves for one deck:
//
//     node slides/site/main.mjs deck 05 OUT             HTML, and what does not fit
//     node slides/site/main.mjs deck 05 OUT --pictures  and a picture of each slide
//     node slides/site/main.mjs translated FILE         records that a translation is up to date
//
// How a site comes to be: course.mjs reads manifests; deck.mjs reads decks; directives.mjs fills them in, with code
// (code.mjs), recorded runs (runs.mjs, pictures.mjs) and what the compiler says (layout.mjs); marp.mjs renders slides;
// browser.mjs measures and prints. problems.mjs collects what is wrong, and with any problem there is no site.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildOneDeck } from "./author.mjs";
import { Course } from "./course.mjs";
import { openPackages, pathOf } from "./packages.mjs";
import { Problems, Trouble } from "./problems.mjs";
import { Runs } from "./runs.mjs";
import { buildSite } from "./site.mjs";
import { checkTranslations, recordTranslation } from "./translations.mjs";

const here = dirname(fileURLToPath(import.meta.url));

const usage = `usage: node slides/site/main.mjs site OUT [--draft]       the whole site; a draft in spite of problems
       node slides/site/main.mjs deck NN OUT [--lang ko] [--pictures] [--dark]
       node slides/site/main.mjs translated FILE      records that a translation is up to date
       node slides/site/main.mjs behind               which translations are not
       node slides/site/main.mjs lint                 markdownlint
options: --wirelab FILE  the built program (build/release/bin/wirelab)
         --state DIR     where packages and recorded runs are kept (build/site)`;

/** What every part of the generator works with. */
export class Site {
  constructor({ wirelab, state, quiet }) {
    this.here = here;
    this.root = resolve(here, "../..");
    this.state = resolve(state ?? join(this.root, "build/site"));
    this.palette = readFileSync(join(this.root, "slides/palette.css"), "utf8");
    this.theme = this.palette + readFileSync(join(this.root, "slides/theme.css"), "utf8");
    this.assets = join(here, "assets");
    this.say = quiet ? () => {} : (text) => console.log(text);
    this.problems = new Problems();
    openPackages(join(this.root, "slides"), this.state, this.say);
    this.course = new Course(this.root);
    this.runs = new Runs(this.course, resolve(wirelab ?? join(this.root, "build/release/bin/wirelab")), join(this.state, "runs"));
  }

  /** The text of a file of slides/site/assets. */
  asset(name) {
    return readFileSync(join(this.assets, name), "utf8");
  }

  requireWirelab() {
    if (!existsSync(this.runs.wirelab)) throw new Trouble(`${this.runs.wirelab} is not built; ./wirelab site builds it`);
  }
}

const commands = {
  site: (site, [out], options) => {
    site.requireWirelab();
    return buildSite(site, out, options);
  },
  deck: (site, [number, out], options) => {
    site.requireWirelab();
    return buildOneDeck(site, number.padStart(2, "0"), { ...options, out });
  },
  translated: (site, [path]) => {
    if (!recordTranslation(site.course, path)) throw new Trouble(`${path}: no translation (slides/ko/NN-*.md, labs/NN-*/README.ko.md, ...)`);
  },
  behind: (site) => checkTranslations(site.course, site.problems),
  lint: (site) => {
    const program = pathOf("markdownlint-cli2").replace(/(node_modules\/markdownlint-cli2)\/.*/, "$1/markdownlint-cli2-bin.mjs");
    const { status } = spawnSync(process.execPath, [program], { cwd: site.root, stdio: "inherit" });
    if (status !== 0) throw new Trouble("markdownlint: see above, and .markdownlint-cli2.jsonc");
  },
};

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      wirelab: { type: "string" },
      state: { type: "string" },
      lang: { type: "string" },
      pictures: { type: "boolean" },
      dark: { type: "boolean" },
      draft: { type: "boolean" },
      quiet: { type: "boolean" },
    },
  });
  const [command, ...rest] = positionals;
  const expected = { site: 1, deck: 2, translated: 1, behind: 0, lint: 0 };
  if (expected[command] !== rest.length) throw new Trouble(usage);
  const site = new Site(values);
  await commands[command](site, rest, values);
  if (site.problems.count === 0) return 0;
  console.error(`${site.problems}`);
  return 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof Trouble) && !error.code?.startsWith?.("ERR_PARSE_ARGS")) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
