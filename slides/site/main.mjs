// The site's generator. `./wirelab site DIR` calls it; authors call it themselves for one deck:
//
//     node slides/site/main.mjs deck 05 OUT             HTML, and what does not fit
//     node slides/site/main.mjs deck 05 OUT --pictures  and a picture of each slide
//
// How a site comes to be: course.mjs reads manifests; deck.mjs reads decks; directives.mjs fills them in, with code
// (code.mjs), recorded runs (runs.mjs, pictures.mjs) and what the compiler says (layout.mjs); marp.mjs renders slides;
// browser.mjs measures and prints. problems.mjs collects what is wrong, and with any problem there is no site.

import { existsSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildOneDeck } from "./author.mjs";
import { Course } from "./course.mjs";
import { openPackages } from "./packages.mjs";
import { Problems, Trouble } from "./problems.mjs";
import { Runs } from "./runs.mjs";

const here = dirname(fileURLToPath(import.meta.url));

const usage = `usage: node slides/site/main.mjs deck NN OUT [--lang ko] [--pictures] [--dark]
options: --wirelab FILE  the built program (build/release/bin/wirelab)
         --state DIR     where packages and recorded runs are kept (build/site)`;

/** What every part of the generator works with. */
export class Site {
  constructor({ wirelab, state, quiet }) {
    this.root = resolve(here, "../..");
    this.state = resolve(state ?? join(this.root, "build/site"));
    this.theme = join(this.root, "slides/theme.css");
    this.assets = join(here, "assets");
    this.say = quiet ? () => {} : (text) => console.log(text);
    this.problems = new Problems();
    openPackages(join(this.root, "slides"), this.state, this.say);
    this.course = new Course(this.root);
    const program = resolve(wirelab ?? join(this.root, "build/release/bin/wirelab"));
    if (!existsSync(program)) throw new Trouble(`${program} is not built; ./wirelab site builds it`);
    this.runs = new Runs(this.course, program, join(this.state, "runs"));
  }
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      wirelab: { type: "string" },
      state: { type: "string" },
      lang: { type: "string" },
      pictures: { type: "boolean" },
      dark: { type: "boolean" },
      quiet: { type: "boolean" },
    },
  });
  const [command, ...rest] = positionals;
  if (command !== "deck" || rest.length !== 2) throw new Trouble(usage);
  const site = new Site(values);
  await buildOneDeck(site, rest[0].padStart(2, "0"), { ...values, out: rest[1] });
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
